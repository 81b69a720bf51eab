package org.flatsnap.linux.zfs;

/**
 * The name of a snapshot, {@code dataset@name}: at most 255 characters together.
 *
 * @param dataset what it is a snapshot of
 * @param name the part after the at sign: letters, digits, blanks and {@code -_.:}
 */
public record SnapshotName(DatasetName dataset, String name) implements ZfsName {
    public SnapshotName {
        DatasetName.requireComponent(name, dataset + "@" + name);
        DatasetName.requireShort(dataset + "@" + name);
    }

    /**
     * Reads {@code dataset@name}.
     *
     * @throws IllegalArgumentException if it is no such name
     */
    public static SnapshotName parse(String text) {
        int at = text.indexOf('@');
        if (at < 0) {
            throw new IllegalArgumentException("'" + text + "' names no snapshot: it has no '@'");
        }
        return new SnapshotName(new DatasetName(text.substring(0, at)), text.substring(at + 1));
    }

    @Override
    public String pool() {
        return dataset.pool();
    }

    @Override
    public String toString() {
        return dataset + "@" + name;
    }
}
