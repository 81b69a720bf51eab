package org.flatsnap.manager;

import static java.time.Duration.ofSeconds;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.flatsnap.model.Disk;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.testing.Mutations;

/** Whatever a definition holds, it is read or refused, soon, and nothing it names is opened. */
class DomainXmlPropertyTest {
    private static final String WHOLE = """
            <domain type='kvm'>
              <name>web01</name><uuid>5f3a09bc-0000-4000-8000-000000000eb1</uuid>
              <memory unit='MiB'>64</memory><vcpu>1</vcpu>
              <os><type arch='x86_64' machine='pc'>hvm</type><loader readonly='yes' type='pflash'>/code.fd</loader>
                <nvram>/var/lib/libvirt/web01_VARS.fd</nvram></os>
              <devices>
                <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/images/web01.raw'/>
                  <target dev='vda' bus='virtio'/></disk>
                <disk type='block' device='disk'><source dev='/dev/zvol/tank/web01'/><target dev='vdb'/></disk>
                <disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>
                <disk type='network'><source protocol='rbd' name='pool/web01'/><target dev='vdc'/></disk>
                <interface type='network'><mac address='52:54:00:11:22:33'/><source network='default'/></interface>
                <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
              </devices>
            </domain>
            """;

    @Provide
    Arbitrary<Mutations> mutations() {
        return Mutations.some();
    }

    @Property
    void aMutatedDefinition(@ForAll("mutations") Mutations mutations) {
        String xml = new String(mutations.apply(WHOLE.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8);
        readOrRefused(xml);
    }

    @Property
    void anyText(@ForAll String text) {
        readOrRefused(text);
        readOrRefused("<domain><name>" + text + "</name></domain>");
        readOrRefused("<domain><devices><disk type='file'><source file='" + text + "'/></disk></devices></domain>");
    }

    /** Everything flatsnap does with a definition. */
    private static void readOrRefused(String xml) {
        try {
            DomainXml domain = DomainXml.parse(xml);
            for (Disk disk : domain.disks()) {
                assertThat(disk.name()).isNotNull();
                assertThat(disk.source()).isNotNull();
            }
            assertThat(domain.agent()).isNotNull();
            assertThat(domain.firmware().orElse("/")).startsWith("/");
            assertThat(domain.name()).isNotNull();
            Map<DiskName, Path> files = domain.disks().stream()
                    .collect(Collectors.toMap(Disk::name, disk -> Path.of("/new/" + disk.name()), (a, b) -> a));
            domain.becomeClone(
                    new VmId(UUID.randomUUID().toString()),
                    new VmName("clone"),
                    files,
                    Optional.of(Path.of("/new.fd")));
            assertThat(DomainXml.parse(domain.toString()).disks()).hasSameSizeAs(domain.disks());
        } catch (Problem problem) {
            assertThat(problem.why()).isNotBlank();
            assertThat(problem.remedy()).isNotBlank();
        }
    }

    private static void refusedSoon(String xml) {
        assertTimeout(ofSeconds(20), () -> assertThatThrownBy(() -> DomainXml.parse(xml))
                .isInstanceOf(Problem.class));
    }

    @Example
    void noFileIsRead() throws IOException {
        Path secret = Files.writeString(Files.createTempFile("flatsnap", ".secret"), "the secret");
        try {
            refusedSoon("<!DOCTYPE d [<!ENTITY x SYSTEM 'file://" + secret + "'>]><domain><name>&x;</name></domain>");
            refusedSoon("<!DOCTYPE d SYSTEM 'file://" + secret + "'><domain/>");
            refusedSoon("<!DOCTYPE d [<!ENTITY % p SYSTEM 'file://" + secret + "'> %p;]><domain/>");
            String included =
                    "<domain xmlns:xi='http://www.w3.org/2001/XInclude'><name><xi:include parse='text' href='file://"
                            + secret + "'/></name></domain>";
            assertThat(DomainXml.parse(included).name()).isEmpty();
        } finally {
            Files.delete(secret);
        }
    }

    @Example
    void entitiesDoNotExplode() {
        String entities = IntStream.range(1, 30)
                .mapToObj(i -> "<!ENTITY l" + i + " '" + ("&l" + (i - 1) + ";").repeat(10) + "'>")
                .collect(Collectors.joining());
        refusedSoon("<!DOCTYPE d [<!ENTITY l0 'lol'>" + entities + "]><domain><name>&l29;</name></domain>");
        refusedSoon("<!DOCTYPE d [<!ENTITY a '" + "a".repeat(100_000) + "'>]><domain>" + "&a;".repeat(10_000)
                + "</domain>");
    }

    @Example
    void whatIsNestedDeeplyIsRefused() {
        for (int depth : new int[] {1000, 100_000}) {
            refusedSoon("<domain>" + "<a>".repeat(depth) + "</a>".repeat(depth) + "</domain>");
            refusedSoon("<domain><name>" + "<a>".repeat(depth) + "x" + "</a>".repeat(depth) + "</name></domain>");
            refusedSoon("<a>".repeat(depth));
        }
    }

    @Example
    void muchOfEverythingEndsSoon() {
        String attributes =
                IntStream.range(0, 50_000).mapToObj(i -> " a" + i + "='x'").collect(Collectors.joining());
        String disks = IntStream.range(0, 5_000)
                .mapToObj(i -> "<disk type='file'><source file='/" + i + "'/><target dev='vd" + i + "'/></disk>")
                .collect(Collectors.joining());
        assertTimeout(ofSeconds(60), () -> {
            readOrRefused("<domain" + attributes + "/>");
            readOrRefused("<domain><name>" + "x".repeat(5_000_000) + "</name></domain>");
            readOrRefused("<domain><devices>" + disks + "</devices></domain>");
        });
    }
}
