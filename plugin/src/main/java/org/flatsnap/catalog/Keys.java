package org.flatsnap.catalog;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
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
 * <p>A NUL ends each part; no name, tag or id contains one, so no prefix begins another.
 */
final class Keys {
    /** Begins every key. */
    static final byte[] ANY = {};

    private static final byte[] NUL = {0};

    private Keys() {}

    static byte[] vm(VmId vm) {
        return word(vm.value());
    }

    static byte[] id(SnapshotId id) {
        return join(word("id"), word(id.value()));
    }

    static byte[] operation(OperationId operation) {
        return join(word("operation"), word(operation.toString()));
    }

    static byte[] name(VmId vm, SnapshotName name) {
        return join(word("vm-name"), word(vm.value()), word(name.value()));
    }

    static byte[] name(String name) {
        return join(word("name"), word(name));
    }

    static byte[] tag(Tag tag) {
        return join(tags(), word(tag.value()));
    }

    /** Begins those of all tags. */
    static byte[] tags() {
        return word("tag");
    }

    static Tag tagIn(byte[] prefix) {
        int begin = tags().length;
        return new Tag(new String(prefix, begin, prefix.length - begin - NUL.length, StandardCharsets.UTF_8));
    }

    /** The prefixes under which exactly one snapshot, or a few, are found. */
    static List<byte[]> identities(Snapshot snapshot) {
        return List.of(id(snapshot.id()), operation(snapshot.operation()), name(snapshot.vm(), snapshot.name()));
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

    private static byte[] word(String text) {
        return join(text.getBytes(StandardCharsets.UTF_8), NUL);
    }
}
