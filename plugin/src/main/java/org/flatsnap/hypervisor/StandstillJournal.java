package org.flatsnap.hypervisor;

import java.io.IOException;
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
 * Remembers, durably, which guests flatsnap may have frozen or paused: one empty file a VM and kind, made before the guest is touched
 * and removed when it certainly runs again. What a killed daemon left here, the next one undoes. Guests that somebody else
 * froze or paused are never in it.
 */
final class StandstillJournal {
    /** What may have been done to a guest. */
    enum Kind {
        FREEZE,
        PAUSE;

        private final String suffix = "." + name().toLowerCase(Locale.ROOT);
    }

    private final Path directory;

    StandstillJournal(Path directory) throws IOException {
        this.directory = Files.createDirectories(directory);
    }

    void begin(VmId vm, Kind kind) {
        attempt(vm, () -> {
            if (!contains(vm, kind)) {
                Files.createFile(file(vm, kind));
            }
            Durability.sync(directory);
        });
    }

    void end(VmId vm, Kind kind) {
        attempt(vm, () -> Files.deleteIfExists(file(vm, kind)));
    }

    boolean contains(VmId vm, Kind kind) {
        return Files.exists(file(vm, kind));
    }

    private Path file(VmId vm, Kind kind) {
        return directory.resolve(vm.value() + kind.suffix);
    }

    /** VMs with a note of either kind. */
    Set<VmId> open() throws IOException {
        Set<VmId> open = new TreeSet<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
            for (Path file : files) {
                String name = file.getFileName().toString();
                open.add(new VmId(name.substring(0, name.lastIndexOf('.'))));
            }
        }
        return open;
    }

    @FunctionalInterface
    private interface Work {
        void run() throws IOException;
    }

    private void attempt(VmId vm, Work work) {
        try {
            work.run();
        } catch (IOException e) {
            throw new Problem(
                    Problem.Code.UNAVAILABLE,
                    "cannot note that VM " + vm + " is about to stand still",
                    directory + " failed (" + e.getMessage() + ")",
                    "Make room on its file system and check that it is writable",
                    e);
        }
    }
}
