package org.flatsnap.linux.zfs;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.Map;

/**
 * libzfs_core's functions as declared in libzfs_core.h of OpenZFS 2.1, the same in 2.2 and 2.3 ({@code libzfs_core.so.3}).
 * Those that return an int return 0 or an errno; {@code boolean_t} and the enums are ints. Unless
 * {@code libzfs_core_init} succeeded before, each aborts the process.
 */
interface LibZfsCore extends Library {
    static LibZfsCore load() {
        return Native.load("libzfs_core.so.3", LibZfsCore.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));
    }

    int libzfs_core_init();

    int lzc_snapshot(Pointer snapshots, Pointer properties, PointerByReference failures);

    int lzc_clone(String target, String origin, Pointer properties);

    int lzc_promote(String dataset, Pointer conflictingName, int size);

    int lzc_rename(String dataset, String target);

    int lzc_destroy(String dataset);

    int lzc_destroy_snaps(Pointer snapshots, int deferred, PointerByReference failures);

    int lzc_hold(Pointer holds, int cleanupDescriptor, PointerByReference failures);

    int lzc_release(Pointer holds, PointerByReference failures);

    int lzc_get_holds(String snapshot, PointerByReference holds);

    int lzc_exists(String name);

    int lzc_snaprange_space(String first, String last, LongByReference bytes);

    int lzc_sync(String pool, Pointer arguments, PointerByReference unused);
}
