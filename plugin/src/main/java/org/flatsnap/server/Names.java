package org.flatsnap.server;

import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmName;

/** What people may write for a VM or snapshot, checked and in normal form: a name or an id, which has the shape of a name. */
final class Names {
    private static final String NEWEST = "latest";

    private Names() {}

    static String vm(String text) {
        return new VmName(text).value();
    }

    static String snapshot(String text) {
        return text.equals(NEWEST) ? NEWEST : new SnapshotName(text).value();
    }
}
