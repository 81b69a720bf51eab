package org.flatsnap.linux.zfs;

import static org.flatsnap.linux.zfs.LibNvPair.NV;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * An nvlist of libnvpair in C's memory, from its making to {@link #close()}: names, each once, with values. For one thread.
 * Strings are UTF-8 and must have no NUL.
 */
final class NameValueList implements AutoCloseable {
    /** The value of a name that is just there ({@code DATA_TYPE_BOOLEAN}), as {@link #toMap()} gives it. */
    enum Flag {
        PRESENT
    }

    private final Pointer list;

    private NameValueList(Pointer list) {
        this.list = list;
    }

    static NameValueList empty() {
        PointerByReference made = new PointerByReference();
        require(NV.nvlist_alloc(made, LibNvPair.NV_UNIQUE_NAME, 0), "nvlist_alloc");
        return new NameValueList(made.getValue());
    }

    /**
     * Copies the list that a call left in {@code result}, if any, and frees it.
     *
     * @return the list's content, empty if there is no list
     */
    static Map<String, Object> take(PointerByReference result) {
        Pointer pointer = result.getValue();
        if (pointer == null) {
            return Map.of();
        }
        try (NameValueList taken = new NameValueList(pointer)) {
            return taken.toMap();
        }
    }

    /** For C calls that read the list; valid until {@link #close()}. */
    Pointer pointer() {
        return list;
    }

    NameValueList addFlag(String name) {
        require(NV.nvlist_add_boolean(list, name), name);
        return this;
    }

    NameValueList addBoolean(String name, boolean value) {
        require(NV.nvlist_add_boolean_value(list, name, value ? 1 : 0), name);
        return this;
    }

    NameValueList addInt32(String name, int value) {
        require(NV.nvlist_add_int32(list, name, value), name);
        return this;
    }

    /** Adds 64 bits, which C takes as unsigned. */
    NameValueList addUint64(String name, long value) {
        require(NV.nvlist_add_uint64(list, name, value), name);
        return this;
    }

    NameValueList addString(String name, String value) {
        require(NV.nvlist_add_string(list, name, value), name);
        return this;
    }

    /** Adds a copy of {@code value}, which stays the caller's to close. */
    NameValueList addList(String name, NameValueList value) {
        require(NV.nvlist_add_nvlist(list, name, value.list), name);
        return this;
    }

    /**
     * A copy in Java: {@link Flag#PRESENT}, {@link Boolean}, {@link Integer}, {@link Long} (unsigned), {@link String} and maps
     * like this one.
     *
     * @throws IllegalStateException if a value is of another type; no call made here answers with one
     */
    Map<String, Object> toMap() {
        return copy(list);
    }

    private static Map<String, Object> copy(Pointer list) {
        Map<String, Object> content = new LinkedHashMap<>();
        for (Pointer pair = NV.nvlist_next_nvpair(list, null); pair != null; ) {
            content.put(NV.nvpair_name(pair), value(pair));
            pair = NV.nvlist_next_nvpair(list, pair);
        }
        return Collections.unmodifiableMap(content);
    }

    private static Object value(Pointer pair) {
        int type = NV.nvpair_type(pair);
        return switch (type) {
            case LibNvPair.DATA_TYPE_BOOLEAN -> Flag.PRESENT;
            case LibNvPair.DATA_TYPE_BOOLEAN_VALUE -> {
                IntByReference value = new IntByReference();
                require(NV.nvpair_value_boolean_value(pair, value), "boolean_value");
                yield value.getValue() != 0;
            }
            case LibNvPair.DATA_TYPE_INT32 -> {
                IntByReference value = new IntByReference();
                require(NV.nvpair_value_int32(pair, value), "int32");
                yield value.getValue();
            }
            case LibNvPair.DATA_TYPE_UINT64 -> {
                LongByReference value = new LongByReference();
                require(NV.nvpair_value_uint64(pair, value), "uint64");
                yield value.getValue();
            }
            case LibNvPair.DATA_TYPE_STRING -> {
                PointerByReference value = new PointerByReference();
                require(NV.nvpair_value_string(pair, value), "string");
                yield value.getValue().getString(0, StandardCharsets.UTF_8.name());
            }
            case LibNvPair.DATA_TYPE_NVLIST -> {
                PointerByReference value = new PointerByReference();
                require(NV.nvpair_value_nvlist(pair, value), "nvlist");
                // Part of the list it lies in, and freed with it.
                yield copy(value.getValue());
            }
            default -> throw new IllegalStateException("nvpair " + NV.nvpair_name(pair) + " has type " + type);
        };
    }

    private static void require(int errno, String what) {
        if (errno != 0) {
            throw new IllegalStateException("libnvpair refused " + what + ": errno " + errno);
        }
    }

    @Override
    public void close() {
        NV.nvlist_free(list);
    }
}
