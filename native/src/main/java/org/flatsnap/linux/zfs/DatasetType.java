package org.flatsnap.linux.zfs;

/** The kinds of things {@code zfs list} shows; bookmarks are left out. */
public enum DatasetType {
    FILESYSTEM("filesystem"),
    VOLUME("volume"),
    SNAPSHOT("snapshot");

    private final String word;

    DatasetType(String word) {
        this.word = word;
    }

    /** The value of the property {@code type}. */
    String word() {
        return word;
    }

    static DatasetType of(String word) {
        for (DatasetType type : values()) {
            if (type.word.equals(word)) {
                return type;
            }
        }
        throw new IllegalArgumentException("zfs get printed the type '" + word + "'");
    }
}
