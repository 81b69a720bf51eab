package org.flatsnap.linux.zfs;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The name of a file system or volume, {@code pool/path}: components of letters, digits and {@code -_.:} and blanks, joined
 * by slashes, none of them {@code .} or {@code ..}; at most 255 characters. The rules are those of zfs_namecheck.c; the
 * percent sign of ZFS's own hidden datasets is left out.
 *
 * @param name the whole name, pool first
 */
public record DatasetName(String name) implements ZfsName {
    /** {@code ZFS_MAX_DATASET_NAME_LEN} of sys/fs/zfs.h counts the final NUL. */
    static final int LENGTH_LIMIT = 255;

    private static final Pattern COMPONENT = Pattern.compile("[A-Za-z0-9_.: -]+");

    public DatasetName {
        requireShort(name);
        for (String component : name.split("/", -1)) {
            requireComponent(component, name);
            if (component.equals(".") || component.equals("..")) {
                throw new IllegalArgumentException("'" + name + "' has '" + component + "' in it");
            }
        }
        if (!Character.isLetter(name.charAt(0))) {
            throw new IllegalArgumentException("'" + name + "' begins with no letter, so it names no pool");
        }
    }

    static void requireComponent(String component, String name) {
        if (!COMPONENT.matcher(component).matches()) {
            throw new IllegalArgumentException("'" + name + "' is no ZFS name: '" + component
                    + "' must be letters, digits, blanks and -_.: only, and not empty");
        }
    }

    static void requireShort(String name) {
        if (name.length() > LENGTH_LIMIT) {
            throw new IllegalArgumentException("'" + name + "' has " + name.length() + " characters; ZFS allows "
                    + LENGTH_LIMIT + " for the whole name");
        }
    }

    @Override
    public String pool() {
        int slash = name.indexOf('/');
        return slash < 0 ? name : name.substring(0, slash);
    }

    /** The dataset it lies in, none for a pool's root. */
    public Optional<DatasetName> parent() {
        int slash = name.lastIndexOf('/');
        return slash < 0 ? Optional.empty() : Optional.of(new DatasetName(name.substring(0, slash)));
    }

    /** The dataset {@code path} below this one. */
    public DatasetName child(String path) {
        return new DatasetName(name + "/" + path);
    }

    /** The snapshot of this dataset with that name. */
    public SnapshotName snapshot(String snapshot) {
        return new SnapshotName(this, snapshot);
    }

    @Override
    public String toString() {
        return name;
    }
}
