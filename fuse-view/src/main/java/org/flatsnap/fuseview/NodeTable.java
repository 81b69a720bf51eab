package org.flatsnap.fuseview;

import java.nio.file.FileSystemException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.eclipse.collections.api.map.primitive.MutableLongObjectMap;
import org.eclipse.collections.impl.map.mutable.primitive.LongObjectHashMap;

/**
 * The nodes the kernel refers to, and how often it was told of each. A node leaves when the kernel has forgotten it as
 * often. Ids are never used twice in one mount, so that a node that replaces another under its name has its own pages in
 * the kernel's cache. The kernel may refer to every node there is, so each costs about a hundred bytes and what the tree
 * keeps of it. Safe for use by several threads.
 */
final class NodeTable {

    /** FUSE_ROOT_ID of {@code fuse_lowlevel.h}; the kernel never forgets it. */
    static final long ROOT_ID = 1;

    private final MutableLongObjectMap<Referred> byId = new LongObjectHashMap<>();
    private final MutableLongObjectMap<Referred> byInode = new LongObjectHashMap<>();
    private final KnownNode root;
    private long lastId = ROOT_ID;

    NodeTable(Directory root, long rootInode) {
        this.root = new KnownNode(ROOT_ID, rootInode, root, null, "");
    }

    synchronized Optional<KnownNode> find(long id) {
        if (id == ROOT_ID) {
            return Optional.of(root);
        }
        return Optional.ofNullable(byId.get(id)).map(referred -> referred.known);
    }

    /** @throws FileSystemException if the kernel has forgotten this id, or never knew it */
    KnownNode get(long id) throws FileSystemException {
        return find(id).orElseThrow(() -> new FileSystemException("node " + id, null, "unknown to the mount"));
    }

    /** Notes that the kernel is about to be told of {@code node} once more. */
    synchronized KnownNode refer(KnownNode parent, String name, Node node, long inode) throws FileSystemException {
        if (inode == root.inode()) {
            throw new FileSystemException(parent.path(), name, "has the inode number of the root, " + inode);
        }
        Referred referred = byInode.get(inode);
        if (referred == null || referred.known.node().kind() != node.kind()) {
            referred = new Referred(++lastId);
            byId.put(referred.id, referred);
            byInode.put(inode, referred);
        }
        referred.known = new KnownNode(referred.id, inode, node, parent, name);
        referred.count++;
        return referred.known;
    }

    /** Whether nothing of it is left. */
    synchronized boolean forget(long id, long count) {
        Referred referred = byId.get(id);
        if (referred == null) {
            return id != ROOT_ID;
        }
        referred.count -= count;
        if (referred.count <= 0) {
            byId.remove(id);
            if (byInode.get(referred.known.inode()) == referred) {
                byInode.remove(referred.known.inode());
            }
            return true;
        }
        return false;
    }

    /** The node the kernel knows for an inode number. */
    synchronized Optional<KnownNode> findInode(long inode) {
        if (inode == root.inode()) {
            return Optional.of(root);
        }
        return Optional.ofNullable(byInode.get(inode)).map(referred -> referred.known);
    }

    /** All nodes the kernel refers to, parents first. */
    synchronized List<KnownNode> all() {
        List<KnownNode> all = new ArrayList<>(byId.size() + 1);
        all.add(root);
        byId.forEachValue(referred -> all.add(referred.known));
        all.sort(Comparator.comparingInt(KnownNode::depth));
        return all;
    }

    synchronized int size() {
        return byId.size();
    }

    private static final class Referred {
        private final long id;
        private KnownNode known;
        private long count;

        private Referred(long id) {
            this.id = id;
        }
    }
}
