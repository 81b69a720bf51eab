package org.flatsnap.engine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import org.flatsnap.hypervisor.GuestNotes;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.linux.Durability;
import org.flatsnap.linux.FileIdentity;
import org.flatsnap.linux.OpenFiles;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.StoreId;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.store.Intent;
import org.flatsnap.store.Store;

/**
 * The second half of a rollback, from the intent on: steps that can all be repeated, so that the one who decided it and the one
 * who finds it after a crash do the same.
 */
final class FinishRollback {
    private static final Duration FAREWELL = Duration.ofSeconds(5);
    private static final Duration POLL = Duration.ofMillis(100);

    private final Stores stores;
    private final Manager manager;
    private final Operations operations;
    private final GuestNotes notes;
    private final String node;

    FinishRollback(Stores stores, Manager manager, Operations operations, GuestNotes notes, String node) {
        this.stores = stores;
        this.manager = manager;
        this.operations = operations;
        this.notes = notes;
        this.node = node;
    }

    /** This host, which stands in the intents it decides. */
    String node() {
        return node;
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
        swapDisks(intent);
        intent.firmware().ifPresent(live -> swapFirmware(intent, Path.of(live)));
    }

    /** All that a host can do where the VM is not defined. The caller holds the VM's lock. */
    void swapDisks(Intent intent) {
        GuardSnapshot.decide(stores, intent);
        for (Intent.Swap swap : intent.swaps()) {
            stores.require(swap.store()).swap(intent, swap);
        }
    }

    /** Whether something is left to be done where the VM is defined when the disks are in place; with volumes there never is. */
    static boolean wantsManager(Intent intent) {
        return intent.definition().isPresent() || intent.firmware().isPresent() || intent.start();
    }

    private boolean decidedHere(Intent intent) {
        return intent.node().equals(node);
    }

    /** Restores the definition, remembers the result, lifts the intent and starts the VM if it ran. No lock is held. */
    RollbackResult conclude(Intent intent, Progress progress) {
        List<String> warnings = new ArrayList<>();
        intent.definition().ifPresent(definition -> {
            progress.step("restoring the definition");
            Optional<Vm> vm = manager.find(intent.vm());
            if (vm.isEmpty()) {
                warnings.add("the VM is not defined any more, so its definition was not restored");
                return;
            }
            try {
                manager.restoreDefinition(vm.get(), definition);
            } catch (Problem e) {
                // If the manager is away this throws, and all is done again when it is back.
                manager.find(intent.vm());
                // It answers and does not want it, after an upgrade for one: no retry would help.
                warnings.add("the definition was not restored: " + e.why());
            }
        });
        // Before the intent goes, so that a kill in between leaves a result; recovery then starts the VM.
        RollbackResult hoped = result(intent, intent.start(), warnings);
        operations.finished(intent.operation(), hoped, intent.primary());
        lift(intent);
        boolean started = intent.start() && startAgain(intent, warnings, progress);
        RollbackResult reached = result(intent, started, warnings);
        if (!reached.equals(hoped)) {
            operations.finished(intent.operation(), reached, intent.primary());
        }
        return reached;
    }

    private boolean startAgain(Intent intent, List<String> warnings, Progress progress) {
        if (!decidedHere(intent)) {
            // That host may be defining it too and start it when it is back: two guests on one disk destroy it.
            warnings.add(
                    "the VM is off: it ran on host " + intent.node() + ", and where it is to run now is yours to say");
            return false;
        }
        progress.step("starting the VM again");
        Optional<Problem> failure = startTwice(intent.vm());
        if (failure.isEmpty()) {
            notes.end(intent.vm(), Kind.STOP);
            return true;
        }
        return startedAllTheSame(intent, failure.get(), warnings);
    }

    /** Starts a VM. A connection that broke is made anew the second time; gives why it could not be started then either. */
    Optional<Problem> startTwice(VmId vm) {
        try {
            manager.start(vm);
            return Optional.empty();
        } catch (Problem first) {
            if (first.getCause() instanceof TimeoutException) {
                // It may be at it yet.
                return Optional.of(first);
            }
            try {
                manager.start(vm);
                return Optional.empty();
            } catch (Problem e) {
                e.addSuppressed(first);
                return Optional.of(e);
            }
        }
    }

    /**
     * A VM that was stopped for a rollback of which nothing was done must not stay off. While an intent stands, it is recovery's.
     *
     * @return what to tell of the failure
     */
    Problem startAgain(Vm vm, Problem failure) {
        try {
            for (Store store : stores.open()) {
                if (store.intent(vm.id()).isPresent()) {
                    return failure;
                }
            }
            boolean off = manager.find(vm.id()).map(Vm::state).equals(Optional.of(VmState.OFF));
            if (off) {
                startTwice(vm.id()).ifPresent(e -> {
                    throw e;
                });
            }
            notes.end(vm.id(), Kind.STOP);
            return failure;
        } catch (Problem e) {
            failure.addSuppressed(e);
            return new Problem(
                    failure.code(),
                    failure.what(),
                    failure.why() + "; and the VM is off now, because it could not be started again (" + e.why() + ")",
                    failure.remedy() + "; then start the VM",
                    failure);
        }
    }

    /** No answer in time, or a broken connection, does not say that the VM was not started. */
    private boolean startedAllTheSame(Intent intent, Problem failure, List<String> warnings) {
        try {
            boolean off = manager.find(intent.vm())
                    .map(vm -> vm.state() == VmState.OFF)
                    .orElse(true);
            if (off) {
                warnings.add("the VM is off: " + failure.getMessage());
            }
            // From here on it is for whoever is told: they may not want it started days later.
            notes.end(intent.vm(), Kind.STOP);
            return !off;
        } catch (Problem e) {
            warnings.add("it is not known whether the VM runs: " + failure.getMessage());
            return false;
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

    /**
     * Takes back an intent of which nothing has been done: the primary's copy first, which decides.
     *
     * @return false if it still stands somewhere, so that what is staged has to stay
     */
    boolean takenBack(Intent intent, Problem because) {
        try {
            // Before the intent goes, because afterwards nobody would know of it.
            if (intent.firmware().isPresent()) {
                Files.deleteIfExists(stagedFirmware(intent));
            }
            intent.stores().forEach(id -> stores.require(id).lift(intent));
            return true;
        } catch (Problem | IOException e) {
            because.addSuppressed(e);
            return false;
        }
    }

    /** Memory that was saved would be continued on other disks, which destroys the guest's file systems. */
    static void refuseSavedMemory(Vm vm) {
        if (vm.savedMemory()) {
            throw new Problem(
                    Code.REFUSED,
                    "cannot roll back VM " + vm,
                    "its memory is saved and would be continued on other disks, which destroys the guest's file systems",
                    "Start it and shut it down, or drop the memory with 'virsh managedsave-remove " + vm + "'");
        }
    }

    /**
     * What the manager says is asked first, this asks the kernel: a rename under a writer leaves it a file without a name. A
     * process that has just been ended may take a moment to let go of its files.
     */
    static void refuseInUse(String vm, List<Path> files) {
        long deadline = System.nanoTime() + FAREWELL.toNanos();
        for (Path file : files) {
            List<Long> writers = writers(file);
            while (!writers.isEmpty() && System.nanoTime() < deadline) {
                pause();
                writers = writers(file);
            }
            if (!writers.isEmpty()) {
                throw new Problem(
                        Code.REFUSED,
                        "cannot roll back VM " + vm,
                        "process " + writers.get(0) + " has " + file + " open for writing",
                        "End it first (ps " + writers.get(0) + " shows what it is)");
            }
            if (claimed(file)) {
                throw new Problem(
                        Code.REFUSED,
                        "cannot roll back VM " + vm,
                        "this host itself uses " + file + ": it is mounted, or LVM, RAID or a mapping stands on it",
                        "Take that down first (lsblk " + file + " or losetup -j " + file + " shows it)");
            }
        }
    }

    static void refuseInUse(String vm, Intent intent) {
        refuseInUse(
                vm, intent.swaps().stream().map(swap -> Path.of(swap.live())).toList());
    }

    private static boolean claimed(Path file) {
        try {
            return OpenFiles.claimed(file);
        } catch (IOException e) {
            throw failure("cannot tell whether this host uses " + file, e);
        }
    }

    private static List<Long> writers(Path file) {
        try {
            return OpenFiles.writers(file);
        } catch (IOException e) {
            throw failure("cannot tell who uses " + file, e);
        }
    }

    private static void pause() {
        try {
            Thread.sleep(POLL.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Problem(
                    Code.UNAVAILABLE,
                    "cannot wait for a disk",
                    "the daemon is stopping",
                    "Try again when it is back",
                    e);
        }
    }

    /** The disks that are not what the guard holds, and not swapped yet either. */
    List<Intent.Swap> changed(Intent intent) {
        return intent.swaps().stream()
                .filter(swap -> stores.require(swap.store()).changed(intent, swap))
                .toList();
    }

    void refuseChanged(Intent intent) {
        for (Intent.Swap swap : changed(intent)) {
            throw swap.refusal();
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

    /**
     * Makes a copy of the target's NVRAM beside the live one, durable. It can be made again at any time, so the intent stands
     * first: no crash leaves a copy of which nobody knows.
     */
    void stageFirmware(Intent intent) {
        if (intent.firmware().isEmpty()) {
            return;
        }
        Path live = Path.of(intent.firmware().get());
        Path staged = stagedFirmware(intent);
        try {
            Files.copy(savedFirmware(intent), staged, StandardCopyOption.REPLACE_EXISTING);
            if (Files.exists(live)) {
                FileIdentity.copy(live, staged);
            }
            Durability.sync(staged);
            Durability.sync(staged.getParent());
        } catch (IOException e) {
            throw failure("cannot stage the NVRAM " + live, e);
        }
    }

    /** Nobody writes to it while the intent stands, so its content tells whether it is in place. */
    private void swapFirmware(Intent intent, Path live) {
        Path saved = savedFirmware(intent);
        Path staged = stagedFirmware(intent);
        try {
            if (!same(live, saved)) {
                if (!same(staged, saved)) {
                    stageFirmware(intent);
                }
                // By whoever staged it, who may have died before.
                Durability.sync(staged);
                Files.move(staged, live, StandardCopyOption.ATOMIC_MOVE);
            }
            Files.deleteIfExists(staged);
            Durability.sync(live.getParent());
        } catch (IOException e) {
            throw failure("cannot put the NVRAM " + live + " in place", e);
        }
    }

    private static boolean same(Path one, Path other) throws IOException {
        return Files.exists(one) && Files.mismatch(one, other) < 0;
    }

    private static Path stagedFirmware(Intent intent) {
        Path live = Path.of(intent.firmware().orElseThrow());
        return live.resolveSibling("." + live.getFileName() + ".flatsnap-" + intent.operation());
    }

    private Path savedFirmware(Intent intent) {
        Snapshot target = stores.require(intent.primary())
                .read(intent.vm(), intent.target())
                .orElseThrow(() -> new Problem(
                        Code.NOT_FOUND,
                        "cannot put the NVRAM of VM " + intent.vm() + " in place",
                        "snapshot " + intent.target() + ", which holds it, is gone",
                        "Bring back " + intent.target() + " on the store " + intent.primary()));
        return saved(target, Snapshot.FIRMWARE_FILE);
    }

    private Path saved(Snapshot snapshot, String fileName) {
        return stores.require(snapshot.home()).savedFile(snapshot.vm(), snapshot.id(), fileName);
    }

    static Problem failure(String what, IOException e) {
        return new Problem(
                Code.UNAVAILABLE,
                what,
                String.valueOf(e.getMessage()),
                "Check that the file system is mounted, writable and not full",
                e);
    }
}
