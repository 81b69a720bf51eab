package org.flatsnap.manager;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.flatsnap.hypervisor.Libvirt;
import org.flatsnap.hypervisor.Libvirt.DomainDescription;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;

/** VMs that plain libvirt manages: what {@code virsh list --all} shows. */
public final class LibvirtManager implements Manager {
    private static final Pattern UUID_SHAPE = Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");

    private final Libvirt libvirt;
    private final String uri;

    /** @param uri for people */
    public LibvirtManager(Libvirt libvirt, String uri) {
        this.libvirt = libvirt;
        this.uri = uri;
    }

    @Override
    public List<Vm> vms() {
        return libvirt.domains().stream()
                .map(LibvirtManager::vm)
                .sorted(Comparator.comparing(Vm::name).thenComparing(Vm::id))
                .toList();
    }

    @Override
    public Optional<Vm> find(VmId vm) {
        // Libvirt takes an id that is no UUID, as other managers have them, for an error.
        return UUID_SHAPE.matcher(vm.value()).matches() ? libvirt.domain(vm).map(LibvirtManager::vm) : Optional.empty();
    }

    private static Vm vm(DomainDescription domain) {
        DomainXml live = DomainXml.parse(domain.liveXml());
        DomainXml inactive = domain.state() == VmState.OFF ? live : DomainXml.parse(domain.inactiveXml());
        return new Vm(
                domain.id(),
                name(domain),
                domain.state(),
                domain.persistent(),
                domain.savedMemory(),
                live.agent(),
                // What the guest writes to now counts: after a block job or hot-plug it differs from the definition.
                live.disks(),
                live.firmware().or(inactive::firmware),
                // A snapshot's definition and its disks belong together.
                inactive.adoptDisks(live) ? inactive.toString() : domain.inactiveXml());
    }

    private static VmName name(DomainDescription domain) {
        try {
            return new VmName(domain.name());
        } catch (Problem e) {
            // A name that cannot be shown safely must not hide the VM.
            return new VmName(domain.id().value());
        }
    }

    @Override
    public String describe() {
        return "libvirt " + libvirt.version() + " at " + uri;
    }

    @Override
    public void stop(VmId vm, Duration patience) {
        libvirt.stop(vm, patience);
    }

    @Override
    public void start(VmId vm) {
        libvirt.start(vm);
    }

    @Override
    public void restoreDefinition(Vm vm, String definition) {
        DomainXml xml = DomainXml.parse(definition);
        xml.rename(DomainXml.parse(vm.definition()).name());
        libvirt.define(xml.toString());
    }

    @Override
    public CloneDefinition prepareClone(
            String definition, VmId id, VmName name, Map<DiskName, Path> disks, Optional<Path> firmware) {
        DomainXml xml = DomainXml.parse(definition);
        List<String> warnings = xml.becomeClone(id, name, disks, firmware);
        return new CloneDefinition(xml.toString(), List.copyOf(warnings));
    }

    @Override
    public void define(String definition) {
        libvirt.define(definition);
    }
}
