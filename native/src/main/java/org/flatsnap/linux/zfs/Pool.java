package org.flatsnap.linux.zfs;

/**
 * A pool as {@code zpool list} shows it. The sizes are those of the devices, parity included, and 0 while the pool is not
 * available; what a dataset can still take is its property {@code available}.
 *
 * @param name of the pool and of its root dataset
 * @param guid unsigned 64-bit number
 * @param sizeBytes of all devices together
 * @param allocatedBytes in use
 * @param freeBytes not in use
 * @param health see there
 */
public record Pool(String name, long guid, long sizeBytes, long allocatedBytes, long freeBytes, Health health) {
    /** The states of a pool, zpoolconcepts(7). */
    public enum Health {
        ONLINE,
        /** Works, with too few devices. */
        DEGRADED,
        FAULTED,
        OFFLINE,
        REMOVED,
        UNAVAIL,
        /** Waits for its devices; every write hangs. */
        SUSPENDED
    }

    static Pool parse(String line) {
        String[] fields = line.split("\t", -1);
        return new Pool(
                fields[0],
                number(fields[1]),
                number(fields[2]),
                number(fields[3]),
                number(fields[4]),
                Health.valueOf(fields[5]));
    }

    private static long number(String field) {
        return field.equals("-") ? 0 : Long.parseUnsignedLong(field);
    }
}
