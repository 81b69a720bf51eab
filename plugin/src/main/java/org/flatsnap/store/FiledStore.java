package org.flatsnap.store;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.flatsnap.linux.Durability;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.VmId;

/** What every store keeps in files of its own: identity, locks, intents, and what is saved beside images. */
abstract class FiledStore implements Store {
    private final Layout layout;
    private final StoreIdentity identity;
    private final IntentFiles intents;

    FiledStore(Layout layout, StoreIdentity identity) {
        this.layout = layout;
        this.identity = identity;
        this.intents = new IntentFiles(layout, this::requireOwn);
    }

    final Layout layout() {
        return layout;
    }

    @Override
    public final StoreId id() {
        return identity.id();
    }

    @Override
    public final VmLock lock(VmId vm, Duration patience) {
        return produce("cannot lock VM " + vm, () -> {
            requireMounted();
            return FileLock.take(layout.lock(vm), vm, patience);
        });
    }

    @Override
    public final VmLock lockRollback(VmId vm, Duration patience) {
        return produce("cannot lock the rollback of VM " + vm, () -> {
            requireMounted();
            return FileLock.take(layout.rollbackLock(vm), vm, patience);
        });
    }

    /** Refuses to put an image into a snapshot over another one. */
    static void requireFurther(Snapshot snapshot, List<DiskSource> disks) {
        for (DiskSource source : disks) {
            if (snapshot.disk(source.disk()).isPresent()) {
                throw new Problem(
                        Problem.Code.EXISTS,
                        "cannot add disk " + source.disk() + " to snapshot " + snapshot.name(),
                        "the snapshot has a disk of that name",
                        "Take another snapshot of it");
            }
        }
    }

    @Override
    public final Path savedFile(VmId vm, SnapshotId snapshot, String fileName) {
        return layout.snapshot(vm, snapshot).resolve(fileName);
    }

    /** Wrapped, because the content of a checked file is an object. */
    private record Answer(String answer) {
        Answer {
            requireNonNull(answer, "answer");
        }
    }

    @Override
    public final void keepAnswer(OperationId operation, String answer) {
        attempt("cannot keep the answer to operation " + operation, () -> {
            Path file = layout.answer(operation);
            if (!Files.exists(file.getParent())) {
                Files.createDirectories(file.getParent());
                Durability.sync(layout.base());
            }
            CheckedFile.replace(file, new Answer(answer));
        });
    }

    @Override
    public final Optional<String> answer(OperationId operation) {
        return produce("cannot read the answer to operation " + operation, () -> {
            try {
                return Optional.of(
                        CheckedFile.read(layout.answer(operation), Answer.class).answer());
            } catch (NoSuchFileException e) {
                requireMounted();
                return Optional.empty();
            }
        });
    }

    /** Removes answers that nobody can be waiting for any more. */
    final void dropOldAnswers() throws IOException {
        Instant oldest = Instant.now().minus(ANSWERS_KEPT);
        for (Path answer : Layout.entries(layout.answers())) {
            try {
                if (Files.getLastModifiedTime(answer).toInstant().isBefore(oldest)) {
                    Files.deleteIfExists(answer);
                }
            } catch (NoSuchFileException e) {
                // Another host was quicker.
                continue;
            }
        }
    }

    @Override
    public final void write(Intent intent) {
        attempt("cannot record the rollback of VM " + intent.vm(), () -> intents.write(intent));
    }

    @Override
    public final List<Intent> intents(Consumer<Problem> damaged) {
        return produce("cannot read the rollbacks under way", () -> {
            requireMounted();
            return intents.all(damaged);
        });
    }

    @Override
    public final Optional<Intent> intent(VmId vm) {
        return produce("cannot read the rollback of VM " + vm, () -> {
            requireMounted();
            return intents.of(vm);
        });
    }

    /**
     * INVARIANT: nothing is moved or removed that an intent names and that is not flatsnap's, whoever wrote it: a store may be
     * shared, and its checksum has no key.
     *
     * @throws Problem with code INTERNAL if it names another place
     */
    final void requireOwn(Intent intent) {
        for (Intent.Swap swap : intent.swaps()) {
            if (swap.store().equals(id()) && !isOwn(swap)) {
                throw CheckedFile.damaged(
                        layout.intent(intent.vm()),
                        "it puts " + swap.staged() + " in the place of "
                                + swap.dataset().orElse(swap.live())
                                + ", and not what flatsnap stages in that of a disk",
                        null);
            }
        }
    }

    /** Whether it leads from where this store stages disks to where it has them. */
    abstract boolean isOwn(Intent.Swap swap);

    final void removeIntent(Intent intent) throws IOException {
        intents.remove(intent);
    }

    final void clearUnwrittenIntents() throws IOException {
        intents.clearUnwritten();
    }

    /** INVARIANT: every look at what is published begins here, so that an unmounted store is away and not empty. */
    final void requireMounted() throws IOException {
        identity.require("cannot use the store " + place(), layout);
    }

    /** Work on storage that may fail. */
    @FunctionalInterface
    interface Work {
        void run() throws IOException;
    }

    /** Work on storage that may fail and gives something. */
    @FunctionalInterface
    interface Production<T> {
        T get() throws IOException;
    }

    final void attempt(String what, Work work) {
        produce(what, () -> {
            work.run();
            return null;
        });
    }

    final <T> T produce(String what, Production<T> work) {
        try {
            return work.get();
        } catch (IOException e) {
            throw StorageProblem.of(what, place(), e);
        }
    }
}
