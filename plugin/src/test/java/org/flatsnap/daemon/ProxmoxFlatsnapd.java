package org.flatsnap.daemon;

import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.flatsnap.manager.ProxmoxManager;

/** flatsnapd with other programs in the place of Proxmox VE's: {@code GUESTS PVESH --config FILE}. */
final class ProxmoxFlatsnapd {
    private ProxmoxFlatsnapd() {}

    public static void main(String[] words) throws Exception {
        CountDownLatch stopping = new CountDownLatch(1);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping.countDown();
            try {
                stopped.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        try (Daemon daemon = Daemon.start(
                Configuration.read(Path.of(words[3])),
                () -> new ProxmoxManager(Path.of(words[0]), Path.of(words[1])))) {
            stopping.await();
        } finally {
            stopped.countDown();
        }
    }
}
