package org.flatsnap.catalog;

import java.util.Arrays;
import java.util.concurrent.locks.StampedLock;
import java.util.stream.Stream;

/**
 * Blocks that were read or written lately, in memory that is used again and again: as objects of their own, blocks would live
 * just long enough to be copied by every collection of garbage.
 *
 * <p>A block has a few places where it may stand, and gives way to another unless it was read again meanwhile: so the nodes
 * that every look-up passes stay, however many records are read once.
 *
 * <p>Any number of threads may read while one puts.
 */
final class BlockCache {
    private static final int SETS = 1024;
    private static final int PLACES = 4;
    private static final long NOBODY = Long.MIN_VALUE;

    private final byte[][] payloads = new byte[SETS * PLACES][];
    private final long[] numbers = new long[SETS * PLACES];
    // Set by readers without a lock: one that is lost costs a read of the file.
    private final boolean[] readAgain = new boolean[SETS * PLACES];
    private final byte[] next = new byte[SETS];
    private final StampedLock[] locks =
            Stream.generate(StampedLock::new).limit(SETS).toArray(StampedLock[]::new);

    BlockCache() {
        Arrays.fill(numbers, NOBODY);
    }

    /** Copies a part of a block; false if it is not here, and then the target may hold anything. */
    boolean read(long number, int start, byte[] target, int to, int count) {
        int set = set(number);
        long stamp = locks[set].tryOptimisticRead();
        int slot = slot(set, number);
        byte[] payload = slot < 0 ? null : payloads[slot];
        if (stamp == 0 || payload == null) {
            return false;
        }
        System.arraycopy(payload, start, target, to, count);
        if (!locks[set].validate(stamp)) {
            return false;
        }
        if (!readAgain[slot]) {
            readAgain[slot] = true;
        }
        return true;
    }

    /** Keeps the payload with which {@code bytes} begins. */
    void put(long number, byte[] bytes) {
        int set = set(number);
        long stamp = locks[set].writeLock();
        try {
            int slot = slot(set, number);
            if (slot < 0) {
                slot = vacate(set);
                numbers[slot] = number;
            }
            System.arraycopy(bytes, 0, payloads[slot], 0, Block.PAYLOAD);
        } finally {
            locks[set].unlockWrite(stamp);
        }
    }

    private static int set(long number) {
        return (int) Math.floorMod(number, (long) SETS);
    }

    private int slot(int set, long number) {
        for (int slot = set * PLACES; slot < (set + 1) * PLACES; slot++) {
            if (numbers[slot] == number) {
                return slot;
            }
        }
        return -1;
    }

    /** Goes round until there is one that was not read again since it was last passed. */
    private int vacate(int set) {
        while (true) {
            int slot = set * PLACES + next[set];
            next[set] = (byte) ((next[set] + 1) % PLACES);
            if (!readAgain[slot]) {
                if (payloads[slot] == null) {
                    payloads[slot] = new byte[Block.PAYLOAD];
                }
                return slot;
            }
            readAgain[slot] = false;
        }
    }
}
