package org.flatsnap.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FlockTest {
    @Test
    void oneHolderAtATimeInThisProcessAndInOthers(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("lock");

        try (Flock held = Flock.tryLock(file).orElseThrow()) {
            assertThat(held).isNotNull();
            assertThat(Flock.tryLock(file)).isEmpty();
            assertThat(exitCode("flock", "--nonblock", file.toString(), "true")).isEqualTo(1);
        }

        assertThat(exitCode("flock", "--nonblock", file.toString(), "true")).isZero();
        Optional<Flock> again = Flock.tryLock(file);
        assertThat(again).isPresent();
        again.get().close();
    }

    @Test
    void aLockOnAFileThatWasRemovedSaysSoEvenWhenThereIsAnotherOfItsName(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("lock");
        try (Flock held = Flock.tryLock(file).orElseThrow()) {
            assertThat(held.stillLocks(file)).isTrue();
            Files.delete(file);
            assertThat(held.stillLocks(file)).isFalse();
            try (Flock other = Flock.tryLock(file).orElseThrow()) {
                assertThat(other.stillLocks(file)).isTrue();
                assertThat(held.stillLocks(file)).isFalse();
            }
        }
    }

    @Test
    void aMissingDirectoryIsAnErrorThatNamesThePath(@TempDir Path directory) {
        assertThatThrownBy(() -> Flock.tryLock(directory.resolve("absent/lock")))
                .isInstanceOf(ErrnoException.class)
                .hasMessageContaining("absent/lock");
    }

    private static int exitCode(String... command) throws IOException, InterruptedException {
        return new ProcessBuilder(command).inheritIO().start().waitFor();
    }
}
