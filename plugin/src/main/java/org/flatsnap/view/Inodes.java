package org.flatsnap.view;

import com.google.common.hash.HashFunction;
import com.google.common.hash.Hasher;
import com.google.common.hash.Hashing;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.flatsnap.fuseview.Attributes;

/**
 * Inode numbers that follow from what a node stands for, so that they are the same after a remount. 64 bits of SipHash: two of
 * a million nodes collide with a chance below one in ten million.
 */
final class Inodes {
    private static final int LINK_PERMISSIONS = 0777;
    private static final HashFunction HASH = Hashing.sipHash24();

    private Inodes() {}

    /** The number of a node of this kind that stands for these things; the order counts. */
    static long number(String kind, Object... identity) {
        Hasher hasher = HASH.newHasher().putString(kind, StandardCharsets.UTF_8);
        for (Object part : identity) {
            hasher.putChar('/').putString(part.toString(), StandardCharsets.UTF_8);
        }
        long number = hasher.hash().asLong();
        // 0 means "deleted" to many programs, 1 is the root's in FUSE.
        return number == 0 || number == 1 ? 2 : number;
    }

    static Attributes directory(ViewAccess access, String kind, Instant modified, Object... identity) {
        return new Attributes(
                number(kind, identity), access.directory(), access.owner(), access.group(), 0, 0, modified, modified);
    }

    static Attributes link(ViewAccess access, String kind, String target, Instant modified, Object... identity) {
        long length = target.getBytes(StandardCharsets.UTF_8).length;
        return new Attributes(
                number(kind, identity),
                LINK_PERMISSIONS,
                access.owner(),
                access.group(),
                length,
                0,
                modified,
                modified);
    }
}
