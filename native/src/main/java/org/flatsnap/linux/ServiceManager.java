package org.flatsnap.linux;

import com.sun.jna.Library;
import com.sun.jna.Native;

/** Tells systemd about the state of this service, see sd_notify(3). */
public final class ServiceManager {
    private interface Systemd extends Library {
        int sd_notify(int unsetEnvironment, String state);
    }

    private ServiceManager() {}

    /**
     * Sends {@code state} ({@code READY=1}, {@code STATUS=...}) to the service manager that started this process.
     *
     * @return false if none is listening, which is no error: NOTIFY_SOCKET is not set
     * @throws UnsatisfiedLinkError if one is listening and libsystemd is missing
     */
    public static boolean notify(String state) {
        if (System.getenv("NOTIFY_SOCKET") == null) {
            return false;
        }
        return Native.load("libsystemd.so.0", Systemd.class).sd_notify(0, state) > 0;
    }
}
