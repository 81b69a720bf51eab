package org.flatsnap.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.flatsnap.model.VmState;
import org.flatsnap.server.ApiClient.Answer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A daemon that is told to stop in the middle of something. */
@Timeout(60)
class FarewellTest {
    @Test
    void aRequestUnderWayIsFinishedAndAnswered() throws Exception {
        ApiBench bench = new ApiBench();
        bench.vm("slow", VmState.RUNNING, "vda");
        ApiClient client = bench.client();
        assertThat(client.send("POST", "/v1/vms/slow/snapshots", "{\"name\":\"s1\"}")
                        .status())
                .isEqualTo(201);
        CountDownLatch gate = new CountDownLatch(1);
        bench.manager().holdStopsUntil(gate);
        CompletableFuture<Answer> rollback = CompletableFuture.supplyAsync(() -> {
            try {
                return client.send("POST", "/v1/vms/slow/snapshots/s1/rollback", "{\"stop\":true}");
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        while (client.send("GET", "/v1/health")
                .object()
                .getAsJsonArray("underWay")
                .isEmpty()) {
            assertThat(rollback).isNotDone();
        }

        CompletableFuture<Void> closing = CompletableFuture.runAsync(bench::close);
        assertThatThrownBy(() -> closing.get(1, TimeUnit.SECONDS)).isInstanceOf(TimeoutException.class);
        assertThatThrownBy(() -> client.send("GET", "/v1/health")).isInstanceOf(IOException.class);
        gate.countDown();

        assertThat(rollback.get(30, TimeUnit.SECONDS).status()).isEqualTo(200);
        closing.get(30, TimeUnit.SECONDS);
    }
}
