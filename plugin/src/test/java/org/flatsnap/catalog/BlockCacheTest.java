package org.flatsnap.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class BlockCacheTest {
    private static final int MANY = 100_000;

    private final BlockCache cache = new BlockCache();

    @Test
    void whatIsReadAgainAndAgainStaysWhileManyOthersComeAndGo() {
        put(-1);
        for (int number = 0; number < MANY; number++) {
            put(number);
            assertThat(read(-1)).as("after %s", number).isTrue();
        }
        assertThat(read(0)).isFalse();
        assertThat(read(MANY - 1)).isTrue();
    }

    @Test
    void aReaderNeverGetsAnotherBlockOrHalfOfOne() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        ExecutorService readers = Executors.newSingleThreadExecutor();
        try {
            Callable<Integer> reader = () -> {
                int found = 0;
                for (int number = 0; !done.get() || found == 0; number = (number + 1) % MANY) {
                    found += read(number) ? 1 : 0;
                }
                return found;
            };
            Future<Integer> reading = readers.submit(reader);
            for (int round = 0; round < 10; round++) {
                for (int number = 0; number < MANY; number++) {
                    put(number);
                }
            }
            done.set(true);
            assertThat(reading.get()).isPositive();
        } finally {
            done.set(true);
            readers.shutdownNow();
        }
    }

    private void put(long number) {
        byte[] bytes = new byte[Block.SIZE];
        Arrays.fill(bytes, (byte) (number * 31));
        cache.put(number, bytes);
    }

    /** Whether it is there; fails if it is another one. */
    private boolean read(long number) {
        byte[] found = new byte[Block.PAYLOAD];
        boolean there = cache.read(number, 0, found, 0, found.length);
        if (there) {
            byte[] expected = new byte[Block.PAYLOAD];
            Arrays.fill(expected, (byte) (number * 31));
            assertThat(Arrays.equals(found, expected)).as("block %s", number).isTrue();
        }
        return there;
    }
}
