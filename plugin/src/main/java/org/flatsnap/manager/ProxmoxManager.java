package org.flatsnap.manager;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.flatsnap.linux.ProgramTimeoutException;
import org.flatsnap.linux.Programs;
import org.flatsnap.manager.ProxmoxInventory.Guest;
import org.flatsnap.manager.ProxmoxInventory.Type;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quoted;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The guests, virtual machines and containers, that Proxmox VE has on this node. What they are, {@code pve-guests} tells; what
 * is to be done, {@code pvesh} has PVE's own API do.
 *
 * <p>{@code pvesh} waits for the task that the API starts, writes the task's error to standard error, and ends with 0 all the
 * same ({@code fork_worker} in pve-common's RESTEnvironment.pm). So whether something was done is always looked up afterwards.
 */
public final class ProxmoxManager implements Manager, SnapshotKeeper {
    static final String GUESTS = "/usr/share/flatsnap/pve-guests";

    private static final Logger LOG = LoggerFactory.getLogger(ProxmoxManager.class);
    private static final String PVESH = "/usr/bin/pvesh";

    /** "pve-configid" and the longest name, from PVE's JSONSchema.pm and pve-guest-common. */
    private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9_-]{1,39}");

    /** Words that PVE uses for states of its own. */
    private static final List<String> RESERVED = List.of("current", "pending", "vzdump");

    private static final Duration RECENT = Duration.ofSeconds(2);
    private static final int TOLD = 400;

    private final String guests;
    private final String pvesh;
    private final Limits limits;
    private Answer latest;

    /**
     * @param asking how long {@code pve-guests} may take
     * @param task how long a task of PVE may take before it is given up
     */
    record Limits(Duration asking, Duration task) {}

    /** What was answered to a question put at this time of {@link System#nanoTime}. */
    private record Answer(long asked, Optional<ProxmoxInventory> inventory, Optional<Problem> failure) {
        ProxmoxInventory get() {
            return inventory.orElseThrow(failure::get);
        }
    }

    /** The one of this host. */
    public ProxmoxManager() {
        this(GUESTS, PVESH, new Limits(Duration.ofSeconds(20), Duration.ofMinutes(10)));
    }

    /** The same with other programs in the place of PVE's. */
    public ProxmoxManager(Path guests, Path pvesh) {
        this(guests.toString(), pvesh.toString(), new Limits(Duration.ofSeconds(20), Duration.ofMinutes(10)));
    }

    ProxmoxManager(String guests, String pvesh, Limits limits) {
        this.guests = guests;
        this.pvesh = pvesh;
        this.limits = limits;
    }

    private ProxmoxInventory now() {
        return notOlderThan(System.nanoTime());
    }

    private ProxmoxInventory recent() {
        return notOlderThan(System.nanoTime() - RECENT.toNanos());
    }

    /** Those who wait while it is asked share the next answer, a failure too: a cluster that hangs is not asked by each. */
    private synchronized ProxmoxInventory notOlderThan(long moment) {
        if (latest == null || latest.asked - moment < 0) {
            long asked = System.nanoTime();
            try {
                latest = new Answer(asked, Optional.of(ask()), Optional.empty());
            } catch (Problem e) {
                latest = new Answer(asked, Optional.empty(), Optional.of(e));
            }
        }
        return latest.get();
    }

    private ProxmoxInventory ask() {
        String what = "cannot tell which guests Proxmox VE has";
        Programs.Ended ended = run(what, List.of(guests), limits.asking());
        if (ended.exitCode() != 0) {
            throw new Problem(
                    Code.UNAVAILABLE,
                    what,
                    guests + " failed: " + told(ended),
                    "Check that the cluster is well: systemctl status pve-cluster");
        }
        ProxmoxInventory inventory = ProxmoxInventory.parse(ended.output());
        List<String> before = latest == null
                ? List.of()
                : latest.inventory().map(ProxmoxInventory::unreadable).orElse(List.of());
        inventory.unreadable().stream()
                .filter(guest -> !before.contains(guest))
                .forEach(guest -> LOG.warn("of Proxmox VE's guests one cannot be read: {}", guest));
        return inventory;
    }

    private static Programs.Ended run(String what, List<String> command, Duration limit) {
        try {
            return Programs.run(command, limit);
        } catch (ProgramTimeoutException e) {
            throw new Problem(
                    Code.UNAVAILABLE,
                    what,
                    "Proxmox VE did not answer within " + limit.toSeconds() + " s",
                    "Check that the cluster has quorum (pvecm status) and look at the task in its log",
                    e);
        } catch (IOException e) {
            throw new Problem(
                    Code.UNAVAILABLE,
                    what,
                    String.valueOf(e.getMessage()),
                    "flatsnapd is set up for Proxmox VE: install flatsnap-proxmox there, or set manager = \"libvirt\" in"
                            + " /etc/flatsnap/flatsnap.toml",
                    e);
        }
    }

    /** What a program complained of, in one line that a terminal can show. */
    private static String told(Programs.Ended ended) {
        String line = ended.errors()
                .lines()
                .map(String::strip)
                .filter(text -> !text.isEmpty())
                .collect(Collectors.joining("; "))
                .codePoints()
                .map(c -> Character.isISOControl(c) || Character.getType(c) == Character.FORMAT ? '?' : c)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
        // What is told last is why it ended.
        return line.length() > TOLD ? "..." + line.substring(line.length() - TOLD) : line;
    }

    private static String because(Programs.Ended ended) {
        String told = told(ended);
        return told.isEmpty() ? "Proxmox VE does not say why (exit code " + ended.exitCode() + ")" : told;
    }

    @Override
    public List<Vm> vms() {
        return inOrder(recent());
    }

    @Override
    public List<Vm> vmsNow() {
        return inOrder(now());
    }

    private static List<Vm> inOrder(ProxmoxInventory inventory) {
        return inventory.guests().values().stream()
                .map(Guest::vm)
                .sorted(Comparator.comparing(Vm::name).thenComparing(Vm::id))
                .toList();
    }

    @Override
    public Optional<Vm> find(VmId vm) {
        return Optional.ofNullable(now().guests().get(vm)).map(Guest::vm);
    }

    @Override
    public Optional<SnapshotKeeper> snapshots() {
        return Optional.of(this);
    }

    @Override
    public String describe() {
        ProxmoxInventory inventory = recent();
        String left = inventory.unreadable().isEmpty()
                ? ""
                : ", without those that cannot be read: " + String.join("; ", inventory.unreadable());
        return "Proxmox VE at node " + inventory.node() + ", "
                + inventory.guests().size() + " guests" + left;
    }

    @Override
    public void stop(VmId vm, Duration patience) {
        String what = "cannot stop VM " + vm;
        Guest guest = guest(what, vm);
        if (guest.vm().state() == VmState.OFF) {
            return;
        }
        long deadline = System.nanoTime() + patience.toNanos();
        String seconds = Long.toString(Math.max(1, patience.toSeconds()));
        pvesh(what, "create", guest, "/status/shutdown", "--timeout", seconds);
        if (isOffBefore(deadline, vm)) {
            return;
        }
        Programs.Ended ended = pvesh(what, "create", guest, "/status/stop");
        if (!isOffBefore(System.nanoTime() + patience.toNanos(), vm)) {
            throw new Problem(
                    Code.UNAVAILABLE, what, because(ended), "Stop it: " + tool(guest) + " stop " + guest.number());
        }
    }

    /** Where high availability looks after it, PVE notes the wish and another program sees to it. */
    private boolean isOffBefore(long deadline, VmId vm) {
        while (true) {
            if (find(vm).map(Vm::state).orElse(VmState.OFF) == VmState.OFF) {
                return true;
            }
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            try {
                Thread.sleep(500);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new Problem(
                        Code.UNAVAILABLE,
                        "cannot wait for VM " + vm + " to stop",
                        "flatsnapd is being stopped",
                        "Try again",
                        e);
            }
        }
    }

    @Override
    public void start(VmId vm) {
        String what = "cannot start VM " + vm;
        Guest guest = guest(what, vm);
        if (guest.vm().state() != VmState.OFF) {
            return;
        }
        Programs.Ended ended = pvesh(what, "create", guest, "/status/start");
        if (ended.exitCode() != 0
                || find(vm).map(Vm::state).orElse(VmState.OFF) == VmState.OFF
                        && !told(ended).isEmpty()) {
            throw new Problem(
                    Code.UNAVAILABLE, what, because(ended), "Start it: " + tool(guest) + " start " + guest.number());
        }
    }

    private static String tool(Guest guest) {
        return guest.type() == Type.QEMU ? "qm" : "pct";
    }

    private Guest guest(String what, VmId vm) {
        Guest guest = now().guests().get(vm);
        if (guest == null) {
            throw new Problem(
                    Code.NOT_FOUND,
                    what,
                    "Proxmox VE has no such guest on this node",
                    "See 'flatsnap vms', or 'pvesh get /cluster/resources'");
        }
        return guest;
    }

    private Programs.Ended pvesh(String what, String verb, Guest guest, String path, String... parameters) {
        // It takes its arguments for text of the locale, and Programs sets one without any letters beyond ASCII.
        List<String> command = new ArrayList<>(List.of("env", "LC_ALL=C.UTF-8", pvesh, verb));
        command.add("/nodes/" + recent().node() + "/" + guest.type().name().toLowerCase(Locale.ROOT) + "/"
                + guest.number() + path);
        command.addAll(List.of(parameters));
        Programs.Ended ended = run(what, command, limits.task());
        LOG.debug("{}: exit code {}, {}", command, ended.exitCode(), told(ended));
        return ended;
    }

    private static void refuseLocked(String what, Guest guest) {
        guest.lock().ifPresent(lock -> {
            throw new Problem(
                    Code.BUSY,
                    what,
                    "Proxmox VE has locked the guest (" + Quoted.of(lock) + ")",
                    "Try again when its task has ended; if none runs: " + tool(guest) + " unlock " + guest.number());
        });
    }

    @Override
    public List<Tree> trees() {
        return now().guests().values().stream().map(Guest::tree).toList();
    }

    @Override
    public Optional<Tree> tree(VmId vm) {
        return Optional.ofNullable(now().guests().get(vm)).map(Guest::tree);
    }

    @Override
    public void refuseName(SnapshotName name) {
        String what = "bad snapshot name " + Quoted.of(name.value());
        if (!NAME.matcher(name.value()).matches()) {
            throw new Problem(
                    Code.INVALID,
                    what,
                    "Proxmox VE takes 2 to 40 letters of the alphabet, digits, '-' and '_', the first a letter",
                    "Choose such a name, or leave it out to get one made from the time; the description has room for more");
        }
        if (RESERVED.contains(name.value().toLowerCase(Locale.ROOT))) {
            throw new Problem(Code.INVALID, what, "Proxmox VE uses that word itself", "Choose another name");
        }
    }

    @Override
    public void take(Vm vm, SnapshotName name, Description description) {
        String what = "cannot take snapshot " + name + " of VM " + vm;
        Guest guest = guest(what, vm.id());
        refuseLocked(what, guest);
        if (guest.snapshots().containsKey(name)) {
            throw taken(what);
        }
        List<String> parameters = new ArrayList<>(List.of("--snapname", name.value()));
        if (!description.value().isEmpty()) {
            parameters.addAll(List.of("--description", description.value()));
        }
        if (guest.type() == Type.QEMU) {
            parameters.addAll(List.of("--vmstate", "0"));
        }
        Programs.Ended ended = pvesh(what, "create", guest, "/snapshot", parameters.toArray(String[]::new));
        // Somebody else may have been quicker since it was looked at.
        if (ended.errors().contains("already used")) {
            throw taken(what);
        }
        boolean made = tree(vm.id())
                .map(tree -> tree.snapshots().get(name))
                .filter(kept -> !kept.underWay())
                .isPresent();
        if (!made) {
            throw refused(what, guest, ended);
        }
    }

    private static Problem taken(String what) {
        return new Problem(
                Code.EXISTS,
                what,
                "Proxmox VE has a snapshot of that name",
                "Choose another name, or leave it out to get one made from the time");
    }

    private static Problem refused(String what, Guest guest, Programs.Ended ended) {
        return new Problem(
                Code.REFUSED,
                what,
                "Proxmox VE says: " + because(ended),
                "Mend that and try again; its tasks tell more, and '" + tool(guest) + " unlock " + guest.number()
                        + "' lifts a lock that was left");
    }

    @Override
    public void describe(Vm vm, SnapshotName name, Description description) {
        String what = "cannot describe snapshot " + name + " of VM " + vm;
        Guest guest = guest(what, vm.id());
        Programs.Ended ended = pvesh(
                what, "set", guest, "/snapshot/" + known(what, name) + "/config", "--description", description.value());
        if (ended.exitCode() != 0) {
            throw refused(what, guest, ended);
        }
    }

    @Override
    public void delete(Vm vm, SnapshotName name) {
        String what = "cannot delete snapshot " + name + " of VM " + vm;
        Guest guest = guest(what, vm.id());
        if (!guest.snapshots().containsKey(name)) {
            return;
        }
        refuseLocked(what, guest);
        Programs.Ended ended = pvesh(what, "delete", guest, "/snapshot/" + known(what, name));
        if (tree(vm.id()).filter(tree -> tree.snapshots().containsKey(name)).isPresent()) {
            throw refused(what, guest, ended);
        }
    }

    @Override
    public String rollBack(Vm vm, SnapshotName name) {
        String what = "cannot roll back VM " + vm + " to " + name;
        Guest guest = guest(what, vm.id());
        refuseLocked(what, guest);
        Programs.Ended ended = pvesh(what, "create", guest, "/snapshot/" + known(what, name) + "/rollback");
        if (ended.exitCode() != 0 || tree(vm.id()).filter(Tree::busy).isPresent()) {
            throw refused(what, guest, ended);
        }
        return told(ended);
    }

    /** What a path of the API is made of. */
    private static String known(String what, SnapshotName name) {
        if (!NAME.matcher(name.value()).matches()) {
            throw new Problem(
                    Code.NOT_FOUND, what, "Proxmox VE cannot have a snapshot of that name", "See 'flatsnap list'");
        }
        return name.value();
    }

    @Override
    public void restoreDefinition(Vm vm, String definition) {
        throw unsupported(
                "cannot restore the configuration of VM " + vm,
                "Compare it with the one in the snapshot, and set what differs");
    }

    @Override
    public CloneDefinition prepareClone(
            String definition, VmId id, VmName name, Map<DiskName, Path> disks, Optional<Path> firmware) {
        throw unsupported(
                "cannot make VM " + name,
                "Let Proxmox VE clone it: Clone in its web interface, or qm clone VMID NEWID --snapname SNAPSHOT");
    }

    @Override
    public void define(String definition) {
        throw unsupported("cannot define a VM", "Let Proxmox VE make it");
    }

    private static Problem unsupported(String what, String remedy) {
        return new Problem(Code.UNSUPPORTED, what, "a guest's configuration is Proxmox VE's to write", remedy);
    }
}
