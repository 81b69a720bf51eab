package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;
import jnr.ffi.LibraryLoader;
import jnr.ffi.annotations.In;

/** A real file, shown under an inode number of its own, whose bytes go to the kernel without being copied. */
final class BackedFile implements RegularFile {

    private final Path file;
    private final long promised;
    private final Attributes attributes;

    BackedFile(Path file) throws IOException {
        this(file, Files.size(file));
    }

    /** @param promised the size shown, whatever the file has */
    BackedFile(Path file, long promised) throws IOException {
        this.file = file;
        this.promised = promised;
        long blocks = Long.parseLong(
                Program.run("stat", "-c", "%b", file).quietly().output().strip());
        this.attributes = new Attributes(
                InodeNumbers.next(), 0444, 0, 0, promised, blocks, InodeNumbers.MODIFIED, InodeNumbers.CHANGED);
    }

    /** What Java does not give. */
    public interface Opening {
        int open(@In byte[] path, int flags);

        int close(int descriptor);
    }

    @Override
    public Attributes attributes() {
        return attributes;
    }

    @Override
    public OpenFile open() throws IOException {
        Opening system = LibraryLoader.create(Opening.class).load("c");
        int descriptor = system.open(CString.encode(file.toString()), 0);
        FileChannel channel = FileChannel.open(file);
        return new OpenFile() {
            @Override
            public Attributes attributes() {
                return attributes;
            }

            @Override
            public int read(ByteBuffer target, long position) throws IOException {
                return channel.read(target, position);
            }

            @Override
            public OptionalInt descriptor() {
                return OptionalInt.of(descriptor);
            }

            @Override
            public void close() throws IOException {
                channel.close();
                system.close(descriptor);
            }
        };
    }
}
