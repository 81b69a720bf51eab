package org.flatsnap.cli;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import org.flatsnap.cli.Answers.Snapshot;

/**
 * Finds a snapshot's directory in the view. The daemon names it by the date in its own time zone and tells VMs of one name
 * apart; looking is surer than guessing.
 */
final class BrowsePath {
    private static final Path VIEW = Path.of("/snapshots");

    private BrowsePath() {}

    static Optional<Path> of(Snapshot snapshot) {
        return in(VIEW, snapshot);
    }

    static Optional<Path> in(Path view, Snapshot snapshot) {
        LocalDate here;
        try {
            here = LocalDate.ofInstant(Instant.parse(snapshot.takenAt()), ZoneId.systemDefault());
        } catch (DateTimeException e) {
            return Optional.empty();
        }
        String name =
                snapshot.vmName().startsWith(".") ? "_" + snapshot.vmName().substring(1) : snapshot.vmName();
        String shortId = snapshot.vm().substring(0, Math.min(8, snapshot.vm().length()));
        Path top = snapshot.labels().retired() == null ? view : view.resolve(".retired");
        for (String label : List.of(name, name + "~" + shortId, name + "~" + snapshot.vm())) {
            for (LocalDate date : List.of(here, here.minusDays(1), here.plusDays(1))) {
                Optional<Path> directory = existing(top, label, date, snapshot.name());
                if (directory.isPresent()) {
                    return directory;
                }
            }
        }
        return Optional.empty();
    }

    private static Optional<Path> existing(Path view, String label, LocalDate date, String name) {
        try {
            return Optional.of(view.resolve(label).resolve(date.toString()).resolve(name))
                    .filter(Files::isDirectory);
        } catch (InvalidPathException e) {
            // A locale other than UTF-8 cannot express the name.
            return Optional.empty();
        }
    }
}
