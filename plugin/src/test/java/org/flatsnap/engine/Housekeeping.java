package org.flatsnap.engine;

/** What an engine does by itself from time to time, for tests that do not wait for it. */
public final class Housekeeping {
    private Housekeeping() {}

    /** What is done every few seconds. */
    public static void keep(Engine engine) {
        engine.keepHouse();
    }

    /** What is done every few minutes. */
    public static void expire(Engine engine) {
        engine.expire();
    }
}
