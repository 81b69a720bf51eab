package org.flatsnap.fuseview;

import java.io.IOException;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** A directory in memory. */
final class MemoryDirectory implements Directory {

    private final Map<String, Node> children = new ConcurrentSkipListMap<>();
    private final Set<String> hidden = ConcurrentHashMap.newKeySet();
    private final AtomicInteger asked = new AtomicInteger();
    private final Attributes attributes;

    MemoryDirectory() {
        this(0555);
    }

    MemoryDirectory(int permissions) {
        attributes = InodeNumbers.attributes(InodeNumbers.next(), permissions, 0);
    }

    void add(String name, Node node) {
        children.put(name, node);
    }

    void hide(String name, Node node) {
        hidden.add(name);
        children.put(name, node);
    }

    void remove(String name) {
        children.remove(name);
    }

    /** How often the mount has asked for anything. */
    int asked() {
        return asked.get();
    }

    @Override
    public Attributes attributes() {
        asked.incrementAndGet();
        return attributes;
    }

    @Override
    public Optional<Node> child(String name) {
        asked.incrementAndGet();
        return Optional.ofNullable(children.get(name));
    }

    @Override
    public void forEachEntry(Consumer<DirectoryEntry> consumer) throws IOException {
        asked.incrementAndGet();
        for (Map.Entry<String, Node> child : children.entrySet()) {
            if (!hidden.contains(child.getKey())) {
                Node node = child.getValue();
                consumer.accept(new DirectoryEntry(child.getKey(), node.kind(), inode(node)));
            }
        }
    }

    private static long inode(Node node) throws IOException {
        return node instanceof FaultyNode faulty
                ? faulty.inode()
                : node.attributes().inode();
    }
}
