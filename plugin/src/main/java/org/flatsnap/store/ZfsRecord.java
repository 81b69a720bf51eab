package org.flatsnap.store;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.InflaterInputStream;
import org.flatsnap.linux.zfs.SnapshotName;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;

/**
 * What is known about a snapshot, as user properties of the ZFS snapshot of its first disk: the text of {@code snapshot.json},
 * compressed (RFC 1950), in Base64, split because a value must stay below 8 KiB. The first value begins with the number of
 * parts and a dot; what an earlier, longer record left behind that number does not count.
 */
final class ZfsRecord {
    private static final String PROPERTY = ZfsNames.PROPERTIES + "record.";
    private static final int PART = 8000;
    private static final int MAX_PARTS = 8;

    private ZfsRecord() {}

    /** The properties to ask for. */
    static List<String> properties() {
        return IntStream.range(0, MAX_PARTS).mapToObj(i -> PROPERTY + i).toList();
    }

    /** The properties to set, all at once. */
    static Map<String, String> of(Snapshot snapshot) {
        return encode(CheckedFile.text(snapshot), snapshot);
    }

    static Map<String, String> encode(String text, Object name) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DeflaterOutputStream deflater = new DeflaterOutputStream(bytes)) {
            deflater.write(text.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new IllegalStateException("memory does not fail", e);
        }
        String encoded = Base64.getEncoder().encodeToString(bytes.toByteArray());
        int parts = Math.max(1, (encoded.length() + PART - 1) / PART);
        if (parts > MAX_PARTS) {
            throw new Problem(
                    Problem.Code.INVALID,
                    "cannot record " + name,
                    "what is to be said about it takes " + encoded.length() + " characters, and ZFS has room for "
                            + PART * MAX_PARTS,
                    "Shorten description and tags");
        }
        Map<String, String> properties = new LinkedHashMap<>();
        for (int i = 0; i < parts; i++) {
            String part = encoded.substring(i * PART, Math.min(encoded.length(), (i + 1) * PART));
            properties.put(PROPERTY + i, i == 0 ? parts + "." + part : part);
        }
        return properties;
    }

    /**
     * The text.
     *
     * @param values gives a property's value, null if it is not set
     * @throws Problem with code INTERNAL if it is damaged
     */
    static String text(SnapshotName name, Function<String, String> values) {
        String first = values.apply(PROPERTY + 0);
        if (first == null) {
            throw CheckedFile.damaged(name, "its property " + PROPERTY + "0 is gone", null);
        }
        try {
            int dot = first.indexOf('.');
            int parts = Integer.parseInt(first.substring(0, dot));
            if (parts < 1 || parts > MAX_PARTS) {
                throw CheckedFile.damaged(name, "it says that it has " + parts + " properties", null);
            }
            StringBuilder encoded = new StringBuilder(first.substring(dot + 1));
            for (int i = 1; i < parts; i++) {
                String part = values.apply(PROPERTY + i);
                if (part == null) {
                    throw CheckedFile.damaged(name, "its property " + PROPERTY + i + " is gone", null);
                }
                encoded.append(part);
            }
            byte[] bytes = Base64.getDecoder().decode(encoded.toString());
            try (InflaterInputStream inflater = new InflaterInputStream(new ByteArrayInputStream(bytes))) {
                return new String(inflater.readAllBytes(), StandardCharsets.UTF_8);
            }
        } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException e) {
            throw CheckedFile.damaged(name, "its properties are not what flatsnap wrote", e);
        }
    }

    static Snapshot read(SnapshotName name, Function<String, String> values) {
        return CheckedFile.parse(text(name, values), name, Snapshot.class);
    }
}
