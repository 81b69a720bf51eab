package org.flatsnap.catalog;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;

/**
 * The index by time in memory: the rows in order, and beside each row signatures of its texts and words. A thousand rows
 * together have a set of the character sequences in their texts, so that a search for what hardly any row has passes over
 * all thousand at once.
 *
 * <p>A row takes some 130 bytes. Changes and reads must not overlap.
 */
final class Timeline {
    /**
     * Bits that the signatures of a row's parts must have; a text may stand in name or description.
     *
     * @param grams what the texts of a run of rows must have somewhere, as {@link Signature#grams} gives it
     */
    record Filter(long words, long name, long text, int[] grams) {
        static final Filter ANY = new Filter(0, 0, 0, new int[0]);

        /** The first row that passes, from one on in steps; a place outside the chunk if there is none. */
        private int next(Chunk chunk, int from, int step) {
            long[] ofWords = chunk.words;
            long[] ofNames = chunk.names;
            int at = from;
            for (; at >= 0 && at < chunk.size; at += step) {
                if ((ofWords[at] & words) == words
                        && (ofNames[at] & name) == name
                        && ((ofNames[at] & text) == text || (chunk.descriptions[at] & text) == text)) {
                    break;
                }
            }
            return at;
        }
    }

    private static final int CHUNK_ROWS = 1024;
    private static final int OUTSIDE = -1;
    // A thousand rows of a usual data centre have some four thousand different sequences.
    private static final int CHUNK_GRAMS = 1 << 15;

    /** A run of rows. INVARIANT: only the sole chunk of a timeline is empty. */
    private static final class Chunk {
        private final byte[][] rows = new byte[CHUNK_ROWS][];
        private final long[] words = new long[CHUNK_ROWS];
        private final long[] names = new long[CHUNK_ROWS];
        private final long[] descriptions = new long[CHUNK_ROWS];
        // Of its rows, and of some that it had; a bit for several sequences.
        private final BitSet grams = new BitSet(CHUNK_GRAMS);
        private int size;

        /** The place of the first row whose stamp is not below the key. */
        int place(byte[] key) {
            int low = 0;
            int high = size;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (compare(rows[middle], key) < 0) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low;
        }

        void insert(int at, Row row) {
            move(this, at, at + 1, size - at);
            rows[at] = row.bytes();
            words[at] = row.words();
            names[at] = Signature.of(row.name());
            // One that does not stand here may contain anything.
            descriptions[at] = row.description().map(Signature::of).orElse(-1L);
            size++;
            know(row);
        }

        private void know(Row row) {
            learn(row.name());
            row.description().ifPresentOrElse(this::learn, () -> grams.set(0, CHUNK_GRAMS));
        }

        private void learn(String text) {
            for (int gram : Signature.grams(text)) {
                grams.set(bit(gram));
            }
        }

        /** Whether a row may pass. */
        boolean mayHave(Filter filter) {
            for (int gram : filter.grams) {
                if (!grams.get(bit(gram))) {
                    return false;
                }
            }
            return true;
        }

        private static int bit(int gram) {
            return gram & CHUNK_GRAMS - 1;
        }

        void remove(int at) {
            move(this, at + 1, at, size - at - 1);
            size--;
            rows[size] = null;
        }

        private void move(Chunk to, int from, int at, int count) {
            System.arraycopy(rows, from, to.rows, at, count);
            System.arraycopy(words, from, to.words, at, count);
            System.arraycopy(names, from, to.names, at, count);
            System.arraycopy(descriptions, from, to.descriptions, at, count);
        }

        /** Keeps the rows before a place and gives a chunk with the others. */
        Chunk split(int at) {
            Chunk rest = new Chunk();
            move(rest, at, 0, size - at);
            rest.size = size - at;
            Arrays.fill(rows, at, size, null);
            size = at;
            if (rest.size > 0) {
                rest.learnAgain();
                learnAgain();
            }
            return rest;
        }

        private void learnAgain() {
            grams.clear();
            for (int i = 0; i < size; i++) {
                know(new Row(rows[i]));
            }
        }
    }

    private final List<Chunk> chunks = new ArrayList<>(List.of(new Chunk()));
    private long bytes;

    /** About how much memory it takes. */
    long bytes() {
        return bytes;
    }

    void add(Row row) {
        byte[] key = row.key();
        int number = chunkOf(key);
        Chunk chunk = chunks.get(number);
        int at = chunk.place(key);
        if (chunk.size == CHUNK_ROWS) {
            // Rows mostly come in order: full chunks stay full then.
            Chunk rest = chunk.split(at == CHUNK_ROWS ? CHUNK_ROWS : CHUNK_ROWS / 2);
            chunks.add(number + 1, rest);
            chunk = at <= chunk.size && rest.size > 0 ? chunk : rest;
            at = chunk.place(key);
        }
        chunk.insert(at, row);
        bytes += size(row.bytes());
    }

    /** Without effect if there is none of this stamp. */
    void remove(Stamp stamp) {
        byte[] key = stamp.bytes();
        int number = chunkOf(key);
        Chunk chunk = chunks.get(number);
        int at = chunk.place(key);
        if (at < chunk.size && compare(chunk.rows[at], key) == 0) {
            bytes -= size(chunk.rows[at]);
            chunk.remove(at);
            if (chunk.size == 0 && chunks.size() > 1) {
                chunks.remove(number);
            }
        }
    }

    private static long size(byte[] row) {
        // The row, its header and place, its signatures, and its part of the sequences.
        return row.length + 16 + Integer.BYTES + 3 * Long.BYTES + CHUNK_GRAMS / Byte.SIZE / CHUNK_ROWS;
    }

    /** How many rows stand within the bounds. */
    long count(Bounds bounds) {
        byte[] low = bounds.low(Keys.ANY);
        byte[] high = bounds.high(Keys.ANY);
        if (Arrays.compareUnsigned(low, high) >= 0) {
            return 0;
        }
        int first = chunkOf(low);
        int last = chunkOf(high);
        long count = chunks.get(last).place(high) - chunks.get(first).place(low);
        for (int number = first; number < last; number++) {
            count += chunks.get(number).size;
        }
        return count;
    }

    /** Walks the rows within the bounds whose signatures pass. */
    Iterator<Row> walk(Bounds bounds, Filter filter) {
        byte[] low = bounds.low(Keys.ANY);
        byte[] high = bounds.high(Keys.ANY);
        int step = bounds.order() == Order.OLDEST_FIRST ? 1 : -1;
        byte[] begin = step > 0 ? low : high;
        return new Iterator<>() {
            private int number = chunkOf(begin);
            private int at = enter(chunks.get(number).place(begin) - (step > 0 ? 0 : 1));
            private byte[] next = advance();

            /** Where in this chunk to begin: there, or nowhere. */
            private int enter(int place) {
                return chunks.get(number).mayHave(filter) ? place : OUTSIDE;
            }

            private byte[] advance() {
                while (true) {
                    Chunk chunk = chunks.get(number);
                    at = filter.next(chunk, at, step);
                    if (at >= 0 && at < chunk.size) {
                        byte[] row = chunk.rows[at];
                        boolean within = step > 0 ? compare(row, high) < 0 : compare(row, low) >= 0;
                        at += step;
                        return within ? row : null;
                    }
                    number += step;
                    if (number < 0 || number == chunks.size()) {
                        number -= step;
                        return null;
                    }
                    if (beyond(chunks.get(number))) {
                        return null;
                    }
                    at = enter(step > 0 ? 0 : chunks.get(number).size - 1);
                }
            }

            /** A chunk without a row that may be walked ends the walk, whether a row passes or not. */
            private boolean beyond(Chunk chunk) {
                return chunk.size > 0
                        && (step > 0
                                ? compare(chunk.rows[0], high) >= 0
                                : compare(chunk.rows[chunk.size - 1], low) < 0);
            }

            @Override
            public boolean hasNext() {
                return next != null;
            }

            @Override
            public Row next() {
                if (next == null) {
                    throw new NoSuchElementException();
                }
                Row row = new Row(next);
                next = advance();
                return row;
            }
        };
    }

    /** The last chunk that begins at the key or before it; the first if there is none. */
    private int chunkOf(byte[] key) {
        int low = 0;
        int high = chunks.size();
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            if (compare(chunks.get(middle).rows[0], key) <= 0) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private static int compare(byte[] row, byte[] key) {
        return Arrays.compareUnsigned(row, 0, Stamp.SIZE, key, 0, key.length);
    }
}
