package org.flatsnap.faults;

import com.sun.jna.LastErrorException;
import com.sun.jna.Library;
import com.sun.jna.Native;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.flatsnap.linux.Errno;
import org.flatsnap.model.Problem;
import org.libvirt.LibvirtException;

/** What instrumented classes call at each of their {@link Sites}: those of {@link SteppedClassPath}, or {@link InstrumentedClasses}. */
public final class Steps {
    /** The system property that names the file of the {@link Control}; without it steps lead nowhere. */
    static final String CONTROL = "flatsnap.steps.control";

    /** The system property that names the file of the sites. */
    static final String SITES = "flatsnap.steps.sites";

    private static volatile Control control;
    private static volatile Consumer<Site> watcher;
    private static volatile List<Site> sites;

    static {
        String file = System.getProperty(CONTROL);
        if (file != null) {
            // Loaded before it is needed.
            Errno.text(Errno.EBUSY);
            control = Control.at(Path.of(file));
        }
    }

    private Steps() {}

    private interface Kernel extends Library {
        int kill(int process, int signal);
    }

    /** Read only when one is met: most lives are short. */
    private static Site site(int number) {
        List<Site> all = sites;
        if (all == null) {
            all = Sites.written(Path.of(System.getProperty(SITES))).all();
            sites = all;
        }
        return all.get(number);
    }

    /** From now on only {@code told} hears of each site, in the thread that is about to pass it; what it throws, the call throws. */
    static void watch(Consumer<Site> told, List<Site> all) {
        sites = all;
        Errno.text(Errno.EBUSY);
        watcher = told;
    }

    /** Before each call out. */
    public static void reached(int number) {
        Consumer<Site> told = watcher;
        if (told != null) {
            told.accept(site(number));
            return;
        }
        Control present = control;
        if (present == null) {
            return;
        }
        switch (present.pass(number)) {
            case NONE -> {}
            case KILL -> die();
            case FAIL -> Steps.<RuntimeException>raise(failure(site(number), present.errno()));
            case WAIT -> {
                try {
                    if (site(number).crashPoint()) {
                        present.await(number);
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }

    private static void die() {
        int self = (int) ProcessHandle.current().pid();
        Native.load("c", Kernel.class).kill(self, 9);
    }

    /** What the call throws when the kernel, or libvirt, refuses. */
    static Throwable failure(Site site, int errno) {
        String owner = site.callee().substring(0, site.callee().lastIndexOf('.'));
        return switch (owner) {
            case "org/flatsnap/linux/CLibrary" -> new LastErrorException(errno);
            case "org/libvirt/Connect", "org/libvirt/Domain" -> disconnected();
            case "org/flatsnap/hypervisor/AgentLibrary",
                    "org/flatsnap/hypervisor/Guests",
                    "org/flatsnap/hypervisor/Libvirt",
                    "org/flatsnap/manager/Manager",
                    "org/flatsnap/manager/SnapshotKeeper" ->
                new Problem(
                        Problem.Code.UNAVAILABLE, "cannot reach the hypervisor", "it was made to fail", "Try again");
            default -> new FileSystemException(site.name(), null, Errno.text(errno));
        };
    }

    /** As libvirt-java makes it of a connection that broke; its constructors are not public. */
    private static LibvirtException disconnected() {
        return Disconnected.INSTANCE;
    }

    private static final class Disconnected {
        private static final LibvirtException INSTANCE = make();

        private static LibvirtException make() {
            try {
                new org.libvirt.Connect("qemu+unix:///system?socket=/nonexistent", true).close();
                throw new AssertionError("a connection to nowhere");
            } catch (LibvirtException e) {
                return e;
            }
        }
    }

    @SuppressWarnings("unchecked")
    static <T extends Throwable> void raise(Throwable failure) throws T {
        throw (T) failure;
    }
}
