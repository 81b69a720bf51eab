package org.flatsnap.faults;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * What is to happen to a process at its steps, and which it has passed: a file that this process and the other one have mapped.
 * It outlives the other one. Safe for use by several threads.
 */
final class Control implements AutoCloseable {
    /** What to do at the step that is meant. */
    enum Fault {
        /** Only note the steps. */
        NONE,
        /** SIGKILL. */
        KILL,
        /** The call fails, with the errno that was given. */
        FAIL,
        /** The process waits at every step that changes something until {@link #goOn()}. */
        WAIT
    }

    private static final int SIZE = 1 << 20;
    private static final VarHandle INT = MethodHandles.byteBufferViewVarHandle(int[].class, ByteOrder.nativeOrder());

    private static final int FAULT = 0;
    private static final int SITE = 4;
    private static final int COUNTDOWN = 8;
    private static final int ERRNO = 12;
    private static final int FIRED = 16;
    private static final int PASSED = 20;
    private static final int WAITING = 24;
    private static final int THEN = 28;
    private static final int TRACE = 64;

    private final ByteBuffer memory;

    private Control(ByteBuffer memory) {
        this.memory = memory;
    }

    /** Maps it, making it if need be. */
    static Control at(Path file) {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return new Control(channel.map(MapMode.READ_WRITE, 0, SIZE).order(ByteOrder.nativeOrder()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private int get(int at) {
        return (int) INT.getVolatile(memory, at);
    }

    private void set(int at, int value) {
        INT.setVolatile(memory, at, value);
    }

    /**
     * From now on steps are counted anew, and one of them meets its fault; once.
     *
     * @param site which one is meant, -1 for any
     * @param nth at which time that it comes, from 1
     */
    void arm(Fault fault, int site, int nth, int errno) {
        set(FAULT, -1);
        set(SITE, site);
        set(COUNTDOWN, nth);
        set(ERRNO, errno);
        set(FIRED, 0);
        set(PASSED, 0);
        set(WAITING, 0);
        set(THEN, 0);
        set(FAULT, fault.ordinal());
    }

    /** After the failure that is armed, the process dies at this site. */
    void thenKillAt(int site) {
        set(THEN, site + 1);
    }

    /** Nothing is noted and nothing happens any more. */
    void disarm() {
        set(FAULT, -1);
        set(WAITING, 0);
    }

    /** The number of the site at which it happened, -1 if it did not. */
    int fired() {
        return get(FIRED) - 1;
    }

    /** The sites passed since {@link #arm}, in order. */
    List<Integer> trace() {
        List<Integer> trace = new ArrayList<>();
        int passed = Math.min(get(PASSED), (SIZE - TRACE) / Integer.BYTES);
        for (int i = 0; i < passed; i++) {
            trace.add(get(TRACE + i * Integer.BYTES));
        }
        return trace;
    }

    /** The other process waits at a step; its site's number, -1 if it does not wait. */
    int waiting() {
        return get(WAITING) - 1;
    }

    /** Lets it go on to the next step. */
    void goOn() {
        set(WAITING, 0);
    }

    /** Called by the other process at a step; says what is to be done there. */
    Fault pass(int site) {
        int armed = get(FAULT);
        if (armed < 0) {
            return Fault.NONE;
        }
        Fault fault = Fault.values()[armed];
        int at = (int) INT.getAndAdd(memory, PASSED, 1);
        if (at < (SIZE - TRACE) / Integer.BYTES) {
            set(TRACE + at * Integer.BYTES, site);
        }
        if (fault == Fault.WAIT) {
            return fault;
        }
        int wanted = get(SITE);
        if (fault != Fault.NONE && (wanted < 0 || wanted == site) && (int) INT.getAndAdd(memory, COUNTDOWN, -1) == 1) {
            set(FIRED, site + 1);
            int then = get(THEN);
            if (then > 0) {
                set(THEN, 0);
                set(SITE, then - 1);
                set(COUNTDOWN, 1);
                set(FAULT, Fault.KILL.ordinal());
            }
            return fault;
        }
        return Fault.NONE;
    }

    /** Called by the other process: waits until it may go on. */
    void await(int site) throws InterruptedException {
        while (!INT.compareAndSet(memory, WAITING, 0, site + 1)) {
            // Another thread of it waits.
            Thread.sleep(1);
        }
        while (get(WAITING) == site + 1 && get(FAULT) == Fault.WAIT.ordinal()) {
            Thread.sleep(1);
        }
    }

    int errno() {
        return get(ERRNO);
    }

    @Override
    public void close() {
        disarm();
    }
}
