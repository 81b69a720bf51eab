package org.flatsnap.view;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Function;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.fuseview.Attributes;
import org.flatsnap.fuseview.Directory;
import org.flatsnap.fuseview.DirectoryEntry;
import org.flatsnap.fuseview.Node;
import org.flatsnap.fuseview.OpenFile;
import org.flatsnap.fuseview.RegularFile;
import org.flatsnap.model.Problem;
import org.flatsnap.query.Moments;
import org.flatsnap.query.QueryLanguage;

/**
 * Directories that are found by name and stand in no listing, so that {@code find} meets each snapshot once:
 *
 * <pre>
 * /.search/&lt;query&gt;/&lt;vm&gt;@&lt;name&gt; -> ../../&lt;vm&gt;/&lt;yyyy-mm-dd&gt;/&lt;name&gt;
 *                  error.txt           instead, where the query is wrong: why
 * /.search/&lt;query&gt;/&lt;id&gt; -> ../../.retired/&lt;vm&gt;/&lt;yyyy-mm-dd&gt;/&lt;name&gt;   of one that is retired
 * /.by-date/&lt;yyyy-mm-dd&gt;/...           the same for a day, today and yesterday
 * /.by-tag/&lt;tag&gt;/...                   the same for a tag
 * </pre>
 *
 * <p>Safe for use by several threads.
 */
final class QueryDirectories {
    private static final String SEARCH = ".search";
    private static final String BY_DATE = ".by-date";
    private static final String BY_TAG = ".by-tag";

    private final Catalog catalog;
    private final TreePaths paths;
    private final ViewAccess access;
    private final QueryLanguage language;

    QueryDirectories(Catalog catalog, TreePaths paths, ViewAccess access, Moments moments) {
        this.catalog = catalog;
        this.paths = paths;
        this.access = access;
        this.language = new QueryLanguage(moments);
    }

    Optional<Node> find(String name) {
        return switch (name) {
            case SEARCH -> Optional.of(new Entrance(SEARCH, this::search, consumer -> {}));
            case BY_DATE -> Optional.of(new Entrance(BY_DATE, this::date, this::dates));
            case BY_TAG -> Optional.of(new Entrance(BY_TAG, this::tag, this::tags));
            default -> Optional.empty();
        };
    }

    private Node found(String entrance, String name, SnapshotQuery query) {
        return new FoundSnapshots(catalog, paths, access, query, entrance + "/" + name);
    }

    private Optional<Node> search(String text) {
        try {
            return Optional.of(found(SEARCH, text, language.parse(text)));
        } catch (Problem e) {
            if (e.code() == Problem.Code.INVALID) {
                return Optional.of(new WrongQuery(text, e.getMessage() + "\n"));
            }
            throw e;
        }
    }

    private Optional<Node> date(String name) {
        return TreePaths.parse(name)
                .filter(day -> paths.has(day, SnapshotQuery.ALL))
                .map(day -> found(BY_DATE, name, paths.on(day, SnapshotQuery.ALL)))
                .or(() -> paths.alias(name)
                        .filter(day -> paths.has(day, SnapshotQuery.ALL))
                        .map(day ->
                                new Link(access, "alias", day.toString(), paths.start(day), List.of(BY_DATE, name))));
    }

    private void dates(Consumer<String> consumer) {
        paths.forEachDay(SnapshotQuery.ALL, day -> consumer.accept(day.toString()));
    }

    private Optional<Node> tag(String name) {
        return catalog.tags().stream()
                .filter(tag -> tag.value().equals(name))
                .findFirst()
                .map(tag -> found(BY_TAG, name, SnapshotQuery.ALL.tagged(new TreeSet<>(List.of(tag)))));
    }

    private void tags(Consumer<String> consumer) {
        catalog.tags().forEach(tag -> consumer.accept(tag.value()));
    }

    private final class Entrance implements Directory {
        private final String name;
        private final Function<String, Optional<Node>> child;
        private final Consumer<Consumer<String>> entries;

        Entrance(String name, Function<String, Optional<Node>> child, Consumer<Consumer<String>> entries) {
            this.name = name;
            this.child = child;
            this.entries = entries;
        }

        @Override
        public boolean isKept() {
            return false;
        }

        @Override
        public Attributes attributes() {
            return Inodes.directory(access, "entrance", Instant.EPOCH, name);
        }

        @Override
        public Optional<Node> child(String wanted) {
            return child.apply(wanted);
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            entries.accept(entry -> consumer.accept(
                    new DirectoryEntry(entry, Kind.DIRECTORY, FoundSnapshots.inode(name + "/" + entry))));
        }
    }

    /** Says what is wrong where somebody looks who cannot be answered otherwise. */
    private final class WrongQuery implements Directory {
        private static final String FILE = "error.txt";
        private final String text;
        private final byte[] explanation;

        WrongQuery(String text, String explanation) {
            this.text = text;
            this.explanation = explanation.getBytes(StandardCharsets.UTF_8);
        }

        private long inode() {
            return Inodes.number("error", text);
        }

        @Override
        public boolean isKept() {
            return false;
        }

        @Override
        public Attributes attributes() {
            return Inodes.directory(access, "found", Instant.EPOCH, SEARCH + "/" + text);
        }

        @Override
        public Optional<Node> child(String name) {
            return name.equals(FILE) ? Optional.of(new Explanation()) : Optional.empty();
        }

        @Override
        public void forEachEntry(Consumer<DirectoryEntry> consumer) {
            consumer.accept(new DirectoryEntry(FILE, Kind.REGULAR_FILE, inode()));
        }

        private final class Explanation implements RegularFile, OpenFile {
            @Override
            public Attributes attributes() {
                return new Attributes(
                        inode(),
                        access.metadata(),
                        access.owner(),
                        access.group(),
                        explanation.length,
                        8,
                        Instant.EPOCH,
                        Instant.EPOCH);
            }

            @Override
            public OpenFile open() {
                return this;
            }

            @Override
            public int read(ByteBuffer target, long position) {
                int length = Math.min(target.remaining(), explanation.length - (int) position);
                target.put(explanation, (int) position, length);
                return length;
            }

            @Override
            public void close() {}
        }
    }
}
