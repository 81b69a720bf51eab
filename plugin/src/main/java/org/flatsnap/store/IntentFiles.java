package org.flatsnap.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.Flock;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;

/** The files of the intents that stand, one a VM. The start interlock looks for them by name. */
final class IntentFiles {
    private static final String SUFFIX = ".json";

    private final Layout layout;
    private final Consumer<Intent> check;

    /** @param check throws a {@link Problem} if one that was read must not be followed */
    IntentFiles(Layout layout, Consumer<Intent> check) {
        this.layout = layout;
        this.check = check;
    }

    void write(Intent intent) throws IOException {
        CheckedFile.replace(layout.intent(intent.vm()), intent);
    }

    List<Intent> all(Consumer<Problem> damaged) throws IOException {
        List<Intent> intents = new ArrayList<>();
        for (Path file : Layout.entries(layout.intents())) {
            if (file.toString().endsWith(SUFFIX)) {
                try {
                    read(file).ifPresent(intents::add);
                } catch (Problem e) {
                    damaged.accept(e);
                }
            }
        }
        return List.copyOf(intents);
    }

    Optional<Intent> of(VmId vm) throws IOException {
        return read(layout.intent(vm));
    }

    /** Removes it durably; another rollback of the VM, begun meanwhile, stays. */
    void remove(Intent intent) throws IOException {
        boolean stands = of(intent.vm())
                .filter(standing -> standing.operation().equals(intent.operation()))
                .isPresent();
        if (stands) {
            Files.deleteIfExists(layout.intent(intent.vm()));
            Durability.sync(layout.intents());
        }
    }

    /** Removes what is left of intents whose writer, or his host, died before they stood. */
    void clearUnwritten() throws IOException {
        String unwritten = SUFFIX + CheckedFile.FRESH;
        for (Path file : Layout.entries(layout.intents())) {
            String name = file.getFileName().toString();
            String vm = name.substring(0, Math.max(0, name.length() - unwritten.length()));
            if (name.endsWith(unwritten) && VmId.looksLikeOne(vm)) {
                // Whoever writes one holds it.
                Optional<Flock> lock = Flock.tryLock(layout.lock(new VmId(vm)));
                if (lock.isPresent()) {
                    try (Flock held = lock.get()) {
                        Files.deleteIfExists(file);
                    }
                }
            }
        }
    }

    private Optional<Intent> read(Path file) throws IOException {
        try {
            Intent intent = CheckedFile.read(file, Intent.class);
            if (!file.endsWith(intent.vm() + SUFFIX)) {
                throw CheckedFile.damaged(file, "it is of another VM, " + intent.vm(), null);
            }
            check.accept(intent);
            return Optional.of(intent);
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }
}
