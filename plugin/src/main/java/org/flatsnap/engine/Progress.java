package org.flatsnap.engine;

/** Is told what an operation is doing right now, for people who wait. Must return at once. */
@FunctionalInterface
public interface Progress {
    /** @param text what begins now: "cloning 2 disks" */
    void step(String text);
}
