package org.flatsnap.fuseview;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import jnr.ffi.Memory;
import jnr.ffi.Runtime;
import jnr.ffi.Struct;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import ru.serce.jnrfuse.struct.FuseFileInfo;

/** What values may be, and where C expects them. */
final class ValuesTest {

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "a/b", "a\0b"})
    void namesOfEntries(String name) {
        assertThatIllegalArgumentException().isThrownBy(() -> new DirectoryEntry(name, Node.Kind.DIRECTORY, 1));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a,allow_root", "a b", "a\\"})
    void namesOfMounts(String name) {
        assertThatIllegalArgumentException().isThrownBy(() -> MountOptions.named(name));
    }

    @Test
    void numbers() {
        assertThatIllegalArgumentException().isThrownBy(() -> attributes(0, 0444, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> attributes(1, 0100444, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> attributes(1, 0444, -1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MountOptions.named("a").withThreads(0));
        assertThat(MountOptions.named("a").forOneUser().allowOther()).isFalse();
    }

    @Test
    void textForC() {
        assertThat(CString.encode("é")).containsExactly(0xC3, 0xA9, 0);
        assertThatIllegalArgumentException().isThrownBy(() -> CString.encode("half a pair \uD800"));
        assertThatIllegalArgumentException().isThrownBy(() -> CString.encode("a\0b"));
    }

    /** Sizes and offsets as gcc prints them for libfuse 2.9.9 on x86_64. */
    @Test
    void layouts() {
        Runtime runtime = Runtime.getSystemRuntime();
        assertThat(Struct.size(new EntryParameters(runtime, Duration.ZERO))).isEqualTo(176);
        assertThat(Struct.size(new FuseArguments(runtime, List.of()))).isEqualTo(24);
        assertThat(new OperationTable(runtime).size()).isEqualTo(192 + Long.BYTES);
        assertThat(new OperationTable(runtime).memory().size()).isEqualTo(192 + Long.BYTES);
        FuseFileInfo information = FuseFileInfo.of(Memory.allocateDirect(runtime, 40, true));
        new FileInformation(runtime, Struct.getMemory(information).address()).opened(77, false);
        assertThat(information.fh.longValue()).isEqualTo(77);
    }

    private static Attributes attributes(long inode, int permissions, long size) {
        return new Attributes(inode, permissions, 0, 0, size, 0, Instant.EPOCH, Instant.EPOCH);
    }
}
