package org.flatsnap.manager;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flatsnap.hypervisor.Libvirt;
import org.flatsnap.manager.CloneVariants.Variant;
import org.flatsnap.manager.Manager.CloneDefinition;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Commands;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a clone's definition is made of, and that the real libvirt takes it. */
class DomainXmlCloneTest {
    private static final Pattern MAC = Pattern.compile("52:54:00(:[0-9a-f]{2}){3}");
    private static final Path NEW_DISK = Path.of("/d/clone-vda.raw");
    private static final Path NEW_FIRMWARE = Path.of("/n/clone_VARS.fd");

    private static Libvirt libvirt;

    private final Set<VmId> defined = new LinkedHashSet<>();
    private final VmId id = new VmId(UUID.randomUUID().toString());
    private final VmName name = new VmName("xml-clone-" + id.shortForm());
    private final LibvirtManager manager = new LibvirtManager(libvirt, Bench.URI);

    @BeforeAll
    static void connect() {
        libvirt = new Libvirt(Bench.URI);
    }

    @AfterAll
    static void disconnect() {}

    @AfterEach
    void undefine() {
        for (VmId vm : defined) {
            if (libvirt.domain(vm).isPresent()) {
                Commands.exitCode("virsh", "-c", Bench.URI, "destroy", vm.value());
                Commands.exitCode("virsh", "-c", Bench.URI, "undefine", vm.value(), "--nvram");
            }
        }
        // Only now, so that one that stays does not keep the others.
        assertThat(defined).allMatch(vm -> libvirt.domain(vm).isEmpty());
    }

    @ParameterizedTest
    @MethodSource({
        "org.flatsnap.manager.CloneVariants#identity",
        "org.flatsnap.manager.CloneVariants#networks",
        "org.flatsnap.manager.CloneVariants#screens",
        "org.flatsnap.manager.CloneVariants#streams",
        "org.flatsnap.manager.CloneVariants#others"
    })
    void aClonePartsFromItsOriginal(Variant variant) {
        check(variant, Map.of(), Optional.empty());
    }

    @ParameterizedTest
    @MethodSource("org.flatsnap.manager.CloneVariants#disks")
    void aCloneHasTheDisksOfTheSnapshot(Variant variant) {
        check(
                variant,
                variant.original().contains("'vda'") ? Map.of(new DiskName("vda"), NEW_DISK) : Map.of(),
                Optional.empty());
    }

    @ParameterizedTest
    @MethodSource("org.flatsnap.manager.CloneVariants#firmware")
    void aCloneHasTheFirmwareOfTheSnapshot(Variant variant) {
        check(variant, Map.of(), Optional.of(NEW_FIRMWARE));
    }

    @ParameterizedTest
    @MethodSource("org.flatsnap.manager.CloneVariants#firmwareOutsideOfTheSnapshot")
    void aCloneSharesNoFirmwareFile(Variant variant) {
        check(variant, Map.of(), Optional.empty());
    }

    private void check(Variant variant, Map<DiskName, Path> disks, Optional<Path> firmware) {
        VmId originalId = new VmId(UUID.randomUUID().toString());
        String original = document("xml-" + originalId.shortForm(), originalId, variant.where(), variant.original())
                .replace("{original}", originalId.value());
        List<String> warnings = variant.warnings().stream()
                .map(warning -> warning.replace("{name}", name.value()))
                .toList();

        CloneDefinition clone = manager.prepareClone(original, id, name, disks, firmware);
        assertThat(clone.warnings()).containsExactlyElementsOf(warnings);
        assertThat(clone.definition()).doesNotContain("52:54:00:00:00:01");
        // Both through one writer, so that quotes and the order of attributes do not count.
        assertThat(MAC.matcher(clone.definition()).replaceAll("{mac}"))
                .isEqualTo(DomainXml.parse(document(name.value(), id, variant.where(), variant.result()))
                        .toString());

        switch (variant.known()) {
            case YES -> {
                define(originalId, original);
                defineBoth(originalId, clone, disks, firmware);
            }
            case CLONE -> define(id, clone.definition());
            case PERHAPS -> {
                if (takes(originalId, original)) {
                    defineBoth(originalId, clone, disks, firmware);
                }
            }
        }
    }

    private void defineBoth(
            VmId original, CloneDefinition expected, Map<DiskName, Path> disks, Optional<Path> firmware) {
        define(id, expected.definition());
        // Once more as it is in life: libvirt's own words about the original go in, and they are more.
        CloneDefinition clone = manager.prepareClone(inactive(original), id, name, disks, firmware);
        assertThat(clone.warnings()).containsExactlyInAnyOrderElementsOf(expected.warnings());
        define(id, clone.definition());
    }

    private boolean takes(VmId vm, String definition) {
        try {
            define(vm, definition);
            return true;
        } catch (Problem e) {
            assertThat(e).hasMessageContaining("cannot define");
            return false;
        }
    }

    private static String document(String name, VmId id, String where, String content) {
        return """
                <domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
                  <name>%s</name><uuid>%s</uuid><memory unit='MiB'>32</memory><vcpu>1</vcpu>
                  <os><type arch='x86_64' machine='pc'>hvm</type>%s</os><features><acpi/></features>%s
                  <devices>%s</devices>
                </domain>
                """.formatted(
                        name,
                        id,
                        where.equals("os") ? content : "",
                        where.equals("domain") ? content : "",
                        where.equals("devices") ? content : "")
                .replace("{name}", name)
                .replace("{id}", id.value());
    }

    private void define(VmId vm, String definition) {
        defined.add(vm);
        manager.define(definition);
    }

    private static String inactive(VmId vm) {
        return libvirt.domain(vm).orElseThrow().inactiveXml();
    }

    @Test
    void memoryThatLivesInAFileStaysWithTheOriginal() {
        VmId original = new VmId(UUID.randomUUID().toString());
        String module =
                "<memory model='%s'><source><path>/m/%s</path></source><target><size unit='MiB'>64</size>%s</target></memory>";
        define(
                original,
                document(
                                "xml-" + original.shortForm(),
                                original,
                                "devices",
                                """
                        <memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>
                        """ + module.formatted("nvdimm", "a", "<node>0</node>")
                                        + module.formatted("virtio-pmem", "b", ""))
                        .replace("<memory unit='MiB'>32</memory>", """
                                <maxMemory slots='8' unit='MiB'>1024</maxMemory>
                                <cpu><numa><cell id='0' cpus='0' memory='128' unit='MiB'/></numa></cpu>
                                """));
        CloneDefinition clone = manager.prepareClone(inactive(original), id, name, Map.of(), Optional.empty());
        assertThat(clone.warnings())
                .containsExactly(
                        "memory kept in /m/a was left out of the clone: it belongs to the original",
                        "memory kept in /m/b was left out of the clone: it belongs to the original");
        define(id, clone.definition());
        assertThat(inactive(id))
                .contains("model='dimm'", "<memory unit='KiB'>262144</memory>")
                .doesNotContain("nvdimm", "pmem");
    }

    @Test
    void everyInterfaceHasAnAddressThatNoneHadBefore() {
        VmId original = new VmId(UUID.randomUUID().toString());
        define(
                original,
                document("xml-" + original.shortForm(), original, "devices", "<interface type='user'/>".repeat(20)));
        String before = inactive(original);
        define(
                id,
                manager.prepareClone(before, id, name, Map.of(), Optional.empty())
                        .definition());
        assertThat(addresses(inactive(id)))
                .hasSize(20)
                .doesNotHaveDuplicates()
                .doesNotContainAnyElementsOf(addresses(before));
    }

    private static List<String> addresses(String definition) {
        return MAC.matcher(definition).results().map(result -> result.group()).toList();
    }

    @Test
    void libvirtGivesTheCloneAnotherGeneration() {
        VmId original = new VmId(UUID.randomUUID().toString());
        define(original, document("xml-" + original.shortForm(), original, "domain", "<genid/>"));
        define(
                id,
                manager.prepareClone(inactive(original), id, name, Map.of(), Optional.empty())
                        .definition());
        assertThat(generation(inactive(id))).isNotEqualTo(generation(inactive(original)));
    }

    private static String generation(String definition) {
        Matcher matcher = Pattern.compile("<genid>(.+)</genid>").matcher(definition);
        assertThat(matcher.find()).isTrue();
        return matcher.group(1);
    }

    @Test
    void aFileOfTheSnapshotThatNoDiskUsesIsTold() {
        CloneDefinition clone = manager.prepareClone(
                document("a", id, "devices", "<disk type='file'><source file='/d/a'/><target dev='vda'/></disk>"),
                id,
                name,
                Map.of(new DiskName("vda"), NEW_DISK, new DiskName("sdx"), Path.of("/d/clone-sdx.raw")),
                Optional.empty());
        assertThat(clone.warnings())
                .containsExactly("disk sdx of the snapshot is not in the VM's definition: no disk of the clone uses"
                        + " /d/clone-sdx.raw");
    }

    @Test
    void aLongNameDoesNotMakeASocketsPathTooLong() {
        String socket = "/s/" + "s".repeat(90);
        VmName longName = new VmName("n".repeat(200));
        CloneDefinition clone = manager.prepareClone(
                document("a", id, "devices", """
                        <serial type='unix'><source mode='bind' path='%s'/></serial>
                        <serial type='file'><source path='/l/short'/></serial>
                        <serial type='file'><source path='/l/%s'/></serial>
                        """.formatted(socket, "l".repeat(60))),
                id,
                longName,
                Map.of(),
                Optional.empty());
        assertThat(clone.definition())
                .contains(
                        "\"" + socket + "." + id.shortForm() + "\"",
                        "\"/l/short." + longName + "\"",
                        "\"/l/" + "l".repeat(60) + "." + id.shortForm() + "\"");
    }

    @Test
    void aNameMayHaveAnythingInIt() {
        VmName odd = new VmName("xml <&>\"', ü " + id.shortForm());
        CloneDefinition clone = manager.prepareClone(
                document("a", id, "devices", "<serial type='file'><source path='/s/a'/></serial>"),
                id,
                odd,
                Map.of(),
                Optional.empty());
        define(id, clone.definition());
        assertThat(DomainXml.parse(inactive(id)).name()).isEqualTo(odd.value());
        assertThat(DomainXml.parse(inactive(id)).toString()).contains("/s/a.xml &lt;&amp;&gt;&quot;', ü ");
    }

    @Test
    void theOriginalAndItsCloneRunAtOnce(@TempDir Path directory) throws IOException {
        // QEMU runs as a user of its own.
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        VmId original = new VmId(UUID.randomUUID().toString());
        String devices = """
                <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{disk}'/><target dev='vda'/></disk>
                <disk type='file' device='floppy'><driver name='qemu' type='raw'/><source file='{floppy}'/><target dev='fda'/></disk>
                <serial type='unix'><source mode='bind' path='{directory}/serial'/><log file='{directory}/log'/></serial>
                <serial type='file'><source path='{directory}/file'/></serial>
                <channel type='unix'><source mode='bind' path='{directory}/agent'/><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
                <graphics type='vnc' port='{port}' autoport='no'><listen type='address' address='127.0.0.1'/></graphics>
                <audio id='1' type='file' path='{directory}/sound'/><sound model='ac97'/>
                <interface type='user'/>
                """.replace("{disk}", file(directory, "vda").toString())
                .replace("{floppy}", file(directory, "fda").toString())
                .replace("{directory}", directory.toString())
                .replace("{port}", Integer.toString(freePort()));
        define(original, document("xml-" + original.shortForm(), original, "devices", devices));
        manager.start(original);
        CloneDefinition clone = manager.prepareClone(
                manager.find(original).orElseThrow().definition(),
                id,
                name,
                Map.of(new DiskName("vda"), file(directory, "clone-vda")),
                Optional.empty());
        define(id, clone.definition());
        manager.start(id);

        assertThat(Commands.run("virsh", "-c", Bench.URI, "list", "--state-running", "--uuid"))
                .contains(original.value(), id.value());
        for (String output : List.of("serial", "log", "file")) {
            assertThat(directory.resolve(output)).exists();
            assertThat(directory.resolve(output + "." + name)).exists();
        }
        assertThat(directory.resolve("agent")).exists();
        assertThat(directory.resolve("agent." + name)).doesNotExist();
    }

    private static Path file(Path directory, String name) throws IOException {
        Path file = directory.resolve(name);
        try (RandomAccessFile disk = new RandomAccessFile(file.toFile(), "rw")) {
            disk.setLength(1_474_560);
        }
        return file;
    }

    /** One that QEMU can show a VNC screen at: 5900 or higher. */
    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
