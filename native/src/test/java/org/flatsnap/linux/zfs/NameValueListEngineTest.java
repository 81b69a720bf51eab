package org.flatsnap.linux.zfs;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.ptr.PointerByReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Lists of the real libnvpair, which needs no kernel module. */
class NameValueListEngineTest {
    @Test
    void everyKindOfValueComesBack() {
        try (NameValueList inner = NameValueList.empty().addFlag("tag");
                NameValueList outer = NameValueList.empty()
                        .addString("text", "Größe 移行")
                        .addString("empty", "")
                        .addUint64("all bits", -1)
                        .addInt32("negative", -5)
                        .addBoolean("yes", true)
                        .addBoolean("no", false)
                        .addFlag("flag")
                        .addList("tank/a@s", inner)) {
            inner.addFlag("added after it was copied");

            assertThat(outer.toMap())
                    .isEqualTo(Map.of(
                            "text",
                            "Größe 移行",
                            "empty",
                            "",
                            "all bits",
                            -1L,
                            "negative",
                            -5,
                            "yes",
                            true,
                            "no",
                            false,
                            "flag",
                            NameValueList.Flag.PRESENT,
                            "tank/a@s",
                            Map.of("tag", NameValueList.Flag.PRESENT)));
        }
    }

    @Test
    void aNameIsThereOnce() {
        try (NameValueList list = NameValueList.empty().addInt32("a", 1).addString("a", "two")) {
            assertThat(list.toMap()).isEqualTo(Map.of("a", "two"));
        }
    }

    @Test
    void noListIsAnEmptyOne() {
        assertThat(NameValueList.take(new PointerByReference())).isEmpty();
    }

    @Test
    void memoryIsFreed() throws Exception {
        String large = "x".repeat(1_000_000);
        makeLists(10, large);
        long before = kilobytesOutsideTheHeap();
        makeLists(60, large);

        // 180 MB went through.
        assertThat(kilobytesOutsideTheHeap() - before).isLessThan(90_000);
    }

    private static void makeLists(int count, String text) {
        for (int i = 0; i < count; i++) {
            try (NameValueList inner = NameValueList.empty().addString("text", text);
                    NameValueList outer =
                            NameValueList.empty().addString("text", text).addList("inner", inner)) {
                assertThat(outer.toMap()).hasSize(2);
            }
        }
    }

    private static long kilobytesOutsideTheHeap() throws Exception {
        // JNA frees the copies of arguments with the garbage.
        System.gc();
        Thread.sleep(500);
        long resident = Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .sum();
        return resident - Runtime.getRuntime().totalMemory() / 1024;
    }
}
