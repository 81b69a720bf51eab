package org.flatsnap.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.flatsnap.model.Disk;
import org.flatsnap.model.Disk.Kind;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Vm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is read from a domain definition. */
class DomainXmlTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "<disk type='file'><driver type='raw'/><source file='/d/a.raw'/>           | FILE  | /d/a.raw             | raw",
                "<disk type='file'><driver type='qcow2'/><source file='/d/a.qcow2'/>       | FILE  | /d/a.qcow2           | qcow2",
                "<disk type='file'><source file='/d/a.raw'/>                               | FILE  | /d/a.raw             | raw",
                "<disk type='file'><driver cache='none'/><source file='/d/a.raw'/>         | FILE  | /d/a.raw             | raw",
                "<disk type='block'><driver type='raw'/><source dev='/dev/vg/a'/>          | BLOCK | /dev/vg/a            | raw",
                "<disk type='network'><source protocol='rbd' name='pool/a'/>               | OTHER | network:pool/a       | raw",
                "<disk type='volume'><source pool='default' volume='a.raw'/>               | OTHER | volume:default/a.raw | raw",
                "<disk type='dir'><driver type='fat'/><source dir='/d'/>                   | OTHER | dir:/d               | fat",
                "<disk type='vhostuser'><source type='unix' path='/d/s'/>                  | OTHER | vhostuser:           | raw"
            })
    void aDiskIsReadWhateverStandsBehindIt(String start, Kind kind, String source, String format) {
        assertThat(withDevices(start + "<target dev='vda'/></disk>").disks())
                .containsExactly(new Disk(new DiskName("vda"), kind, source, format, false, false));
    }

    @Test
    void drivesAreRemovableAndMayBeEmpty() {
        assertThat(withDevices("""
                        <disk type='file' device='cdrom'><target dev='hdc'/><readonly/></disk>
                        <disk type='file' device='cdrom'><source startupPolicy='optional'/><target dev='hdd'/><readonly/></disk>
                        <disk type='block' device='floppy'><target dev='fda'/></disk>
                        """).disks())
                .containsExactly(
                        new Disk(new DiskName("hdc"), Kind.FILE, "", "raw", true, true),
                        new Disk(new DiskName("hdd"), Kind.FILE, "", "raw", true, true),
                        new Disk(new DiskName("fda"), Kind.BLOCK, "", "raw", true, false));
    }

    @Test
    void onlyADisksOwnSourceCounts() {
        assertThat(withDevices("""
                        <disk type='file'><backingStore type='file'><source file='/d/base'/></backingStore>
                        <mirror type='file'><source file='/d/mirror'/></mirror>
                        <source file='/d/top'/><target dev='vda'/></disk>
                        """).disks().get(0).source()).isEqualTo("/d/top");
    }

    @Test
    void aDiskWithoutNameIsRefused() {
        // libvirt has no such disks; leaving one out silently could mean a snapshot without it.
        assertThatThrownBy(() -> withDevices("<disk type='file'><source file='/d/a'/></disk>")
                        .disks())
                .isInstanceOf(Problem.class)
                .hasMessageContaining("disk name");
    }

    @Test
    void thereMayBeNoDevices() {
        DomainXml xml = DomainXml.parse("<domain><name>a</name></domain>");
        assertThat(xml.disks()).isEmpty();
        assertThat(xml.agent()).isEqualTo(Vm.Agent.NONE);
        assertThat(xml.firmware()).isEmpty();
        assertThat(xml.name()).isEqualTo("a");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "``                                                                                     | NONE",
                "<target type='virtio' name='com.redhat.spice.0' state='connected'/>                    | NONE",
                "<target type='virtio' name='org.qemu.guest_agent.0'/>                                  | DISCONNECTED",
                "<target type='virtio' name='org.qemu.guest_agent.0' state='disconnected'/>             | DISCONNECTED",
                "<target type='virtio' name='org.qemu.guest_agent.0' state='connected'/>                | CONNECTED"
            })
    void theAgentIsKnownByItsChannel(String target, Vm.Agent state) {
        assertThat(withDevices("<channel type='spicevmc'/><channel type='unix'>" + target + "</channel>")
                        .agent())
                .isEqualTo(state);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "``                                                             | ``",
                "<nvram/>                                                       | ``",
                "<nvram template='/t.fd'/>                                      | ``",
                "<nvram>/n/a_VARS.fd</nvram>                                    | /n/a_VARS.fd",
                "<nvram template='/t.fd'> /n/a_VARS.fd </nvram>                 | /n/a_VARS.fd",
                "<nvram type='file'> <source file='/n/a_VARS.fd'/> </nvram>     | /n/a_VARS.fd",
                "<nvram type='block'><source dev='/dev/vg/a'/></nvram>          | ``",
                "<nvram type='network'><source protocol='nbd' name='n'/></nvram>| ``"
            })
    void firmwareIsAFileOrNothing(String nvram, String file) {
        assertThat(DomainXml.parse("<domain><os>" + nvram + "</os></domain>").firmware())
                .isEqualTo(Optional.of(file).filter(path -> !path.isEmpty()));
    }

    @Test
    void noDocumentTypeIsReadAndNoFileOpened() throws Exception {
        Path secret = Files.writeString(directory.resolve("secret"), "hunter2");
        for (String type : List.of(
                "<!DOCTYPE domain>",
                "<!DOCTYPE domain [<!ENTITY x SYSTEM '" + secret.toUri() + "'>]>",
                "<!DOCTYPE domain [<!ENTITY % x SYSTEM '" + secret.toUri() + "'> %x;]>",
                "<!DOCTYPE domain SYSTEM '" + secret.toUri() + "'>",
                "<!DOCTYPE domain [<!ENTITY a 'a'><!ENTITY x '&a;&a;&a;&a;&a;&a;&a;&a;'>]>")) {
            assertRefused(type + "<domain><name>&x;</name></domain>", "DOCTYPE");
        }
    }

    @Test
    void inclusionsStayText() throws Exception {
        Path secret = Files.writeString(directory.resolve("secret"), "hunter2");
        DomainXml xml = DomainXml.parse(
                "<domain xmlns:xi='http://www.w3.org/2001/XInclude'><name><xi:include parse='text' href='"
                        + secret.toUri() + "'/></name></domain>");
        assertThat(xml.name()).isEmpty();
        assertThat(xml.toString()).doesNotContain("hunter2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "  ", "not XML", "<domain>", "<domain></domain><domain/>", "<domain>&nbsp;</domain>"})
    void whatIsNotXmlIsRefused(String text) {
        assertRefused(text, "cannot read a VM's definition");
    }

    @Test
    void aNameSurvivesWhateverIsInIt() {
        DomainXml xml = DomainXml.parse("<domain><name>a</name></domain>");
        xml.rename("<&>\"' \u00fc]]>");
        assertThat(DomainXml.parse(xml.toString()).name()).isEqualTo("<&>\"' \u00fc]]>");
    }

    private static void assertRefused(String xml, String why) {
        assertThatThrownBy(() -> DomainXml.parse(xml))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(why);
    }

    private static DomainXml withDevices(String devices) {
        return DomainXml.parse("<domain><devices>" + devices + "</devices></domain>");
    }
}
