package org.flatsnap.fuseview;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Random;
import java.util.function.Supplier;

/**
 * A tree in memory that tests change while it is mounted.
 *
 * <pre>
 * /
 * ├── hello.txt            "Hello, flatsnap!\n"
 * ├── empty                no byte
 * ├── big.bin              5 MiB and 123 bytes of noise
 * ├── latest               -> docs/guide.txt
 * ├── docs/
 * │   └── guide.txt        "Read me\n"
 * ├── private/             0700
 * │   └── secret.txt       0400
 * ├── names/               one file for each of NAMES, with its own name as content
 * └── .versions/           found by name, never listed
 *     └── one.txt          "1\n"
 * </pre>
 */
final class MemoryTree implements Tree {

    static final String[] NAMES = {
        "Grüße",
        "файл",
        "文件",
        "ファイル",
        "파일",
        "ملف",
        "קובץ",
        "αρχείο",
        "फ़ाइल",
        "\uD83D\uDCBE disk",
        "a b\tc\nd",
        "-rf",
        "\\040"
    };
    static final byte[] BIG = noise(5 * 1024 * 1024 + 123);

    private final MemoryDirectory root = new MemoryDirectory();
    private volatile Supplier<Capacity> room = () -> Capacity.NONE;
    private volatile Duration validity = Duration.ZERO;

    static MemoryTree example() {
        MemoryTree tree = new MemoryTree();
        tree.root.add("hello.txt", new MemoryFile("Hello, flatsnap!\n"));
        tree.root.add("empty", new MemoryFile(""));
        tree.root.add("big.bin", new MemoryFile(BIG));
        tree.root.add("latest", new MemoryLink("docs/guide.txt"));
        MemoryDirectory docs = new MemoryDirectory();
        docs.add("guide.txt", new MemoryFile("Read me\n"));
        tree.root.add("docs", docs);
        MemoryDirectory secrets = new MemoryDirectory(0700);
        secrets.add("secret.txt", new MemoryFile("secret\n".getBytes(StandardCharsets.UTF_8), 0400));
        tree.root.add("private", secrets);
        MemoryDirectory names = new MemoryDirectory();
        for (String name : NAMES) {
            names.add(name, new MemoryFile(name));
        }
        tree.root.add("names", names);
        MemoryDirectory versions = new MemoryDirectory();
        versions.add("one.txt", new MemoryFile("1\n"));
        tree.root.hide(".versions", versions);
        return tree;
    }

    /** What is asked for the tree's room from now on. */
    void room(Supplier<Capacity> asked) {
        room = asked;
    }

    /** For the mounts that follow. */
    void valid(Duration time) {
        validity = time;
    }

    @Override
    public Duration validity() {
        return validity;
    }

    @Override
    public Capacity capacity() {
        return room.get();
    }

    @Override
    public MemoryDirectory root() {
        return root;
    }

    static byte[] noise(int length) {
        byte[] bytes = new byte[length];
        new Random(length).nextBytes(bytes);
        return bytes;
    }
}
