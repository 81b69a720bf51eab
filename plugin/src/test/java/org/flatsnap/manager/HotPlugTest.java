package org.flatsnap.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.flatsnap.testing.Bench.disk;
import static org.flatsnap.testing.Bench.rawDisk;
import static org.flatsnap.testing.RunningGuest.virsh;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.flatsnap.model.Disk;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.testing.Bench;
import org.flatsnap.testing.Bench.Domain;
import org.junit.jupiter.api.Test;

/** A real domain whose disks are changed while it runs, for this run alone. */
class HotPlugTest {
    @Test
    void theDefinitionIsKeptWithTheDisksTheVmRunsWith() throws IOException {
        try (Bench bench = Bench.onXfs()) {
            Path later = bench.disk("later.raw", "never used");
            Domain domain = bench.define(
                    "hot-plug",
                    rawDisk("vda", bench.disk("a.raw", "a"))
                            + disk("hda", bench.disk("old.iso", "old"), "raw", "cdrom"));
            VmId id = new VmId(domain.uuid());
            LibvirtManager manager = new LibvirtManager(bench.libvirt(), Bench.URI);
            virsh("start", "--paused", domain.uuid());
            assertThat(manager.find(id).orElseThrow().definition())
                    .isEqualTo(virsh("dumpxml", "--inactive", "--security-info", domain.uuid())
                            .replaceAll("\n+$", "\n"));
            Path plugged = bench.disk("b.raw", "b");
            Path medium = bench.disk("new.iso", "new");
            Path xml = Files.writeString(bench.store().resolve("disk.xml"), rawDisk("vdb", plugged));
            virsh("attach-device", domain.uuid(), xml.toString(), "--live");
            virsh("change-media", domain.uuid(), "hda", medium.toString(), "--live", "--force");
            Files.writeString(xml, rawDisk("vdc", later));
            virsh("attach-device", domain.uuid(), xml.toString(), "--config");

            Vm running = manager.find(id).orElseThrow();

            assertThat(running.disks())
                    .extracting(Disk::source)
                    .contains(plugged.toString(), medium.toString())
                    .doesNotContain(later.toString());
            assertThat(DomainXml.parse(running.definition()).disks())
                    .containsAll(running.disks())
                    .hasSize(4);

            virsh("destroy", domain.uuid());
            manager.restoreDefinition(manager.find(id).orElseThrow(), running.definition());
            virsh("start", "--paused", domain.uuid());
            assertThat(manager.find(id).orElseThrow().disks())
                    .containsAll(running.disks())
                    .extracting(Disk::source)
                    .contains(later.toString());
        }
    }
}
