package org.flatsnap.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.flatsnap.linux.FileStatus;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the other hosts' change logs, each from where it was last read to the last line that is whole.
 *
 * <p>The first time it goes to their ends and says that everything may have changed: the positions are known before the caller
 * looks at the store, so nothing falls in between. It says so again where it cannot tell what it missed: at a line that is
 * damaged, and at a file that is another one or shorter than before. Safe for use by several threads.
 */
final class ChangeReader {
    private static final Logger LOG = LoggerFactory.getLogger(ChangeReader.class);

    /** Of one log and one reading. No line is nearly as long. */
    private static final int CHUNK = 1 << 20;

    private final Map<Path, Position> positions = new HashMap<>();
    private final Set<Path> failing = new HashSet<>();
    private boolean began;

    private record Position(long inode, long offset) {}

    synchronized Changes read(List<Path> logs) throws IOException {
        Reading reading = new Reading(!began);
        for (Path log : logs) {
            try {
                read(log, reading);
                failing.remove(log);
            } catch (IOException e) {
                // Its position stays, so nothing is missed once it can be read.
                if (failing.add(log)) {
                    LOG.warn("what {} tells of is seen later: it cannot be read ({})", log, e.getMessage());
                }
            }
        }
        began = true;
        return new Changes(reading.everything, reading.snapshots);
    }

    /** What is found in all logs together. */
    private static final class Reading {
        private final Map<SnapshotId, VmId> snapshots = new LinkedHashMap<>();
        private boolean everything;

        Reading(boolean everything) {
            this.everything = everything;
        }

        void add(Path log, String text) {
            Optional<ChangeLine> line = ChangeLine.parse(text);
            if (line.isEmpty()) {
                LOG.warn("a line of {} is damaged, so the whole store is looked at", log);
            }
            everything |= line.map(ChangeLine::everything).orElse(true);
            line.flatMap(ChangeLine::snapshot)
                    .ifPresent(
                            snapshot -> snapshots.put(snapshot, line.get().vm().orElseThrow()));
        }
    }

    private void read(Path log, Reading reading) throws IOException {
        FileStatus status = FileStatus.of(log);
        Position known = positions.get(log);
        if (known == null) {
            known = new Position(status.inode(), began ? 0 : status.size());
        } else if (known.inode() != status.inode() || status.size() < known.offset()) {
            LOG.info("{} begins anew, so the whole store is looked at", log);
            reading.everything = true;
            known = new Position(status.inode(), 0);
        }
        long offset = known.offset();
        if (status.size() > offset) {
            offset += take(log, bytes(log, offset), reading);
        }
        positions.put(log, new Position(known.inode(), offset));
    }

    private static byte[] bytes(Path log, long offset) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(CHUNK);
        try (SeekableByteChannel channel = Files.newByteChannel(log)) {
            channel.position(offset);
            while (buffer.hasRemaining() && channel.read(buffer) > 0) {}
        }
        byte[] bytes = new byte[buffer.position()];
        buffer.flip().get(bytes);
        return bytes;
    }

    /** @return how far it could be read: a line that is still being written is left for the next time */
    private static int take(Path log, byte[] bytes, Reading reading) {
        int start = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == '\n') {
                reading.add(log, new String(bytes, start, i - start, StandardCharsets.UTF_8));
                start = i + 1;
            }
        }
        if (start == 0 && bytes.length == CHUNK) {
            reading.add(log, "");
            return CHUNK;
        }
        return start;
    }
}
