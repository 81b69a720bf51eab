package org.flatsnap.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.flatsnap.access.AccessRule;
import org.flatsnap.access.AccessRule.Holder;
import org.flatsnap.access.Grant;
import org.flatsnap.access.Role;
import org.flatsnap.catalog.Glob;
import org.flatsnap.linux.zfs.DatasetName;
import org.flatsnap.model.Problem;
import org.flatsnap.server.Network;
import org.flatsnap.store.Reserve;
import org.flatsnap.store.StorePlace;
import org.flatsnap.view.ViewAccess;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigurationTest {
    @TempDir
    Path directory;

    private Configuration read(String toml) throws IOException {
        return Configuration.read(Files.writeString(directory.resolve("flatsnap.toml"), toml));
    }

    @Test
    void everythingHasADefaultAndStoresAreWhatIsNamed() throws IOException {
        Configuration configuration = read("");
        assertThat(configuration.view()).isEqualTo(Path.of("/snapshots"));
        assertThat(configuration.guardRetention()).isEqualTo(Duration.ofDays(7));
        assertThat(configuration.zone()).isEqualTo(ZoneId.systemDefault());
        assertThat(configuration.stores()).isEmpty();
    }

    @Test
    void everyKeyIsRead() throws IOException {
        Configuration configuration = read("""
                state-directory = "/srv/state"
                socket = "/run/x.sock"
                view = "/view"
                time-zone = "Europe/Vienna"
                manager = "proxmox"
                libvirt = "test:///default"
                freeze-timeout = "5s"
                stop-timeout = "2m"
                guard-retention = "12h"
                retire-grace = "0s"
                socket-group = "daemon"
                view-owner = "daemon"
                view-group = "daemon"
                view-mode = "0750"
                [network]
                listen = "[::1]:8443"
                certificate = "/etc/c.pem"
                key = "/etc/k.pem"
                [[access]]
                user = "alice"
                role = "operator"
                vms = ["web*", "db1"]
                [[access]]
                group = "auditors"
                role = "viewer"
                [[store]]
                path = "/a"
                [[store]]
                path = "/b/../c"
                reserve = "20GiB"
                """);
        assertThat(configuration)
                .isEqualTo(new Configuration(
                        Path.of("/srv/state"),
                        Path.of("/run/x.sock"),
                        Path.of("/view"),
                        ZoneId.of("Europe/Vienna"),
                        Configuration.Management.PROXMOX,
                        "test:///default",
                        Duration.ofSeconds(5),
                        Duration.ofMinutes(2),
                        Duration.ofHours(12),
                        Duration.ZERO,
                        List.of(new StorePlace.Directory(Path.of("/a")), new StorePlace.Directory(Path.of("/c"))),
                        Map.of(new StorePlace.Directory(Path.of("/c")), Reserve.parse("20GiB")),
                        Optional.of("daemon"),
                        List.of(
                                new AccessRule(
                                        Holder.USER,
                                        "alice",
                                        new Grant(Role.OPERATOR, List.of(new Glob("web*"), new Glob("db1")))),
                                new AccessRule(Holder.GROUP, "auditors", new Grant(Role.VIEWER, List.of(Grant.EVERY)))),
                        Optional.of(new Network("::1", 8443, Path.of("/etc/c.pem"), Path.of("/etc/k.pem"))),
                        new ViewAccess(1, 1, Optional.of(0750))));
    }

    @Test
    void aReserveIsAShareOrASize() {
        assertThat(Reserve.DEFAULT.of(100L << 30)).isEqualTo(5L << 30);
        assertThat(Reserve.DEFAULT.of(100L << 40)).isEqualTo(10L << 30);
        assertThat(Reserve.parse("12.5%").of(1000)).isEqualTo(125);
        assertThat(Reserve.parse("0%").of(1000)).isZero();
        assertThat(Reserve.parse("20GiB").of(1L << 40)).isEqualTo(20L << 30);
        assertThat(Reserve.parse("999999TiB").of(1000)).isEqualTo(1000);
    }

    @Test
    void aStoreIsADirectoryOrADataset() throws IOException {
        assertThat(read("[[store]]\npath = \"/a\"\n[[store]]\ndataset = \"tank/vms\"")
                        .stores())
                .containsExactly(
                        new StorePlace.Directory(Path.of("/a")), new StorePlace.Dataset(new DatasetName("tank/vms")));
    }

    @Test
    void theExampleThatIsShippedIsValid() {
        assertThat(Configuration.read(Path.of("../packaging/flatsnap.toml")).stores())
                .isNotNull();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "veiw = '/x' | line 1 | unknown key 'veiw' | Known keys are",
                "view = 5 | line 1 | 'view' is not a text | in quotes",
                "view = 'x/y' | line 1 | 'view' is \"x/y\" | absolute path",
                "time-zone = 'Mars/Olympus' | line 1 | 'time-zone' | such as \"UTC\"",
                "freeze-timeout = '10' | line 1 | 'freeze-timeout' | such as \"10s\"",
                "freeze-timeout = '0s' | line 1 | 'freeze-timeout' | positive",
                "freeze-timeout = 10 | line 1 | not a text | in quotes",
                "freeze-timeout = '5m' | line 1 | 'freeze-timeout' | between",
                "manager = 'vmware' | line 1 | 'manager' is \"vmware\" | \"libvirt\" or \"proxmox\"",
                "libvirt = '' | line 1 | 'libvirt' | qemu:///system",
                "store = '/x' | line 1 | not a list of tables | [[store]]",
                "store = ['/x'] | line 1 | not a list of tables | [[store]]",
                "[store]\\npath = '/x' | line 1 | not a list of tables | [[store]]",
                "[[store]] | line 1 | neither 'path' nor 'dataset' | dataset =",
                "[[store]]\\npath = '/x'\\ndataset = 'tank' | line 1 | both 'path' and 'dataset' | Give it one",
                "[[store]]\\ndataset = '/tank' | line 2 | 'dataset' is \"/tank\" | such as \"tank/vms\"",
                "[[store]]\\npath = '/x'\\nsize = 5 | line 3 | unknown key 'store.size' | Known keys are: dataset, path",
                "view = '/x'\\nview = '/y' | line 2 | view | Correct that line",
                "[[store]]\\nreserve = '5%' | line 1 | neither 'path' nor 'dataset' | dataset =",
                "[[store]]\\npath = '/x'\\nreserve = '105%' | line 3 | 'reserve' is \"105%\" | such as \"5%\"",
                "[[store]]\\npath = '/x'\\nreserve = 5 | line 3 | 'reserve' is not a text | in quotes",
                "view = | line 1 | Unexpected | Correct that line",
                "socket-group = 'nosuchgroup' | line 1 | 'socket-group' is \"nosuchgroup\" | a group of this host",
                "view-owner = 'nosuchuser' | line 1 | 'view-owner' is \"nosuchuser\" | a user of this host",
                "view-mode = '0789' | line 1 | 'view-mode' is \"0789\" | such as \"0750\"",
                "view-mode = '4755' | line 1 | 'view-mode' | such as \"0750\"",
                "[[access]]\\nrole = 'viewer' | line 1 | neither 'user' nor 'group' | Give it one",
                "[[access]]\\nuser = 'a'\\ngroup = 'b'\\nrole = 'viewer' | line 1 | both 'user' and 'group' | one",
                "[[access]]\\nuser = 'a' | line 1 | no 'role' | viewer",
                "[[access]]\\nuser = 'a'\\nrole = 'root' | line 3 | 'role' is \"root\" | viewer, operator or admin",
                "[[access]]\\nuser = 'a'\\nrole = 'admin'\\nvms = [] | line 4 | not a list of patterns | leave it out",
                "[[access]]\\nuser = 'a'\\nrole = 'admin'\\nvms = 'web*' | line 4 | not a list of patterns | vms = [",
                "[[access]]\\nuser = 'a'\\nrole = 'admin'\\nvms = ['w[eb'] | line 4 | '[' has no ']' | Use *",
                "[access]\\nuser = 'a' | line 1 | not a list of tables | [[access]]",
                "[network]\\nlisten = ':1' | line 1 | no 'certificate' | listen =",
                "[network]\\nlisten = '8443'\\ncertificate = '/c'\\nkey = '/k' | line 2 | 'listen' is \"8443\" | 0.0.0.0:8443",
                "[[network]]\\nlisten = 'h:1' | line 1 | not a table | [network]"
            })
    void aFaultIsNamedByFileLineAndKey(String toml, String line, String why, String remedy) {
        assertThatThrownBy(() -> read(toml.replace("\\n", "\n").replace('\'', '"')))
                .isInstanceOfSatisfying(Problem.class, problem -> {
                    assertThat(problem.what()).contains("flatsnap.toml", line);
                    assertThat(problem.why()).contains(why);
                    assertThat(problem.remedy()).contains(remedy);
                });
    }

    @Test
    void aMissingFileAndBytesThatAreNoTextAreToldApart() throws IOException {
        assertThatThrownBy(() -> Configuration.read(directory.resolve("absent.toml")))
                .hasMessageContaining("there is no such file")
                .hasMessageContaining("--config");
        Path bytes = Files.write(directory.resolve("bytes"), new byte[] {(byte) 0xff, (byte) 0xfe});
        assertThatThrownBy(() -> Configuration.read(bytes))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("UTF-8");
    }
}
