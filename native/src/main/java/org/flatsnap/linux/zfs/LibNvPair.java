package org.flatsnap.linux.zfs;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.Map;

/**
 * libnvpair's functions as declared in sys/nvpair.h of OpenZFS 2.1; 2.2 and 2.3 only added {@code const}. Those that return
 * an int return 0 or an errno; {@code boolean_t} is an int.
 */
interface LibNvPair extends Library {
    LibNvPair NV = Native.load("libnvpair.so.3", LibNvPair.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));

    int NV_UNIQUE_NAME = 1;

    // data_type_t of sys/nvpair.h.
    int DATA_TYPE_BOOLEAN = 1;
    int DATA_TYPE_INT32 = 5;
    int DATA_TYPE_UINT64 = 8;
    int DATA_TYPE_STRING = 9;
    int DATA_TYPE_NVLIST = 19;
    int DATA_TYPE_BOOLEAN_VALUE = 21;

    int nvlist_alloc(PointerByReference list, int flags, int memoryFlags);

    void nvlist_free(Pointer list);

    int nvlist_add_boolean(Pointer list, String name);

    int nvlist_add_boolean_value(Pointer list, String name, int value);

    int nvlist_add_int32(Pointer list, String name, int value);

    int nvlist_add_uint64(Pointer list, String name, long value);

    int nvlist_add_string(Pointer list, String name, String value);

    int nvlist_add_nvlist(Pointer list, String name, Pointer value);

    Pointer nvlist_next_nvpair(Pointer list, Pointer pair);

    String nvpair_name(Pointer pair);

    int nvpair_type(Pointer pair);

    int nvpair_value_boolean_value(Pointer pair, IntByReference value);

    int nvpair_value_int32(Pointer pair, IntByReference value);

    int nvpair_value_uint64(Pointer pair, LongByReference value);

    int nvpair_value_string(Pointer pair, PointerByReference value);

    int nvpair_value_nvlist(Pointer pair, PointerByReference value);
}
