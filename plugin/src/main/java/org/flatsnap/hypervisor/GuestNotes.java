package org.flatsnap.hypervisor;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.Host;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Remembers, durably, which guests flatsnap may have frozen, paused or stopped: one file a VM and kind, made before the guest
 * is touched and removed when it certainly runs again. What a killed daemon left here, the {@link Watchdog} or the next daemon
 * undoes. Guests that somebody else froze, paused or stopped are never in it. Safe for use by several threads.
 *
 * <p>Each file holds the boot id. After a reboot no guest is the one that was paused or stopped: it may run on another host by
 * now, and which VMs start with the host is what autostart, or whoever manages the hosts, decides. So notes of these two kinds
 * end with the boot. Notes of a freeze stay, because a guest whose memory was saved at shutdown wakes up frozen, and a thaw
 * does no harm to others.
 */
public final class GuestNotes {
    /** What may have been done to a guest. */
    public enum Kind {
        /** Its file systems were frozen by the agent. */
        FREEZE,
        /** Its processors were stopped. */
        PAUSE,
        /** It was shut down for a rollback and is to be started again. */
        STOP;

        private final String suffix = "." + name().toLowerCase(Locale.ROOT);
    }

    private static final Logger LOG = LoggerFactory.getLogger(GuestNotes.class);

    private static final String UNWRITTEN = ".new";

    private final Path directory;
    private final String boot;

    /** @param directory made if it is missing; it must survive a crash */
    public GuestNotes(Path directory) throws IOException {
        this(directory, Host.bootId());
    }

    GuestNotes(Path directory, String boot) throws IOException {
        this(boot, Files.createDirectories(directory));
    }

    private GuestNotes(String boot, Path directory) throws IOException {
        this.directory = directory;
        this.boot = boot;
        dropThoseOfAnEarlierBoot(Kind.PAUSE);
        dropThoseOfAnEarlierBoot(Kind.STOP);
    }

    /** Those in a directory that somebody else has made. */
    static GuestNotes existing(Path directory) throws IOException {
        return new GuestNotes(Host.bootId(), directory);
    }

    private void dropThoseOfAnEarlierBoot(Kind kind) throws IOException {
        for (VmId vm : open(kind)) {
            if (!boot.equals(Files.readString(file(vm, kind)))) {
                LOG.warn(
                        "VM {} was {} by flatsnap when this host went down; what becomes of it now is not flatsnap's to say",
                        vm,
                        kind == Kind.PAUSE ? "paused" : "shut down for a rollback");
                end(vm, kind);
            }
        }
    }

    /** Notes it, durably; noted before is fine. */
    public void begin(VmId vm, Kind kind) {
        attempt(vm, () -> {
            if (!contains(vm, kind)) {
                // Whole or not at all, because the watchdog may read at any time.
                Path staged = directory.resolve(vm.value() + kind.suffix + UNWRITTEN);
                Files.writeString(staged, boot);
                Durability.sync(staged);
                Files.move(staged, file(vm, kind), StandardCopyOption.ATOMIC_MOVE);
            }
            Durability.sync(directory);
        });
    }

    /** Removes what a killed daemon was about to note; to be called before anything is noted, by the one who notes. */
    public void clearUnwritten() {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*" + UNWRITTEN)) {
            for (Path file : files) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw failure("cannot clear what was about to be noted", e);
        }
    }

    /** It is undone; absent is fine. */
    public void end(VmId vm, Kind kind) {
        attempt(vm, () -> {
            if (Files.deleteIfExists(file(vm, kind)) && kind == Kind.STOP) {
                // Come back after a power loss, it would start a VM that somebody has shut down since. The others do
                // nothing
                // to a guest that runs.
                Durability.sync(directory);
            }
        });
    }

    /** Whether it is noted. */
    public boolean contains(VmId vm, Kind kind) {
        return Files.exists(file(vm, kind));
    }

    private Path file(VmId vm, Kind kind) {
        return directory.resolve(vm.value() + kind.suffix);
    }

    /** VMs with a note of this kind. */
    public Set<VmId> open(Kind kind) {
        Set<VmId> open = new TreeSet<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*" + kind.suffix)) {
            for (Path file : files) {
                String name = file.getFileName().toString();
                open.add(new VmId(name.substring(0, name.length() - kind.suffix.length())));
            }
            return open;
        } catch (IOException e) {
            throw failure("cannot tell which guests stand still", e);
        } catch (DirectoryIteratorException e) {
            throw failure("cannot tell which guests stand still", e.getCause());
        }
    }

    @FunctionalInterface
    private interface Work {
        void run() throws IOException;
    }

    private void attempt(VmId vm, Work work) {
        try {
            work.run();
        } catch (IOException e) {
            throw failure("cannot note that VM " + vm + " is about to stand still", e);
        }
    }

    private Problem failure(String what, IOException e) {
        return new Problem(
                Problem.Code.UNAVAILABLE,
                what,
                directory + " failed (" + e.getMessage() + ")",
                "Make room on its file system and check that it is writable",
                e);
    }
}
