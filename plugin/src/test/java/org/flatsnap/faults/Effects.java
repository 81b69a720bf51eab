package org.flatsnap.faults;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a call out of flatsnap's own code does to the world. Every method of the classes that lead out (files, channels,
 * processes, libvirt, the kernel's doors of {@code native}, managers) is either here or unknown, and an unknown one fails
 * {@link SitesTest}: so a new step cannot be forgotten.
 */
enum Effects {
    /** It changes storage, catalog, guest or manager: the process may die before it, and it may fail. */
    CHANGE,
    /** It only looks, but may fail. */
    LOOK,
    /** Neither: it cannot fail by what happens outside, or it gives something back. */
    NOTHING;

    private record Rule(Pattern caller, Pattern callee, Effects effect) {}

    private static Rule rule(String callee, Effects effect) {
        return rule(".*", callee, effect);
    }

    private static Rule rule(String caller, String callee, Effects effect) {
        return new Rule(Pattern.compile(caller), Pattern.compile(callee), effect);
    }

    /** Classes all of whose methods have to be known, by internal names. */
    private static final Pattern LEADS_OUT = Pattern.compile("java/nio/file/Files"
            + "|java/nio/channels/(FileChannel|SeekableByteChannel)"
            + "|java/io/(RandomAccessFile|FileDescriptor|File|FileOutputStream|FileWriter|FileInputStream)"
            + "|java/lang/(Process|ProcessBuilder|ProcessHandle|Runtime)"
            + "|org/libvirt/(Connect|Domain)"
            + "|org/flatsnap/hypervisor/(AgentLibrary|Guests|Libvirt)"
            + "|org/flatsnap/manager/(Manager|SnapshotKeeper)"
            + "|org/flatsnap/linux/(CLibrary|Descriptor|Durability|FileIdentity|Flock|Reflink|OpenFiles|Programs)"
            + "|org/flatsnap/linux/zfs/(LibZfsCore|ZfsCore|ZfsPrograms|ZvolDevices)");

    // The first that fits counts.
    private static final List<Rule> RULES = List.of(
            rule("java/nio/file/Files\\.(copy|create.*|delete|deleteIfExists|move|write|writeString|set.*)", CHANGE),
            rule(
                    "java/nio/file/Files\\.(getAttribute|getFileStore|getLastModifiedTime|getPosixFilePermissions|isSameFile|list|mismatch|newByteChannel|newDirectoryStream"
                            + "|read.*|size|walk|walkFileTree)",
                    LOOK),
            // They answer "no" where they fail.
            rule("java/nio/file/Files\\.(exists|is.*)", NOTHING),
            rule("java/nio/channels/FileChannel\\.(force|write|truncate)", CHANGE),
            rule("java/nio/channels/(FileChannel|SeekableByteChannel)\\.(open|tryLock|read|position|size|map)", LOOK),
            rule("java/io/RandomAccessFile\\.(write|setLength)", CHANGE),
            rule("java/io/FileDescriptor\\.sync", CHANGE),
            rule("java/io/RandomAccessFile\\.(<init>|length|readFully|seek)", LOOK),
            rule("java/io/RandomAccessFile\\.getFD|java/io/File\\.<init>", NOTHING),
            rule("java/lang/ProcessBuilder\\.start", LOOK),
            rule("java/lang/(Process|ProcessBuilder|ProcessHandle|Runtime)\\..*", NOTHING),
            rule("org/libvirt/Connect\\.domainDefineXML", CHANGE),
            rule("org/libvirt/Domain\\.(create|destroy|resume|shutdown|suspend)", CHANGE),
            rule("org/libvirt/(Connect|Domain)\\.(close|free|setErrorCallback)", NOTHING),
            rule("org/libvirt/(Connect|Domain)\\..*", LOOK),
            rule("org/flatsnap/hypervisor/AgentLibrary\\.virDomain(FSFreeze|FSThaw)", CHANGE),
            rule("org/flatsnap/hypervisor/AgentLibrary\\..*", NOTHING),
            rule("org/flatsnap/hypervisor/Guests\\.(freeze|resume|suspend|thaw)", CHANGE),
            rule("org/flatsnap/hypervisor/Guests\\.(frozen|state)", NOTHING),
            rule("org/flatsnap/hypervisor/Libvirt\\.(define|start|stop)", CHANGE),
            rule("org/flatsnap/hypervisor/Libvirt\\..*", NOTHING),
            rule("org/flatsnap/manager/Manager\\.(define|restoreDefinition|start|stop)", CHANGE),
            rule("org/flatsnap/manager/Manager\\.(describe|find|prepareClone|snapshots|vms|vmsNow)", NOTHING),
            rule("org/flatsnap/manager/SnapshotKeeper\\.(delete|describe|rollBack|take)", CHANGE),
            rule("org/flatsnap/manager/SnapshotKeeper\\.(refuseName|tree|trees)", NOTHING),
            // Both only ask.
            rule("org/flatsnap/linux/(Extents|Descriptor)\\..*", "org/flatsnap/linux/CLibrary\\.ioctl", LOOK),
            rule("org/flatsnap/linux/CLibrary\\.(fchmod|fchown|fsync|ioctl|setxattr|unlink)", CHANGE),
            // Room that nothing stands in yet.
            rule("org/flatsnap/linux/CLibrary\\.fallocate", LOOK),
            rule("org/flatsnap/linux/CLibrary\\.(flock|getxattr|open|statfs|statx)", LOOK),
            rule("org/flatsnap/linux/CLibrary\\.(close|strerror)", NOTHING),
            rule("org/flatsnap/linux/Descriptor\\..*", NOTHING),
            rule("org/flatsnap/linux/(Durability\\.sync|FileIdentity\\.copy|Reflink\\.(cloneFile|copyNocow))", CHANGE),
            rule("org/flatsnap/linux/(FileIdentity|Reflink)\\..*", NOTHING),
            rule("org/flatsnap/linux/Flock\\.tryLock", LOOK),
            rule("org/flatsnap/linux/(Flock|OpenFiles|Programs)\\..*", NOTHING),
            rule(
                    "org/flatsnap/linux/zfs/LibZfsCore\\.lzc_(clone|destroy|destroy_snaps|hold|promote|release"
                            + "|rename|snapshot|sync)",
                    NOTHING),
            rule("org/flatsnap/linux/zfs/LibZfsCore\\.(libzfs_core_init|load|lzc_.*)", NOTHING),
            rule(
                    "org/flatsnap/linux/zfs/ZfsCore\\.(clone|destroy|destroySnapshots|hold|promote|release|rename"
                            + "|snapshot|sync)",
                    CHANGE),
            rule("org/flatsnap/linux/zfs/ZfsCore\\.(exists|holds|open|snapshotRangeSpace)", LOOK),
            rule("org/flatsnap/linux/zfs/ZfsCore\\..*", NOTHING),
            rule(
                    "org/flatsnap/linux/zfs/ZfsPrograms\\.(createFileSystem|createVolume|inherit|mount|setProperties|unmount)",
                    CHANGE),
            rule("org/flatsnap/linux/zfs/ZfsPrograms\\.(destroyDryRun|list|properties)", LOOK),
            rule("org/flatsnap/linux/zfs/ZfsPrograms\\..*", NOTHING),
            rule("org/flatsnap/linux/zfs/ZvolDevices\\..*", LOOK),
            // What everybody waits for who asked for the operation: the result is known from here on.
            rule("org/flatsnap/engine/Operations\\..*", "java/util/concurrent/CompletableFuture\\.complete", CHANGE),
            rule(".*\\.(close|addSuppressed|getMessage|getSize|toString|equals|hashCode)", NOTHING));

    /**
     * What a call does.
     *
     * @param caller the calling method, {@code org/flatsnap/store/Staging.create}
     * @param callee the called one, {@code java/nio/file/Files.createDirectory}
     * @return empty if nobody has said so yet
     */
    static Optional<Effects> of(String caller, String callee) {
        for (Rule rule : RULES) {
            if (rule.callee().matcher(callee).matches()
                    && rule.caller().matcher(caller).matches()) {
                return Optional.of(rule.effect());
            }
        }
        String owner = callee.substring(0, callee.lastIndexOf('.'));
        return LEADS_OUT.matcher(owner).matches() ? Optional.empty() : Optional.of(NOTHING);
    }
}
