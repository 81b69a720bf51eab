package org.flatsnap.cli;

import com.google.gson.JsonObject;
import java.util.UUID;

/** Why a command could not do its work: a problem document of the API, or one made here in its likeness. */
final class Failure extends RuntimeException {
    /** The command was understood and could not be carried out. */
    static final int FAILED = 1;
    /** The daemon could not be reached, so nothing was done. */
    static final int UNREACHABLE = 3;

    private final int exitCode;
    private final transient JsonObject document;

    private Failure(int exitCode, JsonObject document, Throwable cause) {
        super(sentence(document), cause);
        this.exitCode = exitCode;
        this.document = document;
    }

    private static String sentence(JsonObject document) {
        return text(document, "what") + ": " + text(document, "why") + ". " + text(document, "remedy") + ".";
    }

    private static String text(JsonObject document, String key) {
        return document.get(key).getAsString();
    }

    private static JsonObject document(String code, String what, String why, String remedy) {
        JsonObject document = new JsonObject();
        document.addProperty("code", code);
        document.addProperty("what", what);
        document.addProperty("why", why);
        document.addProperty("remedy", remedy);
        return document;
    }

    /** What the daemon said. */
    static Failure told(JsonObject document) {
        return new Failure(FAILED, document, null);
    }

    static Failure unreachable(Object daemon, Exception cause, String remedy) {
        return new Failure(
                UNREACHABLE,
                document(
                        "UNAVAILABLE",
                        "cannot reach flatsnapd at " + daemon,
                        String.valueOf(cause.getMessage()),
                        remedy),
                cause);
    }

    /** What is needed to reach the daemon is not as it should be. */
    static Failure unusable(String what, String why, String remedy) {
        return new Failure(UNREACHABLE, document("INVALID", what, why, remedy), null);
    }

    /** The connection broke while nothing could be changed by it. */
    static Failure lost(Exception cause) {
        return new Failure(
                FAILED,
                document(
                        "UNAVAILABLE",
                        "got no answer",
                        "the connection to flatsnapd broke (" + cause.getMessage() + ")",
                        "Try again"),
                cause);
    }

    /** The connection broke after something was asked for. */
    static Failure lost(Exception cause, UUID operation) {
        return new Failure(
                FAILED,
                document(
                        "UNAVAILABLE",
                        "cannot tell whether it was done",
                        "the connection to flatsnapd broke (" + cause.getMessage() + ")",
                        "It may have been. Repeat the command with --operation " + operation
                                + ": it is done once at most, and you get its result"),
                cause);
    }

    static Failure notFlatsnapd(Object daemon) {
        return new Failure(
                FAILED,
                document(
                        "UNAVAILABLE",
                        "cannot understand what answers at " + daemon,
                        "it does not speak flatsnapd's API",
                        "Check --socket and FLATSNAP_SOCKET, or --server and FLATSNAP_SERVER"),
                null);
    }

    static Failure emptyName() {
        return new Failure(
                FAILED, document("INVALID", "bad name", "it is empty", "See 'flatsnap vms' and 'flatsnap list'"), null);
    }

    int exitCode() {
        return exitCode;
    }

    JsonObject document() {
        return document;
    }
}
