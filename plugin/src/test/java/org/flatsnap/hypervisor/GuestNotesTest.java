package org.flatsnap.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.flatsnap.hypervisor.GuestNotes.Kind;
import org.flatsnap.model.VmId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is known of guests after the daemon, and after the host, went down. */
class GuestNotesTest {
    private static final VmId VM = new VmId("vm");

    @TempDir
    private Path directory;

    private GuestNotes inBoot(String boot) throws IOException {
        return new GuestNotes(directory, boot);
    }

    @Test
    void allOutlivesTheDaemonAndOnlyAFreezeOutlivesTheHost() throws IOException {
        GuestNotes notes = inBoot("first");
        for (Kind kind : Kind.values()) {
            notes.begin(VM, kind);
            notes.begin(VM, kind);
        }

        GuestNotes sameBoot = inBoot("first");
        for (Kind kind : Kind.values()) {
            assertThat(sameBoot.open(kind)).containsExactly(VM);
        }

        GuestNotes nextBoot = inBoot("second");
        assertThat(nextBoot.open(Kind.FREEZE)).containsExactly(VM);
        assertThat(nextBoot.open(Kind.PAUSE)).isEmpty();
        assertThat(nextBoot.open(Kind.STOP)).isEmpty();

        nextBoot.end(VM, Kind.FREEZE);
        assertThat(directory).isEmptyDirectory();
    }
}
