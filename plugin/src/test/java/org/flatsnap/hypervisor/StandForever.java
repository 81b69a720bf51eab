package org.flatsnap.hypervisor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import org.flatsnap.manager.LibvirtManager;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;

/**
 * As much of the daemon as brings a guest to stand still: for every line on standard input, a level, it does so, says "stands"
 * and lets the guest go on after one more line, which may never come. Then it says what was reached.
 */
final class StandForever {
    private StandForever() {}

    /** Takes libvirt's URI, the directory of the notes, the VM's id, and the longest standstill in milliseconds. */
    public static void main(String[] arguments) throws IOException {
        Libvirt libvirt = new Libvirt(arguments[0]);
        Path directory = Path.of(arguments[1]);
        Duration patience = Duration.ofMillis(Long.parseLong(arguments[3]));
        Quiescer quiescer = new Quiescer(
                libvirt, new GuestNotes(directory), new WatchdogProcess(arguments[0], directory, patience), patience);
        quiescer.recover();
        for (String level = line(); level != null; level = line()) {
            try {
                Vm vm = new LibvirtManager(libvirt, arguments[0])
                        .find(new VmId(arguments[2]))
                        .orElseThrow();
                System.out.println(Json.COMPACT.toJson(
                        quiescer.during(vm, Consistency.valueOf(level), true, false, StandForever::moment)));
            } catch (Problem e) {
                System.out.println(e.getMessage());
            }
        }
    }

    private static void moment() {
        System.out.println("stands");
        line();
    }

    private static String line() {
        try {
            StringBuilder line = new StringBuilder();
            for (int next = System.in.read(); next != '\n'; next = System.in.read()) {
                if (next < 0) {
                    return null;
                }
                line.append((char) next);
            }
            return line.toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
