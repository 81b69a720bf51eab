package org.flatsnap.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.flatsnap.linux.Descriptor;
import org.flatsnap.linux.Errno;
import org.flatsnap.linux.ErrnoException;

/** A file or device that is open for reading, as a channel for Java and as a descriptor for the kernel. */
final class OpenContent implements Content.Reader {
    private static final Path OWN_DESCRIPTORS = Path.of("/proc/self/fd");

    private final Descriptor file;
    private final FileChannel channel;

    private OpenContent(Descriptor file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /** @throws NoSuchFileException if there is none */
    static OpenContent of(Path path) throws IOException {
        Descriptor file;
        try {
            file = Descriptor.openForReading(path);
        } catch (ErrnoException e) {
            if (e.errno() == Errno.ENOENT) {
                throw (IOException) new NoSuchFileException(path.toString()).initCause(e);
            }
            throw e;
        }
        try {
            // The same file, whatever the path leads to by now.
            Path same = OWN_DESCRIPTORS.resolve(Integer.toString(file.number()));
            return new OpenContent(file, FileChannel.open(same, StandardOpenOption.READ));
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    @Override
    public FileChannel channel() {
        return channel;
    }

    @Override
    public int descriptor() {
        return file.number();
    }

    @Override
    public void close() throws IOException {
        try (file) {
            channel.close();
        }
    }
}
