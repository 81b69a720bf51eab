package org.flatsnap.daemon;

import com.google.common.net.HostAndPort;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flatsnap.access.AccessRule;
import org.flatsnap.access.Grant;
import org.flatsnap.access.Role;
import org.flatsnap.catalog.Glob;
import org.flatsnap.linux.Accounts;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.model.Problem;
import org.flatsnap.server.Network;
import org.flatsnap.store.Reserve;
import org.flatsnap.store.StorePlace;
import org.flatsnap.view.ViewAccess;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseError;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlPosition;
import org.tomlj.TomlTable;

/**
 * What {@code /etc/flatsnap/flatsnap.toml} says, with defaults for what it leaves out.
 *
 * @param stateDirectory where catalog and notes about standing guests lie
 * @param socket the unix socket of the API
 * @param view where the tree of snapshots is mounted
 * @param zone in which dates are told
 * @param management who has the VMs
 * @param libvirt the URI of the hypervisor, where libvirt has them
 * @param freezeTimeout the longest a guest may stand still
 * @param stopTimeout how long a guest may take to shut down before its power is cut
 * @param guardRetention how long the snapshot taken before a rollback stays
 * @param retireGrace how long a snapshot stays when Proxmox VE has removed all its disks; may be zero
 * @param stores where the stores are
 * @param reserves the room that is left to guests, of the stores that say it
 * @param socketGroup whose members may connect to the socket; empty for the daemon's own group
 * @param access what users of this host may do
 * @param network where the API answers on the network; empty for nowhere
 * @param viewAccess whose the tree of snapshots is
 */
public record Configuration(
        Path stateDirectory,
        Path socket,
        Path view,
        ZoneId zone,
        Management management,
        String libvirt,
        Duration freezeTimeout,
        Duration stopTimeout,
        Duration guardRetention,
        Duration retireGrace,
        List<StorePlace> stores,
        Map<StorePlace, Reserve> reserves,
        Optional<String> socketGroup,
        List<AccessRule> access,
        Optional<Network> network,
        ViewAccess viewAccess) {
    /** Who has the VMs of this host. */
    public enum Management {
        /** Plain libvirt. */
        LIBVIRT,
        /** Proxmox VE. */
        PROXMOX;

        /** Where each host of a Proxmox cluster has its guests' configuration, on the file system of pve-cluster. */
        private static final Path NODES = Path.of("/etc/pve/nodes");

        static Management ofThisHost() {
            return Files.isDirectory(NODES) ? PROXMOX : LIBVIRT;
        }
    }

    private static final Pattern DURATION = Pattern.compile("([0-9]{1,5})(ms|s|m|h|d)");
    private static final Pattern MODE = Pattern.compile("0?[0-7]{3}");
    private static final Set<String> KEYS = new TreeSet<>(Set.of(
            "state-directory",
            "socket",
            "view",
            "time-zone",
            "manager",
            "libvirt",
            "freeze-timeout",
            "stop-timeout",
            "guard-retention",
            "retire-grace",
            "store",
            "socket-group",
            "access",
            "network",
            "view-owner",
            "view-group",
            "view-mode"));

    /**
     * Reads and checks a file.
     *
     * @throws Problem that names file, line and key, and what was expected
     */
    public static Configuration read(Path file) {
        try {
            TomlParseResult result = Toml.parse(Files.readString(file));
            return new Reader(file, result).read();
        } catch (NoSuchFileException e) {
            throw new Problem(
                    Problem.Code.INVALID,
                    "cannot read the configuration " + file,
                    "there is no such file",
                    "Copy the example from /usr/share/doc/flatsnap/flatsnap.toml, or name another with --config",
                    e);
        } catch (IOException e) {
            throw new Problem(
                    Problem.Code.INVALID,
                    "cannot read the configuration " + file,
                    String.valueOf(e.getMessage()),
                    "Check that it is a readable text file in UTF-8",
                    e);
        }
    }

    private static final class Reader {
        private final Path file;
        private final TomlParseResult toml;

        Reader(Path file, TomlParseResult toml) {
            this.file = file;
            this.toml = toml;
        }

        Configuration read() {
            if (toml.hasErrors()) {
                TomlParseError error = toml.errors().get(0);
                throw problem(error.position(), error.getMessage(), "Correct that line");
            }
            refuseUnknown(toml, "", KEYS);
            Map<StorePlace, Reserve> reserves = new HashMap<>();
            return new Configuration(
                    value("state-directory", Path.of("/var/lib/flatsnap"), Reader::path),
                    value("socket", Path.of("/run/flatsnap/flatsnapd.sock"), Reader::path),
                    value("view", Path.of("/snapshots"), Reader::path),
                    value("time-zone", ZoneId.systemDefault(), Reader::zone),
                    value("manager", Management.ofThisHost(), Reader::management),
                    value("libvirt", "qemu:///system", Reader::notEmpty),
                    value("freeze-timeout", Duration.ofSeconds(8), Reader::standstill),
                    value("stop-timeout", Duration.ofSeconds(60), Reader::duration),
                    value("guard-retention", Duration.ofDays(7), Reader::duration),
                    value("retire-grace", Duration.ofDays(1), Reader::grace),
                    stores(reserves),
                    Map.copyOf(reserves),
                    value("socket-group", Optional.empty(), Reader::group),
                    access(),
                    network(),
                    new ViewAccess(
                            value("view-owner", 0, Reader::userNumber),
                            value("view-group", 0, Reader::groupNumber),
                            value("view-mode", Optional.empty(), Reader::mode)));
        }

        private List<TomlTable> tables(String key, String example) {
            Object value = toml.get(key);
            List<Object> elements =
                    value == null ? List.of() : value instanceof TomlArray array ? array.toList() : List.of(value);
            List<TomlTable> tables = new ArrayList<>();
            for (Object element : elements) {
                if (!(element instanceof TomlTable table) || !(value instanceof TomlArray)) {
                    throw problem(
                            toml.inputPositionOf(key),
                            "'" + key + "' is not a list of tables",
                            "Write [[" + key + "]] and below it " + example);
                }
                tables.add(table);
            }
            return tables;
        }

        private List<AccessRule> access() {
            List<AccessRule> rules = new ArrayList<>();
            for (TomlTable table : tables("access", "user = \"...\" or group = \"...\", and role = \"...\"")) {
                refuseUnknown(table, "access.", new TreeSet<>(Set.of("user", "group", "role", "vms")));
                if (table.contains("user") == table.contains("group")) {
                    throw problem(
                            toml.inputPositionOf("access"),
                            table.contains("user")
                                    ? "an [[access]] has both 'user' and 'group'"
                                    : "an [[access]] has neither 'user' nor 'group'",
                            "Give it one: user = \"alice\" or group = \"operators\"");
                }
                if (!table.contains("role")) {
                    throw problem(
                            toml.inputPositionOf("access"),
                            "an [[access]] has no 'role'",
                            "Give it one: role = \"viewer\", \"operator\" or \"admin\"");
                }
                String key = table.contains("user") ? "user" : "group";
                rules.add(new AccessRule(
                        key.equals("user") ? AccessRule.Holder.USER : AccessRule.Holder.GROUP,
                        value(table, key, Reader::account),
                        new Grant(value(table, "role", Reader::role), vms(table))));
            }
            return List.copyOf(rules);
        }

        private List<Glob> vms(TomlTable table) {
            if (!table.contains("vms")) {
                return List.of(Grant.EVERY);
            }
            List<Glob> vms = new ArrayList<>();
            if (table.get("vms") instanceof TomlArray array) {
                for (Object element : array.toList()) {
                    if (!(element instanceof String text)) {
                        vms.clear();
                        break;
                    }
                    vms.add(glob(table, text));
                }
            }
            if (vms.isEmpty()) {
                throw problem(
                        table.inputPositionOf("vms"),
                        "'vms' is not a list of patterns",
                        "Write vms = [\"web*\", \"db1\"], or leave it out for all VMs");
            }
            return vms;
        }

        private Glob glob(TomlTable table, String text) {
            try {
                return new Glob(text);
            } catch (Problem e) {
                throw problem(table.inputPositionOf("vms"), "in 'vms', \"" + text + "\": " + e.why(), e.remedy());
            }
        }

        private Optional<Network> network() {
            Object value = toml.get("network");
            if (value == null) {
                return Optional.empty();
            }
            String example = "listen = \"0.0.0.0:8443\", certificate = \"/...\" and key = \"/...\"";
            if (!(value instanceof TomlTable table)) {
                throw problem(
                        toml.inputPositionOf("network"),
                        "'network' is not a table",
                        "Write [network] and below it " + example);
            }
            refuseUnknown(table, "network.", new TreeSet<>(Set.of("listen", "certificate", "key")));
            for (String key : List.of("listen", "certificate", "key")) {
                if (!table.contains(key)) {
                    throw problem(
                            toml.inputPositionOf("network"),
                            "[network] has no '" + key + "'",
                            "Write below it " + example);
                }
            }
            HostAndPort listen = value(table, "listen", Reader::address);
            return Optional.of(new Network(
                    listen.getHost(),
                    listen.getPort(),
                    value(table, "certificate", Reader::path),
                    value(table, "key", Reader::path)));
        }

        private List<StorePlace> stores(Map<StorePlace, Reserve> reserves) {
            List<StorePlace> stores = new ArrayList<>();
            for (TomlTable table : tables("store", "path = \"/...\" or dataset = \"...\"")) {
                refuseUnknown(table, "store.", new TreeSet<>(Set.of("dataset", "path", "reserve")));
                if (table.contains("path") == table.contains("dataset")) {
                    throw problem(
                            toml.inputPositionOf("store"),
                            !table.contains("path")
                                    ? "a [[store]] has neither 'path' nor 'dataset'"
                                    : "a [[store]] has both 'path' and 'dataset'",
                            "Give it one: path = \"/var/lib/libvirt/images\" for XFS, btrfs or OCFS2,"
                                    + " dataset = \"tank/vms\" for ZFS");
                }
                StorePlace place = table.contains("path")
                        ? new StorePlace.Directory(value(table, "path", Reader::path))
                        : new StorePlace.Dataset(value(table, "dataset", Reader::dataset));
                stores.add(place);
                if (table.contains("reserve")) {
                    reserves.put(place, value(table, "reserve", Reserve::parse));
                }
            }
            return List.copyOf(stores);
        }

        private void refuseUnknown(TomlTable table, String prefix, Set<String> known) {
            for (String key : table.keySet()) {
                if (!known.contains(key)) {
                    throw problem(
                            table.inputPositionOf(List.of(key)),
                            "unknown key '" + prefix + key + "'",
                            "Known keys are: " + String.join(", ", known));
                }
            }
        }

        private <T> T value(String key, T absent, Function<String, T> parse) {
            return toml.contains(List.of(key)) ? value(toml, key, parse) : absent;
        }

        private <T> T value(TomlTable table, String key, Function<String, T> parse) {
            TomlPosition position = table.inputPositionOf(List.of(key));
            if (!(table.get(List.of(key)) instanceof String text)) {
                throw problem(position, "'" + key + "' is not a text", "Write it in quotes: " + key + " = \"...\"");
            }
            try {
                return parse.apply(text);
            } catch (IllegalArgumentException | DateTimeException e) {
                throw problem(position, "'" + key + "' is \"" + text + "\"", "Expected is " + e.getMessage());
            }
        }

        private static Path path(String text) {
            try {
                Path path = Path.of(text);
                if (path.isAbsolute()) {
                    return path.normalize();
                }
            } catch (InvalidPathException e) {
                throw new IllegalArgumentException("an absolute path without a zero byte", e);
            }
            throw new IllegalArgumentException("an absolute path, one that begins with '/'");
        }

        /** Whether the host knows it is looked at when it matters: a directory of users may not answer yet. */
        private static String account(String text) {
            if (text.isBlank()) {
                throw new IllegalArgumentException("the name of a user or group of this host");
            }
            return text;
        }

        private static Optional<String> group(String text) {
            groupNumber(text);
            return Optional.of(text);
        }

        private static int userNumber(String text) {
            return Accounts.user(text)
                    .map(Accounts.User::uid)
                    .orElseThrow(() -> new IllegalArgumentException("the name of a user of this host"));
        }

        private static int groupNumber(String text) {
            return Accounts.group(text)
                    .orElseThrow(() -> new IllegalArgumentException("the name of a group of this host"));
        }

        private static Role role(String text) {
            return Role.of(text).orElseThrow(() -> new IllegalArgumentException(Role.NAMES));
        }

        private static Optional<Integer> mode(String text) {
            if (!MODE.matcher(text).matches()) {
                throw new IllegalArgumentException("an octal mode such as \"0750\", three digits after a zero");
            }
            return Optional.of(Integer.parseInt(text, 8));
        }

        private static HostAndPort address(String text) {
            String expected = "an address and a port such as \"0.0.0.0:8443\" or \"[::1]:8443\"";
            try {
                HostAndPort address = HostAndPort.fromString(text);
                if (address.hasPort() && !address.getHost().isEmpty()) {
                    return address;
                }
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(expected, e);
            }
            throw new IllegalArgumentException(expected);
        }

        private static DatasetName dataset(String text) {
            try {
                return new DatasetName(text);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        "the name of a ZFS dataset such as \"tank/vms\" (" + e.getMessage() + ")", e);
            }
        }

        private static ZoneId zone(String text) {
            try {
                return ZoneId.of(text);
            } catch (DateTimeException e) {
                throw new IllegalArgumentException("a time zone such as \"UTC\" or \"Europe/Vienna\"", e);
            }
        }

        private static Management management(String text) {
            for (Management management : Management.values()) {
                if (management.name().toLowerCase(Locale.ROOT).equals(text)) {
                    return management;
                }
            }
            throw new IllegalArgumentException("\"libvirt\" or \"proxmox\"");
        }

        private static String notEmpty(String text) {
            if (text.isBlank()) {
                throw new IllegalArgumentException("a libvirt URI such as \"qemu:///system\"");
            }
            return text;
        }

        private static Duration duration(String text) {
            Matcher matcher = DURATION.matcher(text);
            if (!matcher.matches() || Long.parseLong(matcher.group(1)) == 0) {
                throw new IllegalArgumentException(
                        "a positive number of up to five digits and one of ms, s, m, h, d, such as \"10s\" or \"7d\"");
            }
            long number = Long.parseLong(matcher.group(1));
            return switch (matcher.group(2)) {
                case "ms" -> Duration.ofMillis(number);
                case "s" -> Duration.ofSeconds(number);
                case "m" -> Duration.ofMinutes(number);
                case "h" -> Duration.ofHours(number);
                default -> Duration.ofDays(number);
            };
        }

        private static Duration grace(String text) {
            return text.equals("0s") ? Duration.ZERO : duration(text);
        }

        /** Longer, and the guest's own watchdogs act; shorter, and no agent answers in time. */
        private static Duration standstill(String text) {
            Duration duration = duration(text);
            if (duration.compareTo(Duration.ofSeconds(1)) < 0 || duration.compareTo(Duration.ofSeconds(60)) > 0) {
                throw new IllegalArgumentException("between \"1s\" and \"60s\"");
            }
            return duration;
        }

        private Problem problem(TomlPosition position, String why, String remedy) {
            String line = position == null ? "" : ", line " + position.line();
            return new Problem(Problem.Code.INVALID, "bad configuration " + file + line, why, remedy);
        }
    }
}
