package org.flatsnap.store;

import java.util.Optional;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.SnapshotId;

/**
 * The datasets and properties of a ZFS store; the package comment draws them.
 *
 * @param root what the administrator configured
 * @param own everything of flatsnap's below it
 * @param staged clones that are to become live disks
 * @param aside what was live before a rollback, with all its snapshots
 * @param readers clones of snapshots that are being read
 */
record ZfsNames(DatasetName root, DatasetName own, DatasetName staged, DatasetName aside, DatasetName readers) {
    /** What a snapshot is: {@link #STAGED}, {@link #PUBLISHED}, {@link #PART} or {@link #DELETED}. */
    static final String STATE = "org.flatsnap:state";

    /** Unpublished work of its {@link #OWNER}. */
    static final String STAGED = "staged";

    static final String PUBLISHED = "published";

    /** An image that belongs to a published record elsewhere in the store. */
    static final String PART = "part";

    static final String DELETED = "deleted";

    /** The staging directory whose owner made it. */
    static final String OWNER = "org.flatsnap:owner";

    /** On what lets a snapshot be read: the process that reads, on a volume also the snapdev to be restored. */
    static final String READER = "org.flatsnap:reader";

    /** Whose disk a snapshot shows. */
    static final String VM = "org.flatsnap:vm";

    /** On what stands aside: the name it had. On what was or is being removed: the name it has there. */
    static final String LIVE = "org.flatsnap:live";

    /** On what stands aside: the transaction group of the last snapshot it had by then; what is younger holds nothing new. */
    static final String LAST = "org.flatsnap:last";

    /** On what stands aside or will be live: properties it shall have there. */
    static final String FINISH = "org.flatsnap:finish";

    /** On a new VM's disk until the VM is defined. */
    static final String CLONE = "org.flatsnap:clone";

    /** The tag of holds, see zfs-hold(8). */
    static final String HOLD = "flatsnap";

    static final String PROPERTIES = "org.flatsnap:";

    private static final String SNAPSHOT = "flatsnap-";

    private static final String COPY = SNAPSHOT + "copy-";

    static ZfsNames below(DatasetName root) {
        DatasetName own = root.child(Layout.DIRECTORY);
        return new ZfsNames(root, own, own.child("staged"), own.child("aside"), own.child("readers"));
    }

    static SnapshotName snapshot(DatasetName disk, SnapshotId id) {
        return disk.snapshot(SNAPSHOT + id);
    }

    /** The moment at which an operation copies a disk. */
    static SnapshotName copied(DatasetName disk, OperationId operation) {
        return disk.snapshot(COPY + operation);
    }

    /** The id in a name of flatsnap's making. */
    static Optional<SnapshotId> id(SnapshotName name) {
        String text = name.name();
        return text.startsWith(SNAPSHOT) && SnapshotId.looksLikeOne(text.substring(SNAPSHOT.length()))
                ? Optional.of(new SnapshotId(text.substring(SNAPSHOT.length())))
                : Optional.empty();
    }

    /** Nothing if it cannot be a dataset's name: what stands in a property or a file may be anybody's. */
    static Optional<DatasetName> dataset(String name) {
        try {
            return Optional.of(new DatasetName(name));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** Whether it can be a disk of this store. */
    boolean covers(DatasetName disk) {
        return below(disk, root) && !disk.equals(own) && !below(disk, own);
    }

    static boolean below(DatasetName name, DatasetName above) {
        return name.toString().startsWith(above + "/");
    }

    DatasetName staged(OperationId operation, DiskName disk) {
        return staged.child(operation + "." + disk);
    }

    DatasetName aside(OperationId operation, DiskName disk) {
        return aside.child(operation + "." + disk);
    }

    /** Whether an operation put it there. */
    static boolean by(OperationId operation, DatasetName dataset) {
        return dataset.toString().contains("/" + operation + ".");
    }
}
