package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class ListingsTest {

    /** struct fuse_dirent with a name of up to 8 bytes. */
    private static final int ENTRY = 32;

    private final MemoryDirectory directory = new MemoryDirectory();
    private final KnownNode node =
            new KnownNode(NodeTable.ROOT_ID, directory.attributes().inode(), directory, null, "");
    private final Listings listings = new Listings();

    /** A name of a listing and the position after it. */
    private record Listed(String name, long position) {}

    @Test
    void entriesComeInPieces() throws IOException {
        directory.add("a", new MemoryFile(""));

        List<Listed> first = listed(0, 2 * ENTRY + 7);
        assertThat(first).extracting(Listed::name).containsExactly(".", "..");
        List<Listed> second = listed(first.get(1).position(), 2 * ENTRY);
        assertThat(second).extracting(Listed::name).containsExactly("a");
        assertThat(listed(second.get(0).position(), 2 * ENTRY)).isEmpty();
        assertThat(listed(Long.MAX_VALUE, ENTRY)).isEmpty();
    }

    @Test
    void onlyReadingFromTheStartListsAnew() throws IOException {
        assertThat(listed(0, 10 * ENTRY)).hasSize(2);
        directory.add("a", new MemoryFile(""));
        assertThat(listed(2, 10 * ENTRY)).isEmpty();
        assertThat(listed(0, 10 * ENTRY)).hasSize(3);
    }

    @Test
    void positionsStayRightWhateverComesAndGoes() throws IOException {
        IntStream.range(0, 1000).forEach(i -> directory.add("stays" + i, new MemoryFile("")));
        IntStream.range(0, 500).forEach(i -> directory.add("goes" + i, new MemoryFile("")));
        List<String> seen = new ArrayList<>();
        List<Listed> part = listed(0, 100 * ENTRY);
        for (int round = 0; !part.isEmpty(); round++) {
            part.forEach(listed -> seen.add(listed.name()));
            directory.remove("goes" + round * 20);
            directory.add("comes" + round, new MemoryFile(""));
            // As after others have read so much that this listing had to go.
            listings.forget(node.id());
            part = listed(part.get(part.size() - 1).position(), 100 * ENTRY);
        }

        assertThat(seen).doesNotHaveDuplicates();
        assertThat(seen.stream().filter(name -> name.startsWith("stays"))).hasSize(1000);
    }

    @Test
    void noRoomForAnEntryIsNotTheEnd() {
        assertThatThrownBy(() -> listed(0, ENTRY - 1)).isInstanceOf(FileSystemException.class);
    }

    private List<Listed> listed(long position, int room) throws IOException {
        ByteBuffer target = ByteBuffer.allocate(room).order(ByteOrder.nativeOrder());
        listings.read(node, target, position);
        target.flip();
        List<Listed> found = new ArrayList<>();
        while (target.hasRemaining()) {
            int start = target.position();
            target.getLong();
            long next = target.getLong();
            byte[] name = new byte[target.getInt()];
            target.getInt();
            target.get(name).position(start + ((24 + name.length + 7) & -8));
            found.add(new Listed(new String(name, StandardCharsets.UTF_8), next));
        }
        return found;
    }
}
