package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.NoSuchFileException;
import java.util.Optional;
import jnr.constants.platform.Errno;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import org.flatsnap.fuseview.OperationTable.Slot;
import org.flatsnap.fuseview.Responder.Answer;
import org.flatsnap.fuseview.Responder.Handler;

/**
 * Answers the kernel's requests out of a tree. Requests that would change something never arrive: the mount is read-only.
 * Called by all threads of the mount at once.
 */
final class TreeRequests {

    private final LibFuse.Functions fuse;
    private final Runtime runtime;
    private final Responder responder;
    private final NodeTable nodes;
    private final HandleTable<OpenRegularFile> files = new HandleTable<>();
    private final HandleTable<OpenDirectory> directories = new HandleTable<>();
    private final ThreadLocal<ReplyMemory> memory;

    TreeRequests(LibFuse.Functions fuse, Tree tree) throws IOException {
        this.fuse = fuse;
        this.runtime = Runtime.getRuntime(fuse);
        this.responder = new Responder(fuse);
        this.memory = ThreadLocal.withInitial(() -> new ReplyMemory(runtime));
        Directory root = tree.root();
        this.nodes = new NodeTable(root, root.attributes().inode());
    }

    OperationTable operations() {
        OperationTable table = new OperationTable(runtime);
        table.bind(Slot.LOOKUP, this::lookup);
        table.bind(Slot.FORGET, this::forget);
        table.bind(Slot.GETATTR, this::getattr);
        table.bind(Slot.READLINK, this::readlink);
        table.bind(Slot.OPEN, this::open);
        table.bind(Slot.READ, this::read);
        table.bind(Slot.RELEASE, this::release);
        table.bind(Slot.OPENDIR, this::opendir);
        table.bind(Slot.READDIR, this::readdir);
        table.bind(Slot.RELEASEDIR, this::releasedir);
        table.bind(Slot.STATFS, this::statfs);
        return table;
    }

    /** Closes what programs had open when the mount ended: the kernel does not say so any more. */
    void closeAll() {
        for (OpenRegularFile file = files.removeAny(); file != null; file = files.removeAny()) {
            OpenRegularFile left = file;
            responder.finish("close", left.node()::path, left::close);
        }
    }

    private void answer(long request, String operation, long node, Handler handler) {
        responder.answer(request, operation, () -> path(node), handler);
    }

    private String path(long node) {
        return nodes.find(node).map(KnownNode::path).orElse("node " + node);
    }

    private void lookup(long request, long parentId, long nameAddress) {
        answer(request, "look-up in", parentId, () -> {
            KnownNode parent = nodes.get(parentId);
            Directory directory = parent.directory();
            String name;
            try {
                name = CString.decode(Pointer.wrap(runtime, nameAddress));
            } catch (CharacterCodingException e) {
                return responder.error(Errno.ENOENT);
            }
            Optional<Node> child = directory.child(name);
            if (child.isEmpty()) {
                return responder.error(Errno.ENOENT);
            }
            Attributes attributes = child.get().attributes();
            KnownNode known = nodes.refer(parent, name, child.get(), attributes.inode());
            EntryParameters entry = memory.get().entry();
            entry.write(known.id(), known.node().kind(), attributes);
            return r -> {
                if (fuse.fuse_reply_entry(r, entry.memory()) != 0) {
                    nodes.forget(known.id(), 1);
                }
            };
        });
    }

    private void forget(long request, long id, long count) {
        responder.answer(request, "forget", () -> path(id), () -> {
            nodes.forget(id, count);
            return fuse::fuse_reply_none;
        });
    }

    private void getattr(long request, long id, long fileInformation) {
        answer(request, "attributes of", id, () -> {
            KnownNode known = nodes.get(id);
            EntryParameters entry = memory.get().entry();
            entry.write(known.node().kind(), attributes(known, fileInformation));
            return r -> fuse.fuse_reply_attr(r, entry.statMemory(), EntryParameters.TIMEOUT);
        });
    }

    /** A request through an open file, or for one that is gone but open, gets what the file had when it was opened. */
    private Attributes attributes(KnownNode known, long fileInformation) throws IOException {
        if (fileInformation != 0 && known.node() instanceof RegularFile) {
            return files.get(new FileInformation(runtime, fileInformation).handle())
                    .attributes();
        }
        try {
            return known.node().attributes();
        } catch (NoSuchFileException gone) {
            for (OpenRegularFile file : files.all()) {
                if (file.node().id() == known.id()) {
                    return file.attributes();
                }
            }
            throw gone;
        }
    }

    private void readlink(long request, long id) {
        answer(request, "target of", id, () -> {
            byte[] target = CString.encode(nodes.get(id).symbolicLink().target());
            return r -> fuse.fuse_reply_readlink(r, target);
        });
    }

    private void open(long request, long id, long fileInformation) {
        answer(request, "open", id, () -> {
            OpenRegularFile file = OpenRegularFile.open(nodes.get(id));
            long handle = files.add(file);
            return opened(fileInformation, handle, () -> files.remove(handle).close(), file.node());
        });
    }

    private void release(long request, long id, long fileInformation) {
        answer(request, "close", id, () -> {
            files.remove(new FileInformation(runtime, fileInformation).handle()).close();
            return responder.success();
        });
    }

    private void read(long request, long id, long size, long position, long fileInformation) {
        answer(request, "read", id, () -> {
            ByteBuffer target = memory.get().data(size);
            files.get(new FileInformation(runtime, fileInformation).handle()).read(target, position);
            return bytes(target.flip());
        });
    }

    private void opendir(long request, long id, long fileInformation) {
        answer(request, "open", id, () -> {
            KnownNode known = nodes.get(id);
            known.directory();
            long handle = directories.add(new OpenDirectory(known));
            return opened(fileInformation, handle, () -> directories.remove(handle), known);
        });
    }

    private void releasedir(long request, long id, long fileInformation) {
        answer(request, "close", id, () -> {
            directories.remove(new FileInformation(runtime, fileInformation).handle());
            return responder.success();
        });
    }

    private void readdir(long request, long id, long size, long position, long fileInformation) {
        answer(request, "listing of", id, () -> {
            ByteBuffer target = memory.get().data(size);
            directories
                    .get(new FileInformation(runtime, fileInformation).handle())
                    .read(target, position);
            return bytes(target.flip());
        });
    }

    private void statfs(long request, long id) {
        answer(request, "file system of", id, () -> {
            Pointer fileSystem = memory.get().fileSystem();
            return r -> fuse.fuse_reply_statfs(r, fileSystem);
        });
    }

    private Answer bytes(ByteBuffer bytes) {
        return r -> fuse.fuse_reply_buf(r, bytes, bytes.limit());
    }

    /** The kernel sends no release for an opening that nobody waits for any longer, so that is undone here. */
    private Answer opened(long fileInformation, long handle, Responder.Finisher undo, KnownNode node) {
        new FileInformation(runtime, fileInformation).handle(handle);
        return r -> {
            if (fuse.fuse_reply_open(r, fileInformation) != 0) {
                responder.finish("close", node::path, undo);
            }
        };
    }
}
