package org.flatsnap.manager;

import static org.flatsnap.manager.DomainXml.append;
import static org.flatsnap.manager.DomainXml.child;
import static org.flatsnap.manager.DomainXml.children;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.w3c.dom.Element;

/**
 * The places where a clone meets the world outside: network interfaces, screens, and streams of characters. Each method
 * takes one device of the clone's definition and parts it from the original's. For one use.
 */
final class CloneEndpoints {
    /** NAME_MAX in linux/limits.h. */
    private static final int MAX_FILE_NAME = 255;

    /** sizeof(sun_path) in linux/un.h, less the final zero. */
    private static final int MAX_SOCKET_PATH = 107;

    private static final int MAX_PATH = 4095;

    private final VmId id;
    private final VmName name;
    private final Set<String> warnings;
    private final SecureRandom random = new SecureRandom();
    private final Set<String> addresses = new HashSet<>();

    /**
     * @param original the definition, still with the original's addresses
     * @param warnings takes one sentence for each thing a person should know
     */
    CloneEndpoints(Element original, VmId id, VmName name, Set<String> warnings) {
        this.id = id;
        this.name = name;
        this.warnings = warnings;
        child(original, "devices").stream()
                .flatMap(devices -> children(devices, "interface"))
                .map(network -> address(network).toLowerCase(Locale.ROOT))
                .forEach(addresses::add);
    }

    /** Gives a network interface an address that is neither the original's nor that of another of the clone. */
    void network(Element network) {
        child(network, "mac").orElseGet(() -> append(network, "mac")).setAttribute("address", newAddress());
        // The host's end is named by libvirt afresh, and so is its port at a virtual switch.
        child(network, "target").ifPresent(network::removeChild);
        children(network, "virtualport")
                .flatMap(port -> children(port, "parameters"))
                .forEach(parameters -> {
                    parameters.removeAttribute("interfaceid");
                    parameters.removeAttribute("instanceid");
                });
        child(network, "backend").ifPresent(backend -> output(backend, "logFile"));
        if (List.of("server", "udp").contains(network.getAttribute("type"))) {
            children(network, "source")
                    .flatMap(source -> Stream.concat(children(source, "local"), Stream.of(source)))
                    .limit(1)
                    .forEach(end -> warnPort(end.getAttribute("address") + ":" + end.getAttribute("port")));
        }
        children(network, "portForward")
                .flatMap(forward -> children(forward, "range"))
                .forEach(range -> warnPort(range.getAttribute("start")));
    }

    static String address(Element network) {
        return child(network, "mac").map(mac -> mac.getAttribute("address")).orElse("");
    }

    private String newAddress() {
        while (true) {
            // 52:54:00 is the prefix that libvirt itself gives to QEMU guests.
            String address = String.format(
                    "52:54:00:%02x:%02x:%02x", random.nextInt(256), random.nextInt(256), random.nextInt(256));
            if (addresses.add(address)) {
                return address;
            }
        }
    }

    /** Leaves it to libvirt where a screen is shown, if the original shows it at a fixed port or socket. */
    void screen(Element graphics) {
        if (List.of("port", "tlsPort", "websocket").stream().anyMatch(port -> fixed(graphics, port))) {
            graphics.setAttribute("port", "-1");
            graphics.setAttribute("autoport", "yes");
            graphics.removeAttribute("tlsPort");
            if (graphics.hasAttribute("websocket")) {
                graphics.setAttribute("websocket", "-1");
            }
            warnings.add("the clone's " + graphics.getAttribute("type")
                    + " screen is at another port than the original's:" + " see 'virsh domdisplay'");
        }
        Stream.concat(Stream.of(graphics), children(graphics, "listen"))
                .filter(end -> end.hasAttribute("socket"))
                .forEach(end -> {
                    warnings.add("the clone's " + graphics.getAttribute("type") + " screen is at another socket than "
                            + end.getAttribute("socket") + ": see 'virsh domdisplay'");
                    end.removeAttribute("socket");
                });
        // Only D-Bus has it: a bus that several may share. Without it libvirt starts one for the VM.
        if (graphics.hasAttribute("address")) {
            warnings.add("the clone's screen is not at the bus " + graphics.getAttribute("address")
                    + " but at one of its own");
            graphics.removeAttribute("address");
        }
    }

    private static boolean fixed(Element graphics, String port) {
        return graphics.getAttribute(port).matches("[1-9][0-9]*")
                && (port.equals("websocket")
                        || !graphics.getAttribute("autoport").equals("yes"));
    }

    /** Parts a stream of characters: a serial port, a channel, the log beside either. */
    void stream(Element device) {
        child(device, "log").ifPresent(log -> output(log, "file"));
        children(device, "source").forEach(source -> stream(device, source));
    }

    private void stream(Element device, Element source) {
        String path = source.getAttribute("path");
        boolean listens = source.getAttribute("mode").equals("bind");
        switch (device.getAttribute("type")) {
            case "file" -> output(source, "path");
            case "pipe" -> {
                source.setAttribute("path", own(path, MAX_PATH));
                warnings.add("the pipe " + path + " is " + source.getAttribute("path")
                        + " in the clone: make it with mkfifo before the clone starts");
            }
            case "dev" -> {
                device.setAttribute("type", "pty");
                device.removeChild(source);
                warnings.add(
                        "the host's device " + path + " stays with the original: the clone has a terminal of its own"
                                + " in its place, see 'virsh ttyconsole'");
            }
            case "unix" -> {
                if (!listens) {
                    warnings.add("the clone connects to " + path + " just as the original does");
                } else if (libvirtChoosesSocket(device)) {
                    device.removeChild(source);
                    warnings.add("the socket " + path + " stays with the original: libvirt chooses that of the clone");
                } else {
                    source.setAttribute("path", own(path, MAX_SOCKET_PATH));
                    warnings.add("the socket " + path + " is " + source.getAttribute("path") + " in the clone");
                }
            }
            case "tcp", "udp" -> {
                String place = source.getAttribute("host") + ":" + source.getAttribute("service");
                if (listens) {
                    warnPort(place);
                } else {
                    warnings.add("the clone connects to " + place + " just as the original does");
                }
            }
            default -> {
                // Terminals and what the screen carries belong to one VM by themselves.
            }
        }
    }

    /** Other devices are refused without a path. */
    private static boolean libvirtChoosesSocket(Element device) {
        return device.getNodeName().equals("channel")
                && child(device, "target").stream()
                        .anyMatch(target -> List.of("virtio", "xen").contains(target.getAttribute("type")));
    }

    private void warnPort(String port) {
        warnings.add("the clone listens at " + port + " just as the original does: both cannot run at once");
    }

    /** Moves a file that the VM writes to. */
    void output(Element element, String attribute) {
        String path = element.getAttribute(attribute);
        if (path.isEmpty() || path.equals("/dev/null")) {
            return;
        }
        element.setAttribute(attribute, own(path, MAX_PATH));
        warnings.add("output that went to " + path + " goes to " + element.getAttribute(attribute) + " in the clone");
    }

    /** Beside the original's; with the clone's name, or its identity where the name makes it too long. */
    private String own(String path, int limit) {
        String named = path + "." + name;
        int length = length(named);
        return length <= limit && length - length(path.substring(0, path.lastIndexOf('/') + 1)) <= MAX_FILE_NAME
                ? named
                : path + "." + id.shortForm();
    }

    private static int length(String path) {
        return path.getBytes(StandardCharsets.UTF_8).length;
    }
}
