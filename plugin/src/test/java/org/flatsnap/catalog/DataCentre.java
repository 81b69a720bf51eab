package org.flatsnap.catalog;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.IntStream;
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
 * The snapshots of a data centre that keeps many: each VM has one a night, made by a timer and named after its second, so that
 * hardly a name is there twice; one in ten was made by a person before a change, and has a ticket in its description.
 */
final class DataCentre {
    private static final Instant BEGIN = Instant.parse("2024-02-27T00:00:00Z");
    private static final StoreId STORE = new StoreId(new UUID(0x1111_2222_3333_4444L, 0x8555_6666_7777_8888L));
    private static final DateTimeFormatter NAME =
            DateTimeFormatter.ofPattern("uuuu-MM-dd_HH.mm.ss").withZone(ZoneOffset.UTC);
    private static final List<String> ROLES = List.of("web", "db", "mail", "ci", "ldap", "cache", "build", "desktop");
    private static final List<String> SITES = List.of("prod", "test", "stage");
    private static final List<String> CHANGES =
            List.of("nginx", "kernel", "postgres", "openssl", "php", "samba", "java", "glibc", "systemd", "exim");

    private final int vms;
    private final int snapshotsOfEach;

    DataCentre(int vms, int snapshotsOfEach) {
        this.vms = vms;
        this.snapshotsOfEach = snapshotsOfEach;
    }

    int size() {
        return vms * snapshotsOfEach;
    }

    static VmId vm(int number) {
        return new VmId(String.format("%08x-5f3a-4000-8000-%012x", number * 0x9E3779B1, number));
    }

    static VmName vmName(int number) {
        return new VmName(String.format("%s%03d.%s", ROLES.get(number % 8), number / 8, SITES.get(number % 3)));
    }

    /** VM by VM, as a store lists them. */
    Iterator<Snapshot> snapshots() {
        return IntStream.range(0, size())
                .mapToObj(i -> snapshot(i / snapshotsOfEach, i % snapshotsOfEach))
                .iterator();
    }

    /** Night by night, as they are made. */
    Snapshot next(int number) {
        return snapshot(number % vms, number / vms);
    }

    Snapshot any(Random random) {
        return snapshot(random.nextInt(vms), random.nextInt(snapshotsOfEach));
    }

    static String change(Random random) {
        return CHANGES.get(random.nextInt(CHANGES.size()));
    }

    /** The same each time, but for its operation. */
    Snapshot snapshot(int vm, int number) {
        Random random = new Random(vm * 1_000_003L + number);
        boolean byHand = number % 10 == 7;
        Instant at = BEGIN.plus(Duration.ofDays(number))
                .plusMillis(byHand ? random.nextInt(86_400_000) : 7_200_000 + random.nextInt(3_600_000));
        String change = CHANGES.get(random.nextInt(CHANGES.size()));
        String version = random.nextInt(20) + "." + random.nextInt(100);
        TreeSet<Tag> tags = new TreeSet<>(List.of(new Tag(SITES.get(vm % 3))));
        tags.add(new Tag(byHand ? "change" : "nightly"));
        if (random.nextInt(100) == 0) {
            tags.add(new Tag("keep"));
        }
        String name = byHand
                ? "before-" + change + "-" + version + "-" + number
                : "auto_" + NAME.format(at) + (number % 7 == 0 ? "_weekly" : "_daily");
        String description = byHand
                ? "CHG" + (100_000 + random.nextInt(900_000)) + ": update of " + change + " to " + version
                : "taken by the timer";
        return new Snapshot(
                SnapshotId.of(at, random.nextInt()),
                vm(vm),
                vmName(vm),
                new SnapshotName(name),
                at,
                new Labels(new Description(description), tags, false),
                Optional.empty(),
                Optional.empty(),
                new Quiescence(Consistency.FILESYSTEM, Consistency.FILESYSTEM, VmState.RUNNING, 70, 0, false, ""),
                STORE,
                List.of(new DiskImage(
                        new DiskName("vda"),
                        STORE,
                        "/var/lib/libvirt/images/" + vmName(vm) + ".raw",
                        40L << 30,
                        Optional.empty())),
                Optional.empty(),
                new OperationId(new UUID(random.nextLong(), random.nextLong())));
    }
}
