package org.flatsnap.server;

import com.google.common.cache.Cache;
import com.google.common.cache.CacheBuilder;
import com.google.common.net.InetAddresses;
import io.github.bucket4j.Bucket;
import io.github.bucket4j.ConsumptionProbe;
import java.net.Inet6Address;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.ExecutionException;

/**
 * How often somebody may ask: 50 requests a second and caller, 200 at once; 10 failed authentications a minute and address, 20
 * at once. Safe for use by several threads.
 */
final class Limits {
    private static final int REQUESTS_AT_ONCE = 200;
    private static final int REQUESTS_PER_SECOND = 50;
    private static final int FAILURES_AT_ONCE = 20;
    private static final int FAILURES_PER_MINUTE = 10;
    private static final int MOST_KNOWN = 10_000;
    private static final Duration FORGOTTEN = Duration.ofMinutes(10);
    /** A host on IPv6 has as many addresses as it likes in its network of 64 bits. */
    private static final int IPV6_NETWORK_BYTES = 8;

    private final Cache<String, Bucket> requests = cache();
    private final Cache<String, Bucket> failures = cache();

    private static Cache<String, Bucket> cache() {
        return CacheBuilder.newBuilder()
                .maximumSize(MOST_KNOWN)
                .expireAfterAccess(FORGOTTEN)
                .build();
    }

    /** Counts a request; if it is one too many, how long to wait. */
    Optional<Duration> request(String caller) {
        return count(requests, caller, REQUESTS_AT_ONCE, REQUESTS_PER_SECOND, Duration.ofSeconds(1));
    }

    /** Counts an authentication that failed; if it is one too many, how long to wait. */
    Optional<Duration> failure(String address) {
        return count(failures, network(address), FAILURES_AT_ONCE, FAILURES_PER_MINUTE, Duration.ofMinutes(1));
    }

    private static String network(String address) {
        if (InetAddresses.isInetAddress(address) && InetAddresses.forString(address) instanceof Inet6Address wide) {
            return HexFormat.of().formatHex(Arrays.copyOf(wide.getAddress(), IPV6_NETWORK_BYTES));
        }
        return address;
    }

    private static Optional<Duration> count(
            Cache<String, Bucket> buckets, String key, int atOnce, int refill, Duration period) {
        ConsumptionProbe probe = bucket(buckets, key, atOnce, refill, period).tryConsumeAndReturnRemaining(1);
        return probe.isConsumed() ? Optional.empty() : Optional.of(Duration.ofNanos(probe.getNanosToWaitForRefill()));
    }

    private static Bucket bucket(Cache<String, Bucket> buckets, String key, int atOnce, int refill, Duration period) {
        try {
            return buckets.get(key, () -> Bucket.builder()
                    .addLimit(limit -> limit.capacity(atOnce).refillGreedy(refill, period))
                    .build());
        } catch (ExecutionException e) {
            throw new IllegalStateException("a bucket is made without exceptions", e);
        }
    }
}
