package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import org.junit.jupiter.api.Test;

final class OpenDirectoryTest {

    /** struct fuse_dirent with a name of up to 8 bytes. */
    private static final int ENTRY = 32;

    private final MemoryDirectory directory = new MemoryDirectory();
    private final OpenDirectory open = new OpenDirectory(
            new KnownNode(NodeTable.ROOT_ID, directory.attributes().inode(), directory, null, ""));

    @Test
    void entriesComeInPieces() throws IOException {
        directory.add("a", new MemoryFile(""));
        assertThat(bytesAt(0, 2 * ENTRY + 7)).isEqualTo(2 * ENTRY);
        assertThat(bytesAt(2, 2 * ENTRY)).isEqualTo(ENTRY);
        assertThat(bytesAt(3, 2 * ENTRY)).isZero();
        assertThat(bytesAt(Long.MAX_VALUE, ENTRY)).isZero();
        assertThat(bytesAt(-1, ENTRY)).isZero();
    }

    @Test
    void onlyReadingFromTheStartListsAnew() throws IOException {
        assertThat(bytesAt(0, 10 * ENTRY)).isEqualTo(2 * ENTRY);
        directory.add("a", new MemoryFile(""));
        assertThat(bytesAt(2, 10 * ENTRY)).isZero();
        assertThat(bytesAt(0, 10 * ENTRY)).isEqualTo(3 * ENTRY);
    }

    @Test
    void noRoomForAnEntryIsNotTheEnd() {
        assertThatThrownBy(() -> bytesAt(0, ENTRY - 1)).isInstanceOf(FileSystemException.class);
    }

    private int bytesAt(long position, int room) throws IOException {
        ByteBuffer target = ByteBuffer.allocate(room);
        open.read(target, position);
        return target.position();
    }
}
