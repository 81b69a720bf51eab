package org.flatsnap.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.FileIdentity;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.store.Intent;

/**
 * The second half of a rollback, from the intent on: steps that can all be repeated, so that the one who decided it and the one
 * who finds it after a crash do the same.
 */
final class FinishRollback {
    private final Stores stores;
    private final Manager manager;
    private final Catalog catalog;
    private final Clock clock;

    FinishRollback(Stores stores, Manager manager, Catalog catalog, Clock clock) {
        this.stores = stores;
        this.manager = manager;
        this.catalog = catalog;
        this.clock = clock;
    }

    /** Makes it stand on all its stores; on the primary last, whose copy decides. */
    void write(Intent intent) {
        List<StoreId> ids = intent.stores();
        for (int i = ids.size() - 1; i >= 0; i--) {
            stores.require(ids.get(i)).write(intent);
        }
    }

    /** Puts disks and NVRAM in place. The caller holds the VM's lock. */
    void swap(Intent intent) {
        for (Intent.Swap swap : intent.swaps()) {
            stores.require(swap.store()).swap(swap);
        }
        intent.firmware().ifPresent(FinishRollback::swapFirmware);
    }

    /** Restores the definition, remembers the result, lifts the intent and starts the VM if it ran. No lock is held. */
    RollbackResult conclude(Intent intent, Progress progress) {
        List<String> warnings = new ArrayList<>();
        intent.definition().ifPresent(definition -> {
            progress.step("restoring the definition");
            Optional<Vm> vm = manager.find(intent.vm());
            vm.ifPresentOrElse(
                    present -> manager.restoreDefinition(present, definition),
                    () -> warnings.add("the VM is not defined any more, so its definition was not restored"));
        });
        Operations.record(catalog, intent.operation(), result(intent, intent.start(), warnings), clock.instant());
        lift(intent);
        if (!intent.start()) {
            return result(intent, false, warnings);
        }
        progress.step("starting the VM again");
        try {
            manager.start(intent.vm());
            return result(intent, true, warnings);
        } catch (Problem e) {
            warnings.add(e.getMessage());
            return result(intent, false, warnings);
        }
    }

    private static RollbackResult result(Intent intent, boolean started, List<String> warnings) {
        return new RollbackResult(intent.vm(), intent.target(), intent.guard(), started, warnings);
    }

    /** Lifts it everywhere; on the primary last, so that a crash in between finishes it again rather than half forgets it. */
    private void lift(Intent intent) {
        List<StoreId> ids = intent.stores();
        for (int i = ids.size() - 1; i >= 0; i--) {
            stores.require(ids.get(i)).lift(intent);
        }
    }

    /** Takes back an intent of which nothing has been done: the primary's copy first, which decides. */
    void takeBack(Intent intent, Problem because) {
        try {
            intent.stores().forEach(id -> stores.require(id).lift(intent));
            if (intent.firmware().isPresent()) {
                Files.deleteIfExists(Path.of(intent.firmware().get().staged()));
            }
        } catch (Problem | IOException e) {
            because.addSuppressed(e);
        }
    }

    /** The definition as it was at a snapshot. */
    String definition(Snapshot snapshot) {
        Path file = saved(snapshot, Snapshot.DEFINITION_FILE);
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw failure("cannot read the definition in " + file, e);
        }
    }

    /** A copy of the snapshot's NVRAM beside the live one, durable; empty if the snapshot has none. */
    Optional<Intent.FileSwap> stageFirmware(OperationId operation, Snapshot snapshot) {
        return snapshot.firmware().map(file -> {
            Path live = Path.of(file);
            Path staged = live.resolveSibling("." + live.getFileName() + ".flatsnap-" + operation);
            try {
                Files.copy(saved(snapshot, Snapshot.FIRMWARE_FILE), staged, StandardCopyOption.REPLACE_EXISTING);
                if (Files.exists(live)) {
                    FileIdentity.copy(live, staged);
                }
                Durability.sync(staged);
            } catch (IOException e) {
                throw failure("cannot stage the NVRAM " + file, e);
            }
            return new Intent.FileSwap(staged.toString(), file);
        });
    }

    private static void swapFirmware(Intent.FileSwap firmware) {
        Path live = Path.of(firmware.live());
        try {
            try {
                Files.move(Path.of(firmware.staged()), live, StandardCopyOption.ATOMIC_MOVE);
            } catch (NoSuchFileException e) {
                if (!Files.exists(live)) {
                    throw e;
                }
                // Done before a restart.
            }
            Durability.sync(live.getParent());
        } catch (IOException e) {
            throw failure("cannot put the NVRAM " + live + " in place", e);
        }
    }

    private Path saved(Snapshot snapshot, String fileName) {
        return stores.require(snapshot.home()).savedFile(snapshot.vm(), snapshot.id(), fileName);
    }

    private static Problem failure(String what, IOException e) {
        return new Problem(
                Code.UNAVAILABLE,
                what,
                String.valueOf(e.getMessage()),
                "Check that the file system is mounted, writable and not full",
                e);
    }
}
