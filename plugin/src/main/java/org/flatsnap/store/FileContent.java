package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.flatsnap.linux.Errno;
import org.flatsnap.linux.ErrnoException;
import org.flatsnap.linux.FileStatus;

/** A file that is replaced and never written to. */
record FileContent(Path path) implements Content {
    @Override
    public Optional<Path> file() {
        return Optional.of(path);
    }

    @Override
    public Status status() throws IOException {
        try {
            FileStatus status = FileStatus.of(path);
            return new Status(status.size(), status.blocks(), status.modified());
        } catch (ErrnoException e) {
            if (e.errno() == Errno.ENOENT) {
                throw (IOException) new NoSuchFileException(path.toString()).initCause(e);
            }
            throw e;
        }
    }

    @Override
    public Reader open() throws IOException {
        return OpenContent.of(path);
    }
}
