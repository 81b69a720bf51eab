package org.flatsnap.catalog;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.UUID;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskImage;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;

/**
 * A snapshot as the catalog keeps it: its parts one after the other, a third of the size of its JSON and read in a fraction of
 * the time. A change to it, or to the order of an enumeration, is a new layout of the file ({@link Superblock}).
 */
final class SnapshotRecord {
    private static final Consistency[] LEVELS = Consistency.values();
    private static final VmState[] STATES = VmState.values();

    private SnapshotRecord() {}

    static byte[] bytes(Snapshot snapshot) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            text(out, snapshot.id().value());
            text(out, snapshot.vm().value());
            text(out, snapshot.vmName().value());
            text(out, snapshot.name().value());
            instant(out, snapshot.takenAt());
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
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            Snapshot snapshot = new Snapshot(
                    new SnapshotId(text(in)),
                    new VmId(text(in)),
                    new VmName(text(in)),
                    new SnapshotName(text(in)),
                    instant(in),
                    labels(in),
                    in.readBoolean()
                            ? Optional.of(new Snapshot.Guard(text(in), in.readBoolean(), instant(in)))
                            : Optional.empty(),
                    in.readBoolean() ? Optional.of(new Snapshot.Foreign(text(in), in.readBoolean())) : Optional.empty(),
                    quiescence(in),
                    new StoreId(uuid(in)),
                    disks(in),
                    optional(in),
                    new OperationId(uuid(in)));
            if (in.read() >= 0) {
                throw new Damage("a record is longer than it should be");
            }
            return snapshot;
        } catch (IOException | RuntimeException e) {
            throw new Damage("a record cannot be read", e);
        }
    }

    private static Labels labels(DataInputStream in) throws IOException {
        Description description = new Description(text(in));
        TreeSet<Tag> tags = new TreeSet<>();
        for (int left = in.readInt(); left > 0; left--) {
            tags.add(new Tag(text(in)));
        }
        return new Labels(description, tags, in.readBoolean());
    }

    private static Quiescence quiescence(DataInputStream in) throws IOException {
        return new Quiescence(
                LEVELS[in.readByte()],
                LEVELS[in.readByte()],
                STATES[in.readByte()],
                in.readLong(),
                in.readLong(),
                in.readBoolean(),
                text(in));
    }

    private static List<DiskImage> disks(DataInputStream in) throws IOException {
        List<DiskImage> disks = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            disks.add(new DiskImage(
                    new DiskName(text(in)), new StoreId(uuid(in)), text(in), in.readLong(), optional(in)));
        }
        return disks;
    }

    private static void text(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    private static String text(DataInputStream in) throws IOException {
        return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
    }

    private static void optional(DataOutputStream out, Optional<String> text) throws IOException {
        out.writeBoolean(text.isPresent());
        if (text.isPresent()) {
            text(out, text.get());
        }
    }

    private static Optional<String> optional(DataInputStream in) throws IOException {
        return in.readBoolean() ? Optional.of(text(in)) : Optional.empty();
    }

    private static void instant(DataOutputStream out, Instant instant) throws IOException {
        out.writeLong(instant.getEpochSecond());
        out.writeInt(instant.getNano());
    }

    private static Instant instant(DataInputStream in) throws IOException {
        return Instant.ofEpochSecond(in.readLong(), in.readInt());
    }

    private static void uuid(DataOutputStream out, UUID uuid) throws IOException {
        out.writeLong(uuid.getMostSignificantBits());
        out.writeLong(uuid.getLeastSignificantBits());
    }

    private static UUID uuid(DataInputStream in) throws IOException {
        return new UUID(in.readLong(), in.readLong());
    }
}
