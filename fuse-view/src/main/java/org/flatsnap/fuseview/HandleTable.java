package org.flatsnap.fuseview;

import java.io.IOException;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** What programs have open, by the handle the kernel gives back with each request. Safe for use by several threads. */
final class HandleTable<T> {

    private final Map<Long, T> open = new ConcurrentHashMap<>();
    private final AtomicLong last = new AtomicLong();

    long add(T opened) {
        long handle = last.incrementAndGet();
        open.put(handle, opened);
        return handle;
    }

    /** @throws IOException if nothing is open under this handle */
    T get(long handle) throws IOException {
        return existing(handle, open.get(handle));
    }

    /** @throws IOException if nothing is open under this handle */
    T remove(long handle) throws IOException {
        return existing(handle, open.remove(handle));
    }

    /** Some element, taken out; null when none is left. */
    T removeAny() {
        Iterator<Long> handles = open.keySet().iterator();
        while (handles.hasNext()) {
            T removed = open.remove(handles.next());
            if (removed != null) {
                return removed;
            }
        }
        return null;
    }

    Iterable<T> all() {
        return open.values();
    }

    private T existing(long handle, T found) throws IOException {
        if (found == null) {
            throw new IOException("nothing is open under handle " + handle);
        }
        return found;
    }
}
