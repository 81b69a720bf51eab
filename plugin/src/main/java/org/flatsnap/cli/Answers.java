package org.flatsnap.cli;

import java.util.List;

/** What the commands read of the API's answers. What a newer daemon says beyond that is passed over. */
final class Answers {
    private Answers() {}

    record Snapshots(List<Snapshot> snapshots, String next) {}

    /**
     * {@code guard}, {@code foreign} and {@code firmware} are null if there are none.
     *
     * @param orphaned true if its manager, which should know it, does not
     */
    record Snapshot(
            String id,
            String vm,
            String vmName,
            String name,
            String takenAt,
            Labels labels,
            Guard guard,
            Foreign foreign,
            Quiescence quiescence,
            List<DiskImage> disks,
            String firmware,
            String operation,
            boolean orphaned) {}

    /** {@code retired} is null while a disk of it is there. */
    record Labels(String description, List<String> tags, boolean held, String retired) {}

    record Guard(String before, boolean partial, String expiresAt) {}

    record Foreign(String name, boolean adopted) {}

    record Quiescence(
            String asked,
            String achieved,
            String state,
            long freezeMillis,
            long pauseMillis,
            boolean torn,
            String note) {}

    record DiskImage(String disk, String source, long bytes) {}

    /** {@code guard} is null if there was nothing to guard. */
    record Rollback(String vm, String snapshot, String guard, boolean started, List<String> warnings) {}

    record Clone(String vm, String name, List<String> disks, List<String> warnings) {}

    record Rebuilt(long snapshots) {}

    record Space(List<SnapshotSpace> snapshots, long freed) {}

    record SnapshotSpace(String id, String name, long exclusive) {}

    record Vms(List<Vm> vms) {}

    record Vm(String vm, String name, String state, long snapshots, List<VmDisk> disks) {}

    record VmDisk(Disk disk, String use, String why, String remedy) {}

    record Disk(String name, String source) {}

    record Findings(List<Finding> findings) {}

    record Finding(String level, String subject, String finding, String remedy) {}

    record Tokens(List<Token> tokens) {}

    record Token(String name, String role, List<String> vms, String createdBy, String expiresAt) {}

    record CreatedToken(Token token, String secret) {}

    record Audit(List<AuditLine> entries, String next) {}

    /** Null is what the line does not have, {@code times} too where it is once. */
    record AuditLine(
            String at,
            String who,
            String from,
            String action,
            String vm,
            String snapshot,
            String detail,
            String operation,
            String result,
            Integer times) {}
}
