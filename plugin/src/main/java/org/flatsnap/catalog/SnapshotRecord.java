package org.flatsnap.catalog;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;

/**
 * A snapshot as the catalog keeps it: its parts one after the other, in half the bytes of its JSON and read in a quarter of
 * the time, 1.5 microseconds instead of 6 on the machine that this was measured on. A change to it, or to the order of an
 * enumeration, is a new layout of the file ({@link Superblock}).
 */
final class SnapshotRecord {
    private static final Consistency[] LEVELS = Consistency.values();
    private static final VmState[] STATES = VmState.values();

    // What few of all snapshots differ in. Checking a text costs much more than looking it up.
    private static final Known<VmId> VM_IDS = new Known<>(VmId::new);
    private static final Known<VmName> VM_NAMES = new Known<>(VmName::new);
    private static final Known<DiskName> DISKS = new Known<>(DiskName::new);
    private static final Known<Tag> TAGS = new Known<>(Tag::new);

    /** Values that were read lately, by their texts. */
    private static final class Known<T> {
        private static final int LIMIT = 10_000;

        private final Map<String, T> values = new ConcurrentHashMap<>();
        private final Function<String, T> make;

        Known(Function<String, T> make) {
            this.make = make;
        }

        T get(String text) {
            T known = values.get(text);
            if (known == null) {
                known = make.apply(text);
                if (values.size() >= LIMIT) {
                    values.clear();
                }
                values.put(text, known);
            }
            return known;
        }
    }

    private SnapshotRecord() {}

    static byte[] bytes(Snapshot snapshot) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.write(Stamp.of(snapshot).bytes());
            text(out, snapshot.vm().value());
            text(out, snapshot.vmName().value());
            text(out, snapshot.name().value());
            labels(out, snapshot.labels());
            out.writeBoolean(snapshot.guard().isPresent());
            if (snapshot.guard().isPresent()) {
                text(out, snapshot.guard().get().before());
                out.writeBoolean(snapshot.guard().get().partial());
                instant(out, snapshot.guard().get().expiresAt());
            }
            out.writeBoolean(snapshot.foreign().isPresent());
            if (snapshot.foreign().isPresent()) {
                text(out, snapshot.foreign().get().name());
                out.writeBoolean(snapshot.foreign().get().adopted());
            }
            quiescence(out, snapshot.quiescence());
            uuid(out, snapshot.home().value());
            out.writeInt(snapshot.disks().size());
            for (DiskImage disk : snapshot.disks()) {
                text(out, disk.disk().value());
                uuid(out, disk.store().value());
                text(out, disk.source());
                out.writeLong(disk.bytes());
                optional(out, disk.guid());
            }
            optional(out, snapshot.firmware());
            uuid(out, snapshot.operation().value());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    private static void labels(DataOutputStream out, Labels labels) throws IOException {
        text(out, labels.description().value());
        out.writeInt(labels.tags().size());
        for (Tag tag : labels.tags()) {
            text(out, tag.value());
        }
        out.writeBoolean(labels.held());
        out.writeInt(labels.gone().size());
        for (DiskName disk : labels.gone()) {
            text(out, disk.value());
        }
        out.writeBoolean(labels.underWay());
        out.writeBoolean(labels.retired().isPresent());
        if (labels.retired().isPresent()) {
            instant(out, labels.retired().get());
        }
        optional(out, labels.parent().map(SnapshotName::value));
    }

    private static void quiescence(DataOutputStream out, Quiescence quiescence) throws IOException {
        out.writeByte(quiescence.asked().ordinal());
        out.writeByte(quiescence.achieved().ordinal());
        out.writeByte(quiescence.state().ordinal());
        out.writeLong(quiescence.freezeMillis());
        out.writeLong(quiescence.pauseMillis());
        out.writeBoolean(quiescence.torn());
        text(out, quiescence.note());
    }

    static Snapshot parse(byte[] bytes) {
        try {
            return parse(bytes, Stamp.at(bytes, 0));
        } catch (IndexOutOfBoundsException e) {
            throw new Damage("a record cannot be read", e);
        }
    }

    /** The same for one that should have this stamp. */
    static Snapshot parse(byte[] bytes, Stamp stamp) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        try {
            byte[] found = new byte[Stamp.SIZE];
            in.get(found);
            if (!Arrays.equals(found, stamp.bytes())) {
                throw new Damage("the record of " + stamp.id() + " holds "
                        + Stamp.at(found, 0).id());
            }
            Snapshot snapshot = new Snapshot(
                    stamp.id(),
                    VM_IDS.get(text(in)),
                    VM_NAMES.get(text(in)),
                    new SnapshotName(text(in)),
                    stamp.takenAt(),
                    labels(in),
                    flag(in) ? Optional.of(new Snapshot.Guard(text(in), flag(in), instant(in))) : Optional.empty(),
                    flag(in) ? Optional.of(new Snapshot.Foreign(text(in), flag(in))) : Optional.empty(),
                    quiescence(in),
                    new StoreId(uuid(in)),
                    disks(in),
                    optional(in),
                    new OperationId(uuid(in)));
            if (in.hasRemaining()) {
                throw new Damage("a record is longer than it should be");
            }
            return snapshot;
        } catch (Damage e) {
            throw e;
        } catch (RuntimeException e) {
            throw new Damage("a record cannot be read", e);
        }
    }

    private static Labels labels(ByteBuffer in) {
        Description description = new Description(text(in));
        TreeSet<Tag> tags = new TreeSet<>();
        for (int left = in.getInt(); left > 0; left--) {
            tags.add(TAGS.get(text(in)));
        }
        boolean held = flag(in);
        TreeSet<DiskName> gone = new TreeSet<>();
        for (int left = in.getInt(); left > 0; left--) {
            gone.add(DISKS.get(text(in)));
        }
        return new Labels(
                description,
                tags,
                held,
                gone,
                flag(in),
                flag(in) ? Optional.of(instant(in)) : Optional.empty(),
                optional(in).map(SnapshotName::new));
    }

    private static Quiescence quiescence(ByteBuffer in) {
        return new Quiescence(
                LEVELS[in.get()], LEVELS[in.get()], STATES[in.get()], in.getLong(), in.getLong(), flag(in), text(in));
    }

    private static List<DiskImage> disks(ByteBuffer in) {
        List<DiskImage> disks = new ArrayList<>();
        for (int left = in.getInt(); left > 0; left--) {
            disks.add(new DiskImage(DISKS.get(text(in)), new StoreId(uuid(in)), text(in), in.getLong(), optional(in)));
        }
        return disks;
    }

    private static void text(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    private static String text(ByteBuffer in) {
        int length = in.getInt();
        String text = new String(in.array(), in.position(), length, StandardCharsets.UTF_8);
        in.position(in.position() + length);
        return text;
    }

    private static void optional(DataOutputStream out, Optional<String> text) throws IOException {
        out.writeBoolean(text.isPresent());
        if (text.isPresent()) {
            text(out, text.get());
        }
    }

    private static Optional<String> optional(ByteBuffer in) {
        return flag(in) ? Optional.of(text(in)) : Optional.empty();
    }

    private static boolean flag(ByteBuffer in) {
        return in.get() != 0;
    }

    private static void instant(DataOutputStream out, Instant instant) throws IOException {
        out.writeLong(instant.getEpochSecond());
        out.writeInt(instant.getNano());
    }

    private static Instant instant(ByteBuffer in) {
        return Instant.ofEpochSecond(in.getLong(), in.getInt());
    }

    private static void uuid(DataOutputStream out, UUID uuid) throws IOException {
        out.writeLong(uuid.getMostSignificantBits());
        out.writeLong(uuid.getLeastSignificantBits());
    }

    private static UUID uuid(ByteBuffer in) {
        return new UUID(in.getLong(), in.getLong());
    }
}
