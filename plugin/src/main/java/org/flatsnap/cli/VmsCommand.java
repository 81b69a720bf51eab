package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import org.flatsnap.cli.Answers.Vm;
import org.flatsnap.cli.Answers.VmDisk;
import org.flatsnap.cli.Answers.Vms;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

/** Lists the VMs. */
@Command(
        name = "vms",
        description = "Show the VMs, and which of their disks snapshots can hold.",
        footer = {"", "Examples:", "  flatsnap vms", "  flatsnap vms --json"})
final class VmsCommand implements Runnable {
    @ParentCommand
    private Flatsnap flatsnap;

    @Override
    public void run() {
        Session session = flatsnap.session();
        JsonObject answer = session.get("/v1/vms");
        if (session.printed(answer)) {
            return;
        }
        Table table = new Table("NAME", "STATE", "SNAPSHOTS", "DISKS", "ID");
        List<String> remarks = new ArrayList<>();
        for (Vm vm : session.read(answer, Vms.class).vms()) {
            List<String> disks = new ArrayList<>();
            for (VmDisk disk : vm.disks()) {
                String name = disk.disk().name();
                disks.add(disk.use().equals("snapshot") ? name : name + " (" + disk.use() + ")");
                if (!disk.remedy().isEmpty()) {
                    remarks.add(vm.name() + ": disk " + name + " " + disk.why() + ". " + disk.remedy() + ".");
                }
            }
            table.add(vm.name(), vm.state(), Long.toString(vm.snapshots()), String.join(", ", disks), vm.vm());
        }
        session.print(table);
        remarks.forEach(session::note);
    }
}
