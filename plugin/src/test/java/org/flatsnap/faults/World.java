package org.flatsnap.faults;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.util.Arrays;
import org.flatsnap.testing.DaemonProcess;
import org.flatsnap.testing.DaemonProcess.Answer;

/** What a flatsnapd that dies where it is told to has around it. Used by one thread. */
interface World extends AutoCloseable {
    DaemonProcess daemon();

    /** What is to happen to the daemon. */
    Control control();

    /** After something went wrong: as much of a fresh start as can be had. */
    void revive() throws IOException;

    /** After whatever happened: nothing is left over, and API, view and stores tell the same. */
    void assertInOrder() throws IOException;

    @Override
    void close() throws IOException;

    /** Asks the daemon; gives its answer, if it lives to give one that is not an error. */
    default Answer ask(String... command) {
        String[] json = Arrays.copyOf(command, command.length + 1);
        json[command.length] = "--json";
        return daemon().flatsnap(json);
    }

    /** Asks for what has to be done. */
    default JsonObject succeed(String... command) {
        Answer answer = ask(command);
        assertThat(answer.exitCode())
                .as(String.join(" ", command) + ": " + answer.errors() + tail())
                .isZero();
        return JsonParser.parseString(answer.output()).getAsJsonObject();
    }

    /** The end of the daemon's log, for whoever has to find out. */
    default String tail() {
        try {
            String log = daemon().log();
            return "\n... " + log.substring(Math.max(0, log.length() - 4000));
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** Starts a daemon that died; one that is to die again while it recovers is started once more. */
    default void restart() throws IOException {
        while (!daemon().startsAndAnswers("vms")) {
            assertThat(control().fired())
                    .as("flatsnapd ended by itself" + tail())
                    .isNotNegative();
            control().disarm();
        }
        control().disarm();
    }
}
