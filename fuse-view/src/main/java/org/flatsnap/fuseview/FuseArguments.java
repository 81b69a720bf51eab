package org.flatsnap.fuseview;

import java.util.ArrayList;
import java.util.List;
import jnr.ffi.Memory;
import jnr.ffi.Runtime;
import jnr.ffi.Struct;

/** A command line for libfuse: {@code struct fuse_args} of {@code fuse_opt.h}. libfuse takes out what it has understood. */
final class FuseArguments extends Struct {

    private final Signed32 count = new Signed32();
    private final Pointer values = new Pointer();
    private final Signed32 allocated = new Signed32();
    // What C adds at the end, and libfuse overwrites with the rest.
    private final Signed32 unused = new Signed32();
    // Native memory lives as long as the Java object that stands for it.
    private final List<jnr.ffi.Pointer> held = new ArrayList<>();

    FuseArguments(Runtime runtime, List<java.lang.String> arguments) {
        super(runtime);
        useMemory(Memory.allocateDirect(runtime, size(this), true));
        jnr.ffi.Pointer array = Memory.allocateDirect(runtime, (arguments.size() + 1) * (long) Long.BYTES, true);
        for (int i = 0; i < arguments.size(); i++) {
            byte[] bytes = CString.encode(arguments.get(i));
            jnr.ffi.Pointer text = Memory.allocateDirect(runtime, bytes.length);
            text.put(0, bytes, 0, bytes.length);
            array.putPointer((long) i * Long.BYTES, text);
            held.add(text);
        }
        held.add(array);
        count.set(arguments.size());
        values.set(array);
        allocated.set(0);
        unused.set(0);
    }
}
