package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;

/**
 * How index keys begin. What follows is a {@link Stamp}, so one prefix is one run of snapshots in time order.
 *
 * <p>The first letter says of what kind the prefix is. What comes then has the same length for all of a kind, or is ended by a
 * NUL; no name, tag or VM's id contains one, so no prefix begins another.
 */
final class Keys {
    /** Begins every key. */
    static final byte[] ANY = {};

    /** Begins every key of a snapshot that its manager has not finished. */
    static final byte[] UNDER_WAY = {'w'};

    private static final byte[] NUL = {0};

    private Keys() {}

    static byte[] vm(Section section) {
        return join(kind('v'), word(section.word()));
    }

    static byte[] id(SnapshotId id) {
        return join(kind('i'), Stamp.bytes(id));
    }

    static byte[] operation(OperationId operation) {
        return join(kind('o'), bytes(operation));
    }

    static byte[] name(Section section, SnapshotName name) {
        return name(section, name.value());
    }

    static byte[] name(Section section, String name) {
        return join(kind('m'), word(section.word()), word(name));
    }

    /** Of one that its manager has not finished. */
    static byte[] underWay(VmId vm, SnapshotName name) {
        return join(underWay(vm), word(name.value()));
    }

    /** Of those of a VM that its manager has not finished. */
    static byte[] underWay(VmId vm) {
        return join(UNDER_WAY, word(vm.value()));
    }

    static byte[] name(String name) {
        return join(kind('n'), word(name));
    }

    static byte[] tag(Tag tag) {
        return join(kind('t'), word(tag.value()));
    }

    static byte[] tag(Section section, Tag tag) {
        return join(kind('u'), word(section.word()), word(tag.value()));
    }

    /** The prefixes under which a snapshot is found; one that is under way by those only that no list or query walks. */
    static List<byte[]> of(Snapshot snapshot) {
        if (snapshot.labels().underWay()) {
            return List.of(
                    id(snapshot.id()), operation(snapshot.operation()), underWay(snapshot.vm(), snapshot.name()));
        }
        Section section = Section.of(snapshot);
        List<byte[]> prefixes = new ArrayList<>(List.of(
                vm(section),
                id(snapshot.id()),
                operation(snapshot.operation()),
                name(section, snapshot.name()),
                name(snapshot.name().value())));
        snapshot.labels().tags().forEach(tag -> {
            prefixes.add(tag(tag));
            prefixes.add(tag(section, tag));
        });
        return prefixes;
    }

    static byte[] bytes(OperationId operation) {
        return ByteBuffer.allocate(2 * Long.BYTES)
                .putLong(operation.value().getMostSignificantBits())
                .putLong(operation.value().getLeastSignificantBits())
                .array();
    }

    static byte[] join(byte[]... parts) {
        int size = 0;
        for (byte[] part : parts) {
            size += part.length;
        }
        ByteBuffer joined = ByteBuffer.allocate(size);
        for (byte[] part : parts) {
            joined.put(part);
        }
        return joined.array();
    }

    private static byte[] kind(char letter) {
        return new byte[] {(byte) letter};
    }

    private static byte[] word(String text) {
        return join(text.getBytes(StandardCharsets.UTF_8), NUL);
    }
}
