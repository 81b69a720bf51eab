package org.flatsnap.view;

import java.time.Instant;
import java.util.List;
import org.flatsnap.fuseview.Attributes;
import org.flatsnap.fuseview.SymbolicLink;

/** A symbolic link, known by its role and what it stands for. */
record Link(ViewAccess access, String role, String target, Instant modified, List<Object> identity)
        implements SymbolicLink {
    /** Where it leads changes with the catalog and with the day. */
    @Override
    public boolean isKept() {
        return false;
    }

    @Override
    public Attributes attributes() {
        return Inodes.link(access, role, target, modified, identity.toArray());
    }
}
