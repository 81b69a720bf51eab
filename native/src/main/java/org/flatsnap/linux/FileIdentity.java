package org.flatsnap.linux;

import static org.flatsnap.linux.CLibrary.C;

import com.sun.jna.LastErrorException;
import com.sun.jna.Memory;
import java.io.IOException;
import java.nio.file.Path;

/** Who may use a file: owner, group, mode and SELinux label, so that one file can take another's place. */
public final class FileIdentity {
    private static final String LABEL = "security.selinux";
    // No label policy is known to come near this; the kernel's own limit is 64 KiB.
    private static final int LABEL_SIZE = 4096;

    private FileIdentity() {}

    /** Gives {@code target} the owner, group, mode and label of {@code source}. */
    public static void copy(Path source, Path target) throws IOException {
        FileStatus status = FileStatus.of(source);
        try (Descriptor descriptor = Descriptor.open(target, CLibrary.O_RDONLY, 0)) {
            C.fchown(descriptor.number(), status.owner(), status.group());
            C.fchmod(descriptor.number(), status.permissions());
        } catch (LastErrorException e) {
            throw new ErrnoException("chown or chmod", target, e);
        }
        copyLabel(source, target);
    }

    private static void copyLabel(Path source, Path target) throws ErrnoException {
        try (Memory label = new Memory(LABEL_SIZE)) {
            long length;
            try {
                length = C.getxattr(source.toString(), LABEL, label, LABEL_SIZE);
            } catch (LastErrorException e) {
                if (e.getErrorCode() == Errno.ENODATA || e.getErrorCode() == Errno.EOPNOTSUPP) {
                    // The host does not use SELinux.
                    return;
                }
                throw new ErrnoException("getxattr", source, e);
            }
            try {
                C.setxattr(target.toString(), LABEL, label, length, 0);
            } catch (LastErrorException e) {
                throw new ErrnoException("setxattr", target, e);
            }
        }
    }
}
