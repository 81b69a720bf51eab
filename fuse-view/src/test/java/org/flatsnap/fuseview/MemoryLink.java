package org.flatsnap.fuseview;

import java.nio.charset.StandardCharsets;

/** A symbolic link in memory. */
record MemoryLink(String target, Attributes attributes) implements SymbolicLink {

    MemoryLink(String target) {
        this(
                target,
                InodeNumbers.attributes(InodeNumbers.next(), 0777, target.getBytes(StandardCharsets.UTF_8).length));
    }
}
