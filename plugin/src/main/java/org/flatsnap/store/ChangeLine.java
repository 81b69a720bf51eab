package org.flatsnap.store;

import static java.util.Objects.requireNonNullElse;

import java.util.Optional;
import org.flatsnap.model.Json;
import org.flatsnap.model.SnapshotId;
import org.flatsnap.model.VmId;

/**
 * One line of a change log: a snapshot that was published, replaced or unpublished, or that anything may have changed.
 *
 * <pre>{"everything":false,"vm":"5f3a09bc-...","snapshot":"20261122t081637123-5f3a09bc"}</pre>
 */
record ChangeLine(boolean everything, Optional<VmId> vm, Optional<SnapshotId> snapshot) {
    static final ChangeLine EVERYTHING = new ChangeLine(true, Optional.empty(), Optional.empty());

    ChangeLine {
        // JSON leaves out what is empty.
        vm = requireNonNullElse(vm, Optional.empty());
        snapshot = requireNonNullElse(snapshot, Optional.empty());
    }

    static ChangeLine of(VmId vm, SnapshotId snapshot) {
        return new ChangeLine(false, Optional.of(vm), Optional.of(snapshot));
    }

    /** The line without its end; nothing if it is damaged. */
    static Optional<ChangeLine> parse(String text) {
        try {
            return Optional.ofNullable(Json.COMPACT.fromJson(text, ChangeLine.class))
                    .filter(line -> line.everything || (line.vm.isPresent() && line.snapshot.isPresent()));
        } catch (RuntimeException e) {
            return Optional.empty();
        }
    }

    @Override
    public String toString() {
        return Json.COMPACT.toJson(this) + "\n";
    }
}
