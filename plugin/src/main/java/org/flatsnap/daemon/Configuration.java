package org.flatsnap.daemon;

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
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.model.Problem;
import org.flatsnap.store.Reserve;
import org.flatsnap.store.StorePlace;
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
 * @param libvirt the URI of the hypervisor
 * @param freezeTimeout the longest a guest may stand still
 * @param stopTimeout how long a guest may take to shut down before its power is cut
 * @param guardRetention how long the snapshot taken before a rollback stays
 * @param stores where the stores are
 * @param reserves the room that is left to guests, of the stores that say it
 */
public record Configuration(
        Path stateDirectory,
        Path socket,
        Path view,
        ZoneId zone,
        String libvirt,
        Duration freezeTimeout,
        Duration stopTimeout,
        Duration guardRetention,
        List<StorePlace> stores,
        Map<StorePlace, Reserve> reserves) {
    private static final Pattern DURATION = Pattern.compile("([0-9]{1,5})(ms|s|m|h|d)");
    private static final Set<String> KEYS = new TreeSet<>(Set.of(
            "state-directory",
            "socket",
            "view",
            "time-zone",
            "libvirt",
            "freeze-timeout",
            "stop-timeout",
            "guard-retention",
            "store"));

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
                    value("libvirt", "qemu:///system", Reader::notEmpty),
                    value("freeze-timeout", Duration.ofSeconds(8), Reader::standstill),
                    value("stop-timeout", Duration.ofSeconds(60), Reader::duration),
                    value("guard-retention", Duration.ofDays(7), Reader::duration),
                    stores(reserves),
                    Map.copyOf(reserves));
        }

        private List<StorePlace> stores(Map<StorePlace, Reserve> reserves) {
            Object value = toml.get("store");
            if (value == null) {
                return List.of();
            }
            List<StorePlace> stores = new ArrayList<>();
            List<Object> elements = value instanceof TomlArray array ? array.toList() : List.of(value);
            for (Object element : elements) {
                if (!(element instanceof TomlTable table) || !(value instanceof TomlArray)) {
                    throw problem(
                            toml.inputPositionOf("store"),
                            "'store' is not a list of tables",
                            "Write [[store]] and below it path = \"/...\" or dataset = \"...\"");
                }
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
