package org.flatsnap.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OpenFilesTest {
    @Test
    void aWriterIsFoundAndAReaderIsNot(@TempDir Path directory) throws IOException {
        Path file = Files.createFile(directory.resolve("disk.raw"));
        assertThat(OpenFiles.writers(file)).isEmpty();
        try (FileChannel reader = FileChannel.open(file, StandardOpenOption.READ)) {
            assertThat(reader.isOpen()).isTrue();
            assertThat(OpenFiles.writers(file)).isEmpty();
        }
        try (FileChannel writer = FileChannel.open(file, StandardOpenOption.WRITE)) {
            assertThat(writer.isOpen()).isTrue();
            assertThat(OpenFiles.writers(file))
                    .containsExactly(ProcessHandle.current().pid());
        }
        assertThat(OpenFiles.writers(directory.resolve("absent"))).isEmpty();
    }
}
