package org.flatsnap.manager;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.flatsnap.manager.SnapshotKeeper.Kept;
import org.flatsnap.manager.SnapshotKeeper.Tree;
import org.flatsnap.model.Description;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quoted;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VmState;

/**
 * What {@code pve-guests} tells of the guests of this node. A guest that makes no sense does not hide the others, and a name
 * that cannot be shown does not hide its guest. Immutable.
 *
 * @param node what Proxmox VE calls this host
 * @param guests by identity, in the order they were told
 * @param unreadable what was left out, for people
 */
record ProxmoxInventory(String node, Map<VmId, Guest> guests, List<String> unreadable) {
    /** Host names, RFC 1123. */
    private static final Pattern NODE = Pattern.compile("[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?");

    /** The ends of volume names by which PVE tells the format; others are raw. */
    private static final Pattern NOT_RAW = Pattern.compile(".*\\.(qcow2|vmdk)");

    private static final int LOWEST_VMID = 100;
    private static final int HIGHEST_VMID = 999_999_999;

    /** A virtual machine or a container; its name is the one in paths of PVE's API. */
    enum Type {
        QEMU,
        LXC
    }

    /**
     * One guest.
     *
     * @param number its VMID
     * @param lock what PVE does with it, or was kept from ending: {@code snapshot}, {@code rollback}, {@code backup}
     * @param parent the snapshot that its present state comes from
     */
    record Guest(
            Vm vm,
            int number,
            Type type,
            Optional<String> lock,
            Optional<SnapshotName> parent,
            Map<SnapshotName, Kept> snapshots) {
        Tree tree() {
            return new Tree(vm.id(), lock.isPresent(), parent, snapshots);
        }
    }

    private record RawGuest(
            int vmid,
            String type,
            String name,
            Long ctime,
            boolean running,
            String lock,
            String parent,
            boolean agent,
            List<RawDisk> disks,
            String config,
            List<RawSnapshot> snapshots) {}

    private record RawDisk(String key, String volid, String path, boolean removable) {}

    private record RawSnapshot(String name, String parent, long takenAt, String description, String state) {}

    /** @throws Problem if it is not such a list */
    static ProxmoxInventory parse(String text) {
        try {
            JsonElement root = JsonParser.parseString(text);
            if (!root.isJsonObject()) {
                throw nonsense("it is not a JSON object", null);
            }
            return of(root.getAsJsonObject());
        } catch (JsonParseException | IllegalStateException | UnsupportedOperationException e) {
            throw nonsense("it is not the JSON that is expected", e);
        }
    }

    private static ProxmoxInventory of(JsonObject root) {
        String node = Json.COMPACT.fromJson(root.get("node"), String.class);
        if (node == null || !NODE.matcher(node).matches()) {
            throw nonsense("it names no node", null);
        }
        if (root.get("guests") == null || !root.get("guests").isJsonArray()) {
            throw nonsense("it has no list of guests", null);
        }
        Map<VmId, Guest> guests = new LinkedHashMap<>();
        List<String> unreadable = new ArrayList<>();
        for (JsonElement element : root.getAsJsonArray("guests")) {
            try {
                Guest guest = guest(Json.COMPACT.fromJson(element, RawGuest.class));
                guests.putIfAbsent(guest.vm().id(), guest);
            } catch (JsonParseException | IllegalStateException | IllegalArgumentException | Problem e) {
                unreadable.add(called(element) + ": " + Quoted.of(String.valueOf(e.getMessage())));
            }
        }
        return new ProxmoxInventory(node, guests, unreadable);
    }

    private static String called(JsonElement guest) {
        JsonElement number = guest.isJsonObject() ? guest.getAsJsonObject().get("vmid") : null;
        return number == null ? "a guest without VMID" : "guest " + Quoted.of(number.toString());
    }

    private static Problem nonsense(String why, Exception cause) {
        return new Problem(
                Code.UNAVAILABLE,
                "cannot tell which guests Proxmox VE has",
                "what " + ProxmoxManager.GUESTS + " printed cannot be read: " + why,
                "Run it to see; it has to be of the version of flatsnapd (apt install --reinstall flatsnap-proxmox)",
                cause);
    }

    private static Guest guest(RawGuest raw) {
        if (raw == null || raw.vmid < LOWEST_VMID || raw.vmid > HIGHEST_VMID) {
            throw new IllegalArgumentException("it has no VMID");
        }
        Type type = type(raw.type);
        String number = Integer.toString(raw.vmid);
        // A number that is used again is another guest: what tells them apart is when its configuration was made.
        VmId id = new VmId(raw.ctime == null || raw.ctime < 0 ? number : number + "-" + raw.ctime);
        VmName name = orElse(raw.name, VmName::new).orElseGet(() -> new VmName(number));
        Vm vm = new Vm(
                id,
                name,
                raw.running ? VmState.RUNNING : VmState.OFF,
                true,
                !raw.running && "suspended".equals(raw.lock),
                agent(raw, type),
                disks(present(raw.disks)),
                Optional.empty(),
                raw.config == null ? "" : raw.config);
        Optional<String> lock = Optional.ofNullable(raw.lock).filter(text -> !text.isEmpty());
        Optional<SnapshotName> parent = orElse(raw.parent, SnapshotName::new);
        return new Guest(vm, raw.vmid, type, lock, parent, snapshots(present(raw.snapshots)));
    }

    private static Type type(String text) {
        if ("qemu".equals(text)) {
            return Type.QEMU;
        }
        if ("lxc".equals(text)) {
            return Type.LXC;
        }
        throw new IllegalArgumentException("it is neither qemu nor lxc");
    }

    /** PVE tells whether it is to use the agent. A container needs none: PVE freezes its processes and flushes its files. */
    private static Vm.Agent agent(RawGuest raw, Type type) {
        if (type == Type.QEMU && !raw.agent) {
            return Vm.Agent.NONE;
        }
        return raw.running ? Vm.Agent.CONNECTED : Vm.Agent.DISCONNECTED;
    }

    private static List<Disk> disks(List<RawDisk> raws) {
        Set<DiskName> taken = new HashSet<>();
        List<Disk> disks = new ArrayList<>();
        for (RawDisk raw : raws) {
            String path = Objects.requireNonNullElse(raw.path, "");
            Disk.Kind kind = !path.startsWith("/") || path.indexOf('\0') >= 0
                    ? Disk.Kind.OTHER
                    : path.startsWith("/dev/") ? Disk.Kind.BLOCK : Disk.Kind.FILE;
            String volume = Objects.requireNonNullElse(raw.volid, "");
            var format = NOT_RAW.matcher(volume);
            DiskName name = diskName(raw, volume, taken);
            taken.add(name);
            String source = kind == Disk.Kind.OTHER ? volume : path;
            disks.add(new Disk(name, kind, source, format.matches() ? format.group(1) : "raw", raw.removable, false));
        }
        return disks;
    }

    /** The volume's; where that is taken or no name, the key that PVE's configuration has for it. */
    private static DiskName diskName(RawDisk raw, String volume, Set<DiskName> taken) {
        String last = volume.substring(Math.max(volume.lastIndexOf('/'), volume.indexOf(':')) + 1);
        return orElse(last.endsWith(".raw") ? last.substring(0, last.length() - 4) : last, DiskName::new)
                .filter(name -> !taken.contains(name))
                .orElseGet(() -> new DiskName(raw.key));
    }

    private static Map<SnapshotName, Kept> snapshots(List<RawSnapshot> raws) {
        Map<SnapshotName, Kept> snapshots = new LinkedHashMap<>();
        for (RawSnapshot raw : raws) {
            // PVE's own rule for names is the narrower one, so no snapshot of its making is left out here.
            orElse(raw.name, SnapshotName::new).ifPresent(name -> snapshots.putIfAbsent(name, kept(name, raw)));
        }
        return snapshots;
    }

    private static Kept kept(SnapshotName name, RawSnapshot raw) {
        Optional<Description> description =
                raw.description == null ? Optional.of(Description.NONE) : orElse(raw.description, Description::new);
        return new Kept(
                name,
                orElse(raw.parent, SnapshotName::new),
                moment(raw.takenAt),
                description,
                raw.state != null && !raw.state.isEmpty());
    }

    private static Instant moment(long seconds) {
        try {
            return Instant.ofEpochSecond(seconds);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException("a snapshot of it was taken at no time", e);
        }
    }

    private static <T> Optional<T> orElse(String text, Function<String, T> parse) {
        if (text == null) {
            return Optional.empty();
        }
        try {
            return Optional.of(parse.apply(text));
        } catch (Problem e) {
            // What cannot be shown is known by something else.
            return Optional.empty();
        }
    }

    private static <T> List<T> present(Collection<T> values) {
        return values == null
                ? List.of()
                : values.stream().filter(Objects::nonNull).toList();
    }
}
