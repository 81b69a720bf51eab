package org.flatsnap.fuseview;

/**
 * What statfs(2) and df(1) show of a tree.
 *
 * @param totalBytes room of what lies behind it; df(1) leaves out file systems with none
 * @param availableBytes how much of that is free
 */
public record Capacity(long totalBytes, long availableBytes) {

    /** Of a tree that has no room of its own. */
    public static final Capacity NONE = new Capacity(0, 0);

    /** @throws IllegalArgumentException if a number is out of its range */
    public Capacity {
        if (availableBytes < 0 || availableBytes > totalBytes) {
            throw new IllegalArgumentException(availableBytes + " bytes available of " + totalBytes);
        }
    }
}
