package org.flatsnap.engine;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.flatsnap.engine.Finding.Level;
import org.flatsnap.hypervisor.Standstill;
import org.flatsnap.manager.Manager;
import org.flatsnap.model.Disk;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.store.Store;
import org.flatsnap.store.StorePlace;
import org.flatsnap.store.StoreStatus;

/** Examines everything flatsnap stands on, and says what to do about what is not well. Changes nothing. */
final class Doctor {
    /** Where libvirt looks for hooks of the QEMU driver, see "Hooks for specific system management" in its documentation. */
    private static final Path HOOK = Path.of("/etc/libvirt/hooks/qemu.d/flatsnap");

    private static final Path XMLLINT = Path.of("/usr/bin/xmllint");

    private static final double NEARLY_FULL = 0.1;
    private static final int NEARLY_RESERVED = 2;

    private final Stores stores;
    private final Manager manager;
    private final Standstill standstill;

    Doctor(Stores stores, Manager manager, Standstill standstill) {
        this.stores = stores;
        this.manager = manager;
        this.standstill = standstill;
    }

    List<Finding> examine() {
        List<Finding> findings = new ArrayList<>();
        examineStores(findings);
        try {
            findings.add(Finding.ok("manager", manager.describe()));
            for (Vm vm : manager.vms()) {
                findings.add(examine(vm).about(vm.id()));
            }
        } catch (Problem e) {
            findings.add(failure("manager", e));
        }
        if (manager.snapshots().isEmpty()) {
            findings.add(interlock());
        }
        if (!System.getProperty("user.name").equals("root")) {
            findings.add(new Finding(
                    Level.FAILURE,
                    "permissions",
                    "flatsnapd runs as " + System.getProperty("user.name"),
                    "Run it as root: it reads disks, keeps their owners and mounts the view"));
        }
        for (VmId vm : standstill.unconfirmed()) {
            Finding frozen = new Finding(
                    Level.FAILURE,
                    "VM " + vm,
                    "it may be frozen or paused: its guest agent does not confirm that it runs again",
                    "Restart qemu-guest-agent in the guest; if that cannot be reached, reset the VM");
            findings.add(frozen.about(vm));
        }
        return findings;
    }

    private static Finding interlock() {
        String subject = "start interlock";
        if (!Files.isExecutable(HOOK)) {
            return new Finding(
                    Level.WARNING,
                    subject,
                    HOOK + " is missing: a VM could be started in the middle of a rollback",
                    "Install it from packaging/libvirt/qemu-hook and restart libvirtd");
        }
        if (!Files.isExecutable(XMLLINT)) {
            return new Finding(
                    Level.WARNING,
                    subject,
                    HOOK + " cannot read definitions without " + XMLLINT,
                    "Install the package libxml2-utils");
        }
        return Finding.ok(subject, HOOK + " is installed");
    }

    private void examineStores(List<Finding> findings) {
        for (Map.Entry<StorePlace, Problem> entry : stores.closed().entrySet()) {
            findings.add(failure("store " + entry.getKey(), entry.getValue()));
        }
        if (stores.open().isEmpty() && stores.closed().isEmpty()) {
            findings.add(new Finding(
                    Level.WARNING,
                    "stores",
                    "there are none yet",
                    "Add a storage of type flatsnap to Proxmox VE; elsewhere add [[store]] with path or dataset of your"
                            + " disks to /etc/flatsnap/flatsnap.toml and restart flatsnapd"));
        }
        for (Store store : stores.open()) {
            String subject = "store " + store.place();
            try {
                findings.add(examine(subject, store));
                store.intents(problem -> findings.add(failure(subject, problem)))
                        .forEach(intent -> findings.add(new Finding(
                                Level.WARNING,
                                subject,
                                "a rollback of VM " + intent.vm() + " is not finished; the VM cannot start until it is",
                                "It is tried again every few seconds; flatsnapd's log says what it waits for")));
            } catch (Problem e) {
                findings.add(failure(subject, e));
            }
        }
    }

    private Finding examine(String subject, Store store) {
        StoreStatus status = store.status();
        long reserve = stores.reserve(store, status);
        String size = status.fileSystem() + ", " + Size.text(status.availableBytes()) + " of "
                + Size.text(status.totalBytes()) + " free";
        if (status.readOnly()) {
            return new Finding(
                    Level.FAILURE,
                    subject,
                    size + ", mounted read-only",
                    store.place() instanceof StorePlace.Dataset dataset
                            ? "See 'zpool get readonly " + dataset.name().pool() + "', then import the pool writable"
                            : "Look at dmesg for the cause, then: mount -o remount,rw " + store.place());
        }
        String remedy = "Delete snapshots that are not needed, or enlarge the file system";
        if (status.availableBytes() < reserve) {
            return new Finding(
                    Level.FAILURE,
                    subject,
                    size + ": nothing is taken or cloned, because " + Size.text(reserve)
                            + " are reserved for what guests write",
                    remedy + ", or lower 'reserve' of this [[store]] in /etc/flatsnap/flatsnap.toml");
        }
        if (status.availableBytes() < Math.max(NEARLY_FULL * status.totalBytes(), NEARLY_RESERVED * reserve)) {
            return new Finding(
                    Level.WARNING,
                    subject,
                    size + "; below " + Size.text(reserve) + " nothing is taken or cloned",
                    remedy);
        }
        return Finding.ok(subject, size);
    }

    private Finding examine(Vm vm) {
        List<String> reasons = new ArrayList<>();
        List<String> remedies = new ArrayList<>();
        for (Disk disk : vm.disks()) {
            if (DiskPlan.judge(disk, stores) instanceof DiskPlan.Verdict.Unsuitable unsuitable) {
                reasons.add("disk " + disk.name() + " " + unsuitable.why());
                remedies.add(unsuitable.remedy());
            }
        }
        if (!reasons.isEmpty()) {
            return new Finding(
                    Level.WARNING,
                    "VM " + vm,
                    String.join("; ", reasons),
                    String.join("; ", remedies.stream().distinct().toList()));
        }
        if (vm.state() == VmState.RUNNING && vm.agent() != Vm.Agent.CONNECTED) {
            return new Finding(
                    Level.WARNING,
                    "VM " + vm,
                    "ready for level crash; level filesystem needs the guest agent",
                    manager.snapshots().isPresent()
                            ? "Enable the guest agent in the VM's options and install qemu-guest-agent in the guest"
                            : vm.agent() == Vm.Agent.NONE
                                    ? "Add the channel org.qemu.guest_agent.0 and install qemu-guest-agent in the guest"
                                    : "Start qemu-guest-agent in the guest");
        }
        return Finding.ok("VM " + vm, "ready, " + vm.state());
    }

    private static Finding failure(String subject, Problem e) {
        return new Finding(Level.FAILURE, subject, e.what() + ": " + e.why(), e.remedy());
    }
}
