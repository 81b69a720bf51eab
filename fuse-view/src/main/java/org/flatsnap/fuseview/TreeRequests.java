package org.flatsnap.fuseview;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import jnr.constants.platform.Errno;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import org.flatsnap.fuseview.OperationTable.Slot;
import org.flatsnap.fuseview.Responder.Answer;
import org.flatsnap.fuseview.Responder.Finder;
import org.flatsnap.fuseview.Responder.Step;

/**
 * Answers the kernel's requests out of a tree. Requests that would change something never arrive: the mount is read-only.
 * Called by all threads of the mount at once. libfuse takes back a request's arguments when its callback returns, which
 * may be before the answer.
 */
final class TreeRequests {

    /** Where copying costs less than to go through a pipe. */
    private static final int SMALL_READ = 4096;
    /** May hang as any source may. */
    private static final Object CAPACITY = "what knows the room of all";

    private final LibFuse.Functions fuse;
    private final Device device;
    private final Runtime runtime;
    private final Tree tree;
    private final Responder responder;
    private final NodeTable nodes;
    private final HandleTable<OpenRegularFile> files = new HandleTable<>();
    private final Listings listings = new Listings();
    private final SparseSeek seek;
    private final ThreadLocal<ReplyMemory> memory;
    private final boolean kept;

    TreeRequests(LibFuse.Functions fuse, LibFuse.SystemCalls system, Device device, Responder responder, Tree tree)
            throws IOException {
        this.fuse = fuse;
        this.device = device;
        this.runtime = Runtime.getRuntime(fuse);
        this.tree = tree;
        this.responder = responder;
        this.seek = new SparseSeek(system);
        Duration validity = tree.validity();
        this.kept = !validity.isZero();
        this.memory = ThreadLocal.withInitial(() -> new ReplyMemory(runtime, validity, new Pipe(system, device)));
        Directory root = tree.root();
        this.nodes = new NodeTable(root, root.attributes().inode());
    }

    NodeTable nodes() {
        return nodes;
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

    /**
     * Notes which request this thread has received, and answers it if libfuse does not know such requests.
     *
     * @return whether there is nothing left to be done for it
     */
    boolean received(Pointer bytes) {
        long unique = bytes.getLongLong(Incoming.UNIQUE);
        memory.get().received(unique);
        if (bytes.getInt(Incoming.OPCODE) != SparseSeek.OPCODE) {
            return false;
        }
        long id = bytes.getLongLong(Incoming.NODE);
        seek(request(0, "seek in", id), bytes.getLongLong(SparseSeek.HANDLE), bytes);
        return true;
    }

    /** The calling thread serves no more. */
    void threadEnds() {
        memory.get().close();
        memory.remove();
    }

    /** Closes what programs had open when the mount ended: the kernel does not say so any more. */
    void closeAll() {
        for (OpenRegularFile file = files.removeAny(); file != null; file = files.removeAny()) {
            OpenRegularFile left = file;
            responder.finish("close", left.node()::path, left::close);
        }
    }

    private Request request(long address, String operation, long node) {
        Supplier<String> subject = () -> path(node);
        return new Request(address, memory.get().unique(), operation, subject, System.nanoTime());
    }

    private void answer(long request, String operation, long node, Finder finder) {
        responder.answer(request(request, operation, node), finder);
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
                return Step.here(() -> responder.error(Errno.ENOENT));
            }
            Optional<Node> child = directory.child(name);
            if (child.isEmpty()) {
                return Step.here(() -> responder.error(Errno.ENOENT));
            }
            return new Step(child.get().source(), () -> found(parent, name, child.get()));
        });
    }

    private Answer found(KnownNode parent, String name, Node child) throws IOException {
        Attributes attributes = child.attributes();
        KnownNode known = nodes.refer(parent, name, child, attributes.inode());
        EntryParameters entry = memory.get().entry();
        entry.write(known.id(), known.node(), attributes);
        return r -> {
            if (fuse.fuse_reply_entry(r.address(), entry.memory()) != 0) {
                nodes.forget(known.id(), 1);
            }
        };
    }

    private void forget(long request, long id, long count) {
        responder.finish("forget", () -> path(id), () -> {
            if (nodes.forget(id, count)) {
                listings.forget(id);
            }
        });
        fuse.fuse_reply_none(request);
    }

    private void getattr(long request, long id, long fileInformation) {
        answer(request, "attributes of", id, () -> {
            KnownNode known = nodes.get(id);
            if (fileInformation != 0 && known.node() instanceof RegularFile) {
                // What the file had when it was opened.
                OpenRegularFile file = files.get(new FileInformation(runtime, fileInformation).handle());
                return Step.here(() -> attributes(known, file.attributes()));
            }
            return new Step(known.node().source(), () -> attributes(known, present(known)));
        });
    }

    private Answer attributes(KnownNode known, Attributes attributes) {
        EntryParameters entry = memory.get().entry();
        entry.write(known.node(), attributes);
        return r -> fuse.fuse_reply_attr(r.address(), entry.statMemory(), entry.timeout());
    }

    /** Of one that is gone but open, what it had when it was opened. */
    private Attributes present(KnownNode known) throws IOException {
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
            SymbolicLink link = nodes.get(id).symbolicLink();
            return new Step(link.source(), () -> {
                byte[] target = CString.encode(link.target());
                return r -> fuse.fuse_reply_readlink(r.address(), target);
            });
        });
    }

    private void open(long request, long id, long fileInformation) {
        answer(request, "open", id, () -> {
            KnownNode known = nodes.get(id);
            RegularFile regular = known.regularFile();
            boolean direct = new FileInformation(runtime, fileInformation).direct() || regular.isReplaced();
            return new Step(regular.source(), () -> {
                OpenRegularFile file = OpenRegularFile.open(known);
                long handle = files.add(file);
                FileInformation opened = memory.get().fileInformation().opened(handle, direct);
                return r -> {
                    // The kernel sends no release for an opening that nobody waits for any longer.
                    if (fuse.fuse_reply_open(r.address(), opened.address()) != 0) {
                        responder.finish(
                                "close", known::path, () -> files.remove(handle).close());
                    }
                };
            });
        });
    }

    private void release(long request, long id, long fileInformation) {
        long handle = new FileInformation(runtime, fileInformation).handle();
        // Never refused: what is not closed here stays open for ever.
        answer(
                request,
                "close",
                id,
                () -> Step.here(() -> {
                    files.remove(handle).close();
                    return responder.success();
                }));
    }

    private void read(long address, long id, long size, long position, long fileInformation) {
        Request request = request(address, "read", id);
        responder.answer(request, () -> {
            OpenRegularFile file = files.get(new FileInformation(runtime, fileInformation).handle());
            return new Step(file.source(), () -> {
                int available = file.available(position, size);
                if (available > SMALL_READ && file.descriptor().isPresent()) {
                    Optional<Answer> answer = spliced(request.unique(), file, position, available);
                    if (answer.isPresent()) {
                        return answer.get();
                    }
                }
                ByteBuffer target = memory.get().data(available);
                file.read(target, position);
                return bytes(target.flip());
            });
        });
    }

    private Optional<Answer> spliced(long unique, OpenRegularFile file, long position, int size) throws IOException {
        Pipe pipe = memory.get().pipe();
        return file.fill(pipe, unique, position, size)
                ? Optional.of(r -> {
                    pipe.send(size);
                    // libfuse frees its part.
                    fuse.fuse_reply_none(r.address());
                })
                : Optional.empty();
    }

    private void seek(Request request, long handle, Pointer arguments) {
        long from = arguments.getLongLong(SparseSeek.POSITION);
        int whence = arguments.getInt(SparseSeek.WHENCE);
        responder.answer(request, () -> {
            OpenRegularFile file = files.get(handle);
            return new Step(file.source(), () -> {
                OptionalInt descriptor = file.descriptor();
                long position =
                        seek.find(descriptor, from, whence, file.attributes().size());
                if (position < 0) {
                    return responder.error(Errno.ENXIO);
                }
                return r -> device.send(memory.get().number(position), r.unique(), 0, Long.BYTES);
            });
        });
    }

    /**
     * After ENOSYS the kernel opens and closes directories without asking, and keeps their listings until it is told or
     * sees another time of last change. So this goes only where it is told.
     */
    private void opendir(long request, long id, long fileInformation) {
        answer(
                request,
                "open",
                id,
                () -> Step.here(() -> {
                    if (kept) {
                        return responder.error(Errno.ENOSYS);
                    }
                    nodes.get(id).directory();
                    FileInformation opened = memory.get().fileInformation().opened(0, false);
                    return r -> fuse.fuse_reply_open(r.address(), opened.address());
                }));
    }

    private void releasedir(long request, long id, long fileInformation) {
        answer(request, "close", id, () -> Step.here(responder::success));
    }

    private void readdir(long request, long id, long size, long position, long fileInformation) {
        answer(request, "listing of", id, () -> {
            KnownNode known = nodes.get(id);
            return new Step(known.directory().source(), () -> {
                ByteBuffer target = memory.get().data(size);
                listings.read(known, target, position);
                return bytes(target.flip());
            });
        });
    }

    private void statfs(long request, long id) {
        answer(
                request,
                "file system of",
                id,
                () -> Step.here(() -> {
                    Pointer fileSystem = memory.get().fileSystem(tree.capacity());
                    return r -> fuse.fuse_reply_statfs(r.address(), fileSystem);
                }));
    }

    private Answer bytes(ByteBuffer bytes) {
        return r -> fuse.fuse_reply_buf(r.address(), bytes, bytes.limit());
    }
}
