package org.flatsnap.catalog;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** How long each question takes each peer; {@link CatalogBench} makes what it needs and runs it. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class CatalogQueries {
    /** Where the peers' files stand. */
    static final String DIRECTORY = "flatsnap.bench.directory";

    /** How many VMs there are. */
    static final String VMS = "flatsnap.bench.vms";

    /** How many snapshots each has. */
    static final String SNAPSHOTS_OF_EACH = "flatsnap.bench.snapshots-of-each";

    private static final int ASKED = 4096;

    /** Who is asked. */
    @Param({"flatsnap", "api", "sqlite"})
    public String peer;

    /** What. */
    @Param
    public Question question;

    private final Question.Asked[] asked = new Question.Asked[ASKED];
    private Peer open;
    private int next;

    /** Opens the peer and waits until it has read what it reads in the background. */
    @Setup
    public void open() throws InterruptedException {
        DataCentre centre = new DataCentre(Integer.getInteger(VMS), Integer.getInteger(SNAPSHOTS_OF_EACH));
        Random random = new Random(1);
        for (int i = 0; i < ASKED; i++) {
            asked[i] = question.ask(centre, random);
        }
        open = Peer.open(peer, Path.of(System.getProperty(DIRECTORY)));
        // A search for nothing is fast once the rows are in memory.
        long begun;
        do {
            Thread.sleep(100);
            begun = System.nanoTime();
            open.answer(Question.TEXT_NONE.ask(centre, random));
        } while (!peer.equals("sqlite") && System.nanoTime() - begun > TimeUnit.MILLISECONDS.toNanos(50));
    }

    /** Closes it. */
    @TearDown
    public void close() {
        open.close();
    }

    /** One answer. */
    @Benchmark
    public List<?> answer() {
        next = (next + 1) % ASKED;
        return open.answer(asked[next]);
    }
}
