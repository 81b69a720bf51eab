package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Nodes that throw in one chosen method and otherwise work. */
interface FaultyNode {

    long inode();

    /** Where a fault sits. */
    enum Place {
        ATTRIBUTES,
        CHILD,
        LISTING_AT_ONCE,
        LISTING_HALF_WAY,
        OPEN,
        OPEN_ATTRIBUTES,
        READ_AT_ONCE,
        READ_HALF_WAY,
        READ_ENDS_EARLY,
        CLOSE,
        TARGET,
        SOURCE,
        GATE,
        REPLACED,
        DESCRIPTOR
    }

    /** The part all faulty nodes share. */
    record Fault(Place place, Supplier<Throwable> throwable, Attributes whole) {

        Fault(Place place, Supplier<Throwable> throwable, int permissions, long size) {
            this(place, throwable, InodeNumbers.attributes(InodeNumbers.next(), permissions, size));
        }

        void strike(Place here) throws IOException {
            if (place == here) {
                Fault.<RuntimeException>throwUnchecked(throwable.get());
            }
        }

        Attributes attributes() throws IOException {
            strike(Place.ATTRIBUTES);
            return whole;
        }

        /** What is waited for: fails when asked for, or when its gate is looked up. */
        Optional<Object> source() {
            return strikeOr(
                    Place.SOURCE, place == Place.GATE ? Optional.of(new FaultySource(throwable)) : Optional.empty());
        }

        /** For methods that declare nothing. */
        <T> T strikeOr(Place here, T otherwise) {
            if (place == here) {
                Fault.<RuntimeException>throwUnchecked(throwable.get());
            }
            return otherwise;
        }

        @SuppressWarnings("unchecked")
        static <T extends Throwable> void throwUnchecked(Throwable throwable) throws T {
            throw (T) throwable;
        }
    }

    /** Cannot even be told from others. */
    record FaultySource(Supplier<Throwable> throwable) {

        @Override
        public int hashCode() {
            Fault.<RuntimeException>throwUnchecked(throwable.get());
            return 0;
        }
    }

    /** A directory of a thousand files. */
    record FaultyDirectory(Fault fault) implements FaultyNode, Directory {

        FaultyDirectory(Place place, Supplier<Throwable> throwable) {
            this(new Fault(place, throwable, 0555, 0));
        }

        @Override
        public long inode() {
            return fault.whole().inode();
        }

        @Override
        public Attributes attributes() throws IOException {
            return fault.attributes();
        }

        @Override
        public Optional<Object> source() {
            return fault.source();
        }

        @Override
        public Optional<Node> child(String name) throws IOException {
            fault.strike(Place.CHILD);
            return name.startsWith("file") ? Optional.of(new MemoryFile(name)) : Optional.empty();
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) throws IOException {
            fault.strike(Place.LISTING_AT_ONCE);
            for (int i = 0; i < 1000; i++) {
                if (i == 500) {
                    fault.strike(Place.LISTING_HALF_WAY);
                }
                consumer.accept(new DirectoryEntry("file" + i, Kind.REGULAR_FILE, InodeNumbers.next()));
            }
        }
    }

    /** A file of three million zeros. */
    record FaultyFile(Fault fault) implements FaultyNode, RegularFile, OpenFile {

        static final int SIZE = 3_000_000;

        FaultyFile(Place place, Supplier<Throwable> throwable) {
            this(new Fault(place, throwable, 0444, SIZE));
        }

        @Override
        public long inode() {
            return fault.whole().inode();
        }

        @Override
        public Attributes attributes() throws IOException {
            return fault.attributes();
        }

        @Override
        public Optional<Object> source() {
            return fault.source();
        }

        @Override
        public boolean isReplaced() {
            return fault.strikeOr(Place.REPLACED, false);
        }

        @Override
        public OptionalInt descriptor() {
            return fault.strikeOr(Place.DESCRIPTOR, OptionalInt.empty());
        }

        @Override
        public OpenFile open() throws IOException {
            fault.strike(Place.OPEN);
            if (fault.place() == Place.OPEN_ATTRIBUTES) {
                return new FaultyFile(new Fault(Place.ATTRIBUTES, fault.throwable(), fault.whole()));
            }
            return this;
        }

        @Override
        public int read(ByteBuffer target, long position) throws IOException {
            fault.strike(Place.READ_AT_ONCE);
            if (position + target.remaining() > SIZE / 2) {
                fault.strike(Place.READ_HALF_WAY);
                if (fault.place() == Place.READ_ENDS_EARLY) {
                    return -1;
                }
            }
            int count = target.remaining();
            target.put(new byte[count]);
            return count;
        }

        @Override
        public void close() throws IOException {
            fault.strike(Place.CLOSE);
        }
    }

    /** A link to hello.txt. */
    record FaultyLink(Fault fault) implements FaultyNode, SymbolicLink {

        FaultyLink(Place place, Supplier<Throwable> throwable) {
            this(new Fault(place, throwable, 0777, "hello.txt".length()));
        }

        @Override
        public long inode() {
            return fault.whole().inode();
        }

        @Override
        public Attributes attributes() throws IOException {
            return fault.attributes();
        }

        @Override
        public Optional<Object> source() {
            return fault.source();
        }

        @Override
        public String target() throws IOException {
            fault.strike(Place.TARGET);
            return "hello.txt";
        }
    }
}
