package org.flatsnap.fuseview;

/** Where things stand in {@code struct fuse_in_header} of {@code linux/fuse.h}. */
final class Incoming {

    static final int OPCODE = 4;
    static final int UNIQUE = 8;
    static final int NODE = 16;
    static final int SIZE = 40;

    private Incoming() {}
}
