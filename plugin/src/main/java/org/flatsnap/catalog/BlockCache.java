package org.flatsnap.catalog;

import java.util.concurrent.locks.StampedLock;

/**
 * Blocks that were read or written last, in memory that is used again and again: as objects of their own, blocks would live
 * just long enough to be copied by every collection of garbage.
 *
 * <p>Any number of threads may read while one puts.
 */
final class BlockCache {
    private static final int SLOTS = 4096;

    private final byte[][] payloads = new byte[SLOTS][];
    private final long[] numbers = new long[SLOTS];
    private final StampedLock[] locks = new StampedLock[SLOTS];

    BlockCache() {
        for (int slot = 0; slot < SLOTS; slot++) {
            locks[slot] = new StampedLock();
        }
    }

    /** Copies a part of a block; false if it is not here, and then the target may hold anything. */
    boolean read(long number, int start, byte[] target, int to, int count) {
        int slot = slot(number);
        long stamp = locks[slot].tryOptimisticRead();
        byte[] payload = payloads[slot];
        if (stamp == 0 || payload == null || numbers[slot] != number) {
            return false;
        }
        System.arraycopy(payload, start, target, to, count);
        return locks[slot].validate(stamp);
    }

    /** Keeps the payload with which {@code bytes} begins. */
    void put(long number, byte[] bytes) {
        int slot = slot(number);
        long stamp = locks[slot].writeLock();
        try {
            if (payloads[slot] == null) {
                payloads[slot] = new byte[Block.PAYLOAD];
            }
            numbers[slot] = number;
            System.arraycopy(bytes, 0, payloads[slot], 0, Block.PAYLOAD);
        } finally {
            locks[slot].unlockWrite(stamp);
        }
    }

    private static int slot(long number) {
        return (int) Math.floorMod(number, (long) SLOTS);
    }
}
