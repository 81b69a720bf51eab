package org.flatsnap.hypervisor;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.linux.Durability;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;

/**
 * Remembers, durably, which guests flatsnap may have frozen, paused or stopped: one empty file a VM and kind, made before the
 * guest is touched and removed when it certainly runs again. What a killed daemon left here, the next one undoes. Guests that
 * somebody else froze, paused or stopped are never in it. Safe for use by several threads.
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

    private final Path directory;

    /** @param directory made if it is missing; it must survive a crash */
    public GuestNotes(Path directory) throws IOException {
        this.directory = Files.createDirectories(directory);
    }

    /** Notes it, durably; noted before is fine. */
    public void begin(VmId vm, Kind kind) {
        attempt(vm, () -> {
            if (!contains(vm, kind)) {
                Files.createFile(file(vm, kind));
            }
            Durability.sync(directory);
        });
    }

    /** It is undone; absent is fine. */
    public void end(VmId vm, Kind kind) {
        attempt(vm, () -> Files.deleteIfExists(file(vm, kind)));
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
