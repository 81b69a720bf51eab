package org.flatsnap.catalog;

import static java.util.Comparator.comparing;

import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A file of checked blocks that changes from one commit to the next and never stands between them.
 *
 * <p>Writes stay in memory until {@link #commit()}, which puts them into the {@link Journal} first. Opening finishes a
 * commit that the journal holds whole and forgets one that it does not. Any number of threads may read while one writes,
 * as long as they do not touch the same bytes; that much MapDB's own locks see to.
 *
 * <p>In front of every {@value #SUMS} blocks stands one with the checksums that these were last written with, so a block is
 * {@link Damage} also if it is whole and of an earlier commit: a write that the disk acknowledged and lost. These checksums
 * are kept in memory (1 MiB for 1 GiB), and the superblock has their sum. Opening reads them and checks the first
 * {@value #CHECKED_AT_OPEN} blocks; every block is checked when it is read, and {@link #check} goes through the rest.
 *
 * <p>Reading costs nothing for a block in the cache, else one read of {@value Block#SIZE} bytes. A commit costs two syncs.
 */
final class BlockFile implements Closeable {
    /** Whether each commit is to survive a crash, or only the file as it is when closed. */
    enum Durability {
        EACH_COMMIT,
        ON_CLOSE
    }

    /** A file that is no longer than this is known to be whole once it is open. */
    static final int CHECKED_AT_OPEN = 16_384;

    private static final int SUMS = Block.PAYLOAD / Integer.BYTES;
    private static final int BLOCKS_AT_ONCE = 256;
    // A file that is durable only on closing is written in portions of this.
    private static final int GATHERED_BLOCKS =
            (int) Math.max(1024, Math.min(8192, Runtime.getRuntime().maxMemory() / 8 / Block.SIZE));

    private final Durability durability;
    // Not a FileChannel: an interrupted thread would close that for everybody.
    private final RandomAccessFile file;
    private final Journal journal;
    private final UUID identity;
    private final ConcurrentHashMap<Long, Block> changed = new ConcurrentHashMap<>();
    private final BlockCache cache = new BlockCache();
    // For one block on its way into the cache; used under this object's lock.
    private final byte[] arrived = new byte[Block.SIZE];
    private long sequence;
    private volatile long blocks;
    // Of the blocks as they stand in the file, and what they add up to; used under this object's lock.
    private int[] sums = new int[0];
    private long sum;

    private BlockFile(RandomAccessFile file, Journal journal, Superblock superblock, Durability durability) {
        this.file = file;
        this.journal = journal;
        this.durability = durability;
        this.identity = superblock.identity();
        this.sequence = superblock.sequence();
        this.blocks = superblock.blocks();
    }

    static Path journalOf(Path path) {
        return path.resolveSibling(path.getFileName() + ".journal");
    }

    UUID identity() {
        return identity;
    }

    /** The number of commits so far. */
    long sequence() {
        return sequence;
    }

    /**
     * Opens or makes the file.
     *
     * @throws Damage if it is not ours, of another layout, or damaged in a part that is checked here
     */
    static BlockFile open(Path path, Durability durability) throws IOException {
        RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
        Journal journal = null;
        try {
            journal = new Journal(journalOf(path));
            if (file.length() == 0) {
                return create(path, file, journal, durability);
            }
            byte[] head = new byte[Superblock.SIZE];
            if (file.length() >= Block.SIZE) {
                file.readFully(head);
            }
            Superblock superblock = Superblock.parse(head).orElseThrow(() -> new Damage(Superblock.refusal(head)));
            BlockFile opened = new BlockFile(file, journal, superblock, durability);
            opened.readSums(opened.finishCommit().orElse(superblock).sum());
            opened.check(0, CHECKED_AT_OPEN);
            return opened;
        } catch (IOException | RuntimeException e) {
            file.close();
            if (journal != null) {
                journal.close();
            }
            throw e;
        }
    }

    private static BlockFile create(Path path, RandomAccessFile file, Journal journal, Durability durability)
            throws IOException {
        Superblock superblock = new Superblock(UUID.randomUUID(), 0, 0, 0);
        file.write(Arrays.copyOf(superblock.bytes(), Block.SIZE));
        file.getFD().sync();
        Directories.sync(path);
        return new BlockFile(file, journal, superblock, durability);
    }

    /** Gives the superblock of a commit that it finished. */
    private Optional<Superblock> finishCommit() throws IOException {
        var commit = journal.read(identity).filter(found -> found.superblock().sequence() >= sequence);
        if (commit.isPresent()) {
            sequence = commit.get().superblock().sequence();
            blocks = commit.get().superblock().blocks();
            write(commit.get().blocks(), commit.get().superblock());
            file.getFD().sync();
        }
        return commit.map(Journal.Commit::superblock);
    }

    private synchronized void readSums(long expected) throws IOException {
        if (file.length() < (blocks == 0 ? Block.SIZE : position(blocks - 1) + Block.SIZE)) {
            throw new Damage("the file is cut off");
        }
        byte[] bytes = new byte[Block.SIZE];
        for (long first = 0; first < blocks; first += SUMS) {
            long number = sumsOf(first);
            file.seek(position(number));
            file.readFully(bytes);
            ByteBuffer found =
                    ByteBuffer.wrap(Block.parse(identity, number, bytes, 0).payload());
            for (long block = first; block < Math.min(first + SUMS, blocks); block++) {
                note(block, found.getInt());
            }
        }
        if (sum != expected) {
            throw new Damage("a block of it is of an earlier commit");
        }
    }

    /**
     * Checks blocks as they stand in the file.
     *
     * @param from the first
     * @param count how many at most
     * @return the first one that was not checked; empty if there is none
     * @throws Damage if one is not what was written
     */
    Optional<Long> check(long from, int count) throws IOException {
        byte[] bytes = new byte[BLOCKS_AT_ONCE * Block.SIZE];
        long number = from;
        while (number < Math.min(from + count, blocks)) {
            number = checkRun(number, bytes);
        }
        return number < blocks ? Optional.of(number) : Optional.empty();
    }

    /** As many as stand together and fit. */
    private synchronized long checkRun(long from, byte[] bytes) throws IOException {
        // What was added since the last commit does not stand in the file yet.
        long end = Math.min(blocks, Math.min(from + BLOCKS_AT_ONCE, (from / SUMS + 1) * SUMS));
        while (end > from && position(end - 1) + Block.SIZE > file.length()) {
            end--;
        }
        int count = (int) (end - from);
        file.seek(position(from));
        file.readFully(bytes, 0, count * Block.SIZE);
        for (int i = 0; i < count; i++) {
            // Of these, another version may be on its way into the file.
            boolean settled = !changed.containsKey(from + i);
            if (settled) {
                Block.check(identity, from + i, bytes, i * Block.SIZE, sums[(int) from + i]);
            }
        }
        return count == 0 ? blocks : end;
    }

    /** The number of the block that has the checksum of this one. */
    private static long sumsOf(long number) {
        return -1 - number / SUMS;
    }

    private static long position(long number) {
        long block = number < 0 ? (-1 - number) * (SUMS + 1) : number / SUMS * (SUMS + 1) + 1 + number % SUMS;
        return (block + 1) * Block.SIZE;
    }

    private void note(long number, int checksum) {
        if (number >= sums.length) {
            sums = Arrays.copyOf(sums, Math.max((int) number + 1, sums.length * 2));
        }
        sum += checksum - (long) sums[(int) number];
        sums[(int) number] = checksum;
    }

    /** How many bytes there are to read and write. */
    long length() {
        return blocks * Block.PAYLOAD;
    }

    /** Makes it at least so long; what is new reads as zero. */
    void grow(long length) {
        while (length() < length) {
            changed.put(blocks, Block.zero(blocks));
            blocks++;
        }
    }

    void read(long offset, byte[] target, int from, int size) {
        int done = 0;
        while (done < size) {
            long position = offset + done;
            int start = (int) (position % Block.PAYLOAD);
            int count = Math.min(size - done, Block.PAYLOAD - start);
            read(position / Block.PAYLOAD, start, target, from + done, count);
            done += count;
        }
    }

    private void read(long number, int start, byte[] target, int to, int count) {
        Block block = changed.get(number);
        if (block != null) {
            System.arraycopy(block.payload(), start, target, to, count);
        } else if (!cache.read(number, start, target, to, count)) {
            load(number, start, target, to, count);
        }
    }

    void write(long offset, byte[] source, int from, int size) {
        int done = 0;
        while (done < size) {
            long position = offset + done;
            int start = (int) (position % Block.PAYLOAD);
            int count = Math.min(size - done, Block.PAYLOAD - start);
            Block block = present(position / Block.PAYLOAD);
            int first = from + done;
            if (!Arrays.equals(block.payload(), start, start + count, source, first, first + count)) {
                changed.put(block.number(), block);
                System.arraycopy(source, first, block.payload(), start, count);
            }
            done += count;
        }
    }

    /** A block to be changed: the one that was changed already, or a copy. */
    private Block present(long number) {
        Block block = changed.get(number);
        if (block == null) {
            block = Block.zero(number);
            read(number, 0, block.payload(), 0, Block.PAYLOAD);
        }
        return block;
    }

    /** Makes what was written part of the file, wholly or not at all. After a failure the next one tries it again. */
    void commit() throws IOException {
        switch (durability) {
            case EACH_COMMIT -> {
                if (!changed.isEmpty()) {
                    sequence++;
                    List<Block> news = changesInOrder();
                    Superblock superblock = noted(news);
                    news = withSums(news);
                    journal.write(superblock, news);
                    write(news, superblock);
                    file.getFD().sync();
                    journal.trim();
                    forgetChanges();
                }
            }
            case ON_CLOSE -> {
                if (changed.mappingCount() > GATHERED_BLOCKS) {
                    List<Block> news = changesInOrder();
                    write(news, noted(news));
                    forgetChanges();
                }
            }
        }
    }

    /** How many blocks the next commit will write. */
    long changedBlocks() {
        return changed.mappingCount();
    }

    private List<Block> changesInOrder() {
        return changed.values().stream().sorted(comparing(Block::number)).toList();
    }

    /** The superblock with these blocks. They are read from memory until they stand in the file. */
    private synchronized Superblock noted(List<Block> news) {
        news.forEach(block -> note(block.number(), block.checksum(identity)));
        return new Superblock(identity, sequence, blocks, sum);
    }

    /** These blocks and those with their checksums, in the order in which they stand in the file. */
    private synchronized List<Block> withSums(List<Block> inOrder) {
        List<Block> all = new ArrayList<>();
        for (Block block : inOrder) {
            if (all.isEmpty() || sumsOf(all.get(all.size() - 1).number()) != sumsOf(block.number())) {
                all.add(sums(sumsOf(block.number())));
            }
            all.add(block);
        }
        return all;
    }

    private Block sums(long number) {
        Block block = Block.zero(number);
        int first = (int) (-1 - number) * SUMS;
        ByteBuffer payload = ByteBuffer.wrap(block.payload());
        for (int i = first; i < Math.min(first + SUMS, sums.length); i++) {
            payload.putInt(sums[i]);
        }
        return block;
    }

    private synchronized void write(List<Block> inOrder, Superblock superblock) throws IOException {
        ByteArrayOutputStream run = new ByteArrayOutputStream();
        for (int i = 0; i < inOrder.size(); i++) {
            Block block = inOrder.get(i);
            run.writeBytes(block.bytes(identity));
            long end = position(block.number()) + Block.SIZE;
            boolean ends =
                    i + 1 == inOrder.size() || position(inOrder.get(i + 1).number()) != end;
            if (ends || run.size() == BLOCKS_AT_ONCE * Block.SIZE) {
                file.seek(end - run.size());
                file.write(run.toByteArray());
                run.reset();
            }
        }
        file.seek(0);
        file.write(superblock.bytes());
    }

    private synchronized void forgetChanges() {
        // A reader looks among the changes first: a block is in the cache before it leaves them.
        changed.values().forEach(block -> cache.put(block.number(), block.payload()));
        changed.clear();
    }

    // Under the same lock as write, so that a block is never read while it is half written or remembered when outdated.
    private synchronized void load(long number, int start, byte[] target, int to, int count) {
        Block block = changed.get(number);
        if (block != null) {
            System.arraycopy(block.payload(), start, target, to, count);
            return;
        }
        if (number < 0 || number >= blocks) {
            throw new Damage("there is no block " + number);
        }
        try {
            file.seek(position(number));
            file.readFully(arrived);
        } catch (EOFException e) {
            throw new Damage("block " + number + " is missing: the file ends before it", e);
        } catch (IOException e) {
            // Another file may stand where this one cannot be read.
            throw new Damage("block " + number + " cannot be read: " + e.getMessage(), e);
        }
        Block.check(identity, number, arrived, 0, sums[(int) number]);
        cache.put(number, arrived);
        System.arraycopy(arrived, start, target, to, count);
    }

    /** Closes it, leaving out what was not committed if each commit was to be durable. */
    @Override
    public synchronized void close() throws IOException {
        try (journal) {
            if (durability == Durability.ON_CLOSE) {
                List<Block> news = changesInOrder();
                Superblock superblock = noted(news);
                write(news, superblock);
                List<Block> checksums = new ArrayList<>();
                for (long first = 0; first < blocks; first += SUMS) {
                    checksums.add(sums(sumsOf(first)));
                }
                write(checksums, superblock);
                file.getFD().sync();
            }
        } finally {
            file.close();
        }
    }
}
