package org.flatsnap.linux;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** A program did not end within its time and was killed. */
public final class ProgramTimeoutException extends IOException {
    ProgramTimeoutException(List<String> command, Duration limit) {
        super(String.join(" ", command) + ": did not end within " + limit.toMillis() + " ms and was killed");
    }
}
