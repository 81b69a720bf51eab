package org.flatsnap.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What this host is called, see proc_sys_kernel(5). */
public final class Host {
    private static final Path KERNEL = Path.of("/proc/sys/kernel");

    private Host() {}

    /** The host name as the kernel has it. */
    public static String name() throws IOException {
        return read("hostname");
    }

    /** A UUID that is another after each boot. */
    public static String bootId() throws IOException {
        return read("random/boot_id");
    }

    private static String read(String file) throws IOException {
        return Files.readString(KERNEL.resolve(file)).strip();
    }
}
