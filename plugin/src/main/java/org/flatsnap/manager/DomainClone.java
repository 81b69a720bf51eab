package org.flatsnap.manager;

import static org.flatsnap.manager.DomainXml.append;
import static org.flatsnap.manager.DomainXml.child;
import static org.flatsnap.manager.DomainXml.children;

import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.w3c.dom.Element;

/**
 * The definition of one VM on its way to that of another. Afterwards the two have different identities, write to no common
 * file, listen at no common socket file and claim no common device of the host; what was given up for that, and what could
 * not be separated, is told in warnings. For one use.
 *
 * <p>Elements and attributes are those of libvirt's "Domain XML format", also of versions newer than the one at hand.
 */
final class DomainClone {
    /** Kinds of disk of which the hypervisor takes hold even if the guest only reads. */
    private static final Set<String> CLAIMED_DISKS = Set.of("nvme", "vhostuser", "vhostvdpa");

    private static final Set<String> CLAIMED_NETWORKS = Set.of("hostdev", "vhostuser", "vdpa");

    private final Element domain;
    private final VmId id;
    private final Set<String> warnings = new LinkedHashSet<>();
    private final CloneEndpoints endpoints;

    DomainClone(Element domain, VmId id, VmName name) {
        this.domain = domain;
        this.id = id;
        this.endpoints = new CloneEndpoints(domain, id, name, warnings);
    }

    /**
     * Does it all once; gives the warnings.
     *
     * @param files the new file of each disk, raw
     * @param nvram the new NVRAM file, if there is one
     */
    List<String> separate(Map<DiskName, Path> files, Optional<Path> nvram) {
        identify();
        child(domain, "os").ifPresent(os -> firmware(os, nvram));
        children(domain, "seclabel").forEach(this::label);
        if (child(domain, "qemu:commandline").isPresent()) {
            warnings.add("QEMU's own arguments were not changed: files and ports in them are those of the original");
        }
        child(domain, "devices").ifPresent(devices -> {
            disks(devices, files);
            children(devices).forEach(this::device);
        });
        return List.copyOf(warnings);
    }

    private void identify() {
        Element uuid = child(domain, "uuid").orElseGet(() -> append(domain, "uuid"));
        uuid.setTextContent(id.value());
        // The guest must see that it is a copy; libvirt fills the empty element in.
        child(domain, "genid").ifPresent(element -> element.setTextContent(""));
        // libvirt refuses a definition whose firmware tables tell another identity.
        children(domain, "sysinfo")
                .flatMap(sysinfo -> children(sysinfo, "system"))
                .flatMap(system -> children(system, "entry"))
                .filter(entry -> entry.getAttribute("name").equals("uuid"))
                .forEach(entry -> entry.setTextContent(id.value()));
    }

    private void firmware(Element os, Optional<Path> file) {
        child(os, "loader")
                .filter(loader -> loader.getAttribute("readonly").equals("no"))
                .ifPresent(loader -> warnings.add("firmware "
                        + loader.getTextContent().strip()
                        + " is writable, and the original and the clone both use it: do not run both at once"));
        // A definition from before the first start may not name the file yet.
        child(os, "nvram").or(() -> file.map(path -> append(os, "nvram"))).ifPresent(nvram -> {
            boolean named = child(nvram, "source").isPresent()
                    || !nvram.getTextContent().isBlank();
            nvram.removeAttribute("type");
            nvram.setTextContent(file.map(Path::toString).orElse(""));
            if (file.isEmpty() && !nvram.hasAttribute("template")) {
                os.removeChild(nvram);
            }
            if (file.isEmpty() && named) {
                warnings.add("the firmware's variables are not in the snapshot: those of the clone start afresh");
            }
        });
        child(os, "varstore").filter(store -> store.hasAttribute("path")).ifPresent(store -> {
            store.removeAttribute("path");
            warnings.add("the firmware's variables are not in the snapshot: those of the clone start afresh");
        });
    }

    /** A fixed label belongs to one VM; that of model "dac" is no more than the user that QEMU runs as. */
    private void label(Element label) {
        if (!label.getAttribute("type").equals("static")) {
            return;
        }
        String text = text(label, "label");
        if (label.getAttribute("model").equals("dac")) {
            warnings.add("the clone runs as the same user as the original, " + text);
        } else {
            // libvirt refuses "static" without a label, and "dynamic" without relabelling.
            label.setAttribute("type", "dynamic");
            label.setAttribute("relabel", "yes");
            child(label, "label").ifPresent(label::removeChild);
            child(label, "imagelabel").ifPresent(label::removeChild);
            warnings.add(
                    "the fixed security label " + text + " stays with the original: libvirt makes one for the clone");
        }
    }

    private void disks(Element devices, Map<DiskName, Path> files) {
        Set<DiskName> unused = new LinkedHashSet<>(files.keySet());
        children(devices, "disk").forEach(element -> {
            Disk disk = DomainXml.disk(element);
            Path file = files.get(disk.name());
            if (file != null) {
                unused.remove(disk.name());
                replace(element, file);
            } else if (element.getAttribute("device").equals("floppy")) {
                if (!disk.readOnly()) {
                    eject(element, disk);
                }
            } else if (!disk.removable() && !disk.readOnly() || CLAIMED_DISKS.contains(element.getAttribute("type"))) {
                devices.removeChild(element);
                warnings.add("disk " + disk.name() + " is not in the snapshot and was left out of the clone");
            }
        });
        unused.forEach(name -> warnings.add("disk " + name
                + " of the snapshot is not in the VM's definition: no disk of the clone uses " + files.get(name)));
    }

    private static void replace(Element disk, Path file) {
        boolean device = file.startsWith("/dev");
        String type = device ? "block" : "file";
        if (!disk.getAttribute("type").equals(type)) {
            disk.setAttribute("type", type);
            child(disk, "source").ifPresent(disk::removeChild);
        }
        child(disk, "source")
                .orElseGet(() -> append(disk, "source"))
                .setAttribute(device ? "dev" : "file", file.toString());
        // The definition may be older or newer than the chain that the snapshot was taken from; its images are raw.
        child(disk, "driver").ifPresent(driver -> driver.setAttribute("type", "raw"));
        child(disk, "backingStore").ifPresent(disk::removeChild);
    }

    private void eject(Element drive, Disk disk) {
        child(drive, "source").ifPresent(source -> {
            drive.removeChild(source);
            // libvirt knows no empty drive of other types.
            drive.setAttribute("type", "file");
            warnings.add("the floppy in drive " + disk.name() + " (" + disk.source()
                    + ") is writable and stays with the original: the clone's drive is empty");
        });
    }

    private void device(Element device) {
        switch (device.getNodeName()) {
            case "interface" -> network(device);
            case "graphics" -> endpoints.screen(device);
            case "audio" -> endpoints.output(device, "path");
            case "serial", "console", "parallel", "channel", "redirdev", "smartcard" -> endpoints.stream(device);
            case "rng" -> child(device, "backend").ifPresent(endpoints::stream);
            case "tpm" -> tpm(device);
            case "vsock" -> child(device, "cid").ifPresent(DomainClone::anyCid);
            case "memory" -> path(device).ifPresent(path -> leaveOut(device, "memory kept in " + path));
            case "pstore" -> leaveOut(device, "crash record " + text(device, "path"));
            case "filesystem" -> leaveOut(device, "shared directory " + values(device, "target"));
            case "shmem" -> leaveOut(device, "shared memory " + device.getAttribute("name"));
            case "lease" -> leaveOut(device, "lease " + text(device, "key"));
            case "hostdev" -> leaveOut(device, "host device " + values(device, "source"));
            case "input" -> {
                if (child(device, "source").isPresent()) {
                    leaveOut(device, "host's input device " + values(device, "source"));
                }
            }
            default -> {
                // Nothing of which only one VM can have the use.
            }
        }
    }

    private void network(Element network) {
        if (claimsItsEnd(network)) {
            leaveOut(network, "network interface " + CloneEndpoints.address(network));
        } else {
            endpoints.network(network);
        }
    }

    /** Whether the host's end, or the one MAC address that must be, can serve one VM only. */
    private static boolean claimsItsEnd(Element network) {
        return CLAIMED_NETWORKS.contains(network.getAttribute("type"))
                || child(network, "source").stream()
                        .anyMatch(source -> source.getAttribute("mode").equals("passthrough"))
                || child(network, "teaming").stream()
                        .anyMatch(teaming -> teaming.getAttribute("type").equals("transient"))
                // Its interface identity is registered outside of the host, and libvirt refuses it without one.
                || child(network, "virtualport").stream()
                        .anyMatch(port -> port.getAttribute("type").equals("midonet"));
    }

    private void tpm(Element tpm) {
        child(tpm, "backend").ifPresent(backend -> {
            if (backend.getAttribute("type").equals("emulator")) {
                // Where its state lies; libvirt's own place goes by the VM's identity.
                child(backend, "source").ifPresent(backend::removeChild);
                warnings.add("the state of the TPM is not in the snapshot: that of the clone starts empty");
            } else {
                leaveOut(tpm, "TPM " + backend.getAttribute("type"));
            }
        });
    }

    private static void anyCid(Element cid) {
        cid.setAttribute("auto", "yes");
        cid.removeAttribute("address");
    }

    private void leaveOut(Element device, String what) {
        device.getParentNode().removeChild(device);
        warnings.add(what.strip() + " was left out of the clone: it belongs to the original");
    }

    private static Optional<String> path(Element memory) {
        return child(memory, "source").flatMap(source -> child(source, "path")).map(Element::getTextContent);
    }

    private static String text(Element parent, String name) {
        return child(parent, name).map(Element::getTextContent).orElse("").strip();
    }

    /** The attributes of a child and of what is inside it, for people: {@code bus=0x06 slot=0x02}. */
    private static String values(Element parent, String name) {
        return children(parent, name)
                .flatMap(element -> Stream.concat(Stream.of(element), children(element)))
                .map(Element::getAttributes)
                .flatMap(
                        attributes -> IntStream.range(0, attributes.getLength()).mapToObj(attributes::item))
                .map(attribute -> attribute.getNodeName() + "=" + attribute.getNodeValue())
                .collect(Collectors.joining(" "));
    }
}
