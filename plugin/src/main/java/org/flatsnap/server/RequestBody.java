package org.flatsnap.server;

import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.reflect.TypeToken;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import io.javalin.http.Context;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quoted;

/** The JSON object that came with a request. Nothing is guessed: what the path does not take, or not so, is refused. */
final class RequestBody {
    private static final int MAX_BYTES = 64 << 10;
    // Unlike that of JsonObject, Gson's adapter of maps refuses a key that stands twice.
    private static final TypeToken<Map<String, JsonElement>> OBJECT = new TypeToken<>() {};

    private final Map<String, JsonElement> members;

    private RequestBody(Map<String, JsonElement> members) {
        this.members = members;
    }

    /**
     * Reads the body; none at all is an empty object.
     *
     * @param keys what it may have
     */
    static RequestBody of(Context context, Set<String> keys) throws IOException {
        String text = text(context);
        Map<String, JsonElement> members = text.isBlank() ? Map.of() : parse(text);
        refuseUnknown(members, keys);
        return new RequestBody(members);
    }

    private static void refuseUnknown(Map<String, JsonElement> members, Set<String> keys) {
        for (String key : members.keySet()) {
            if (!keys.contains(key)) {
                throw malformed(
                        "it has the unknown key " + Quoted.of(key),
                        keys.isEmpty() ? "Send none" : "Use " + String.join(", ", new TreeSet<>(keys)));
            }
        }
    }

    private static String text(Context context) throws IOException {
        byte[] bytes;
        try (InputStream in = context.req().getInputStream()) {
            bytes = in.readNBytes(MAX_BYTES + 1);
        }
        if (bytes.length > MAX_BYTES) {
            throw malformed("it has more than " + MAX_BYTES + " bytes", "Send less");
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw malformed("it is not valid UTF-8", "Encode it in UTF-8");
        }
    }

    private static Map<String, JsonElement> parse(String text) throws IOException {
        JsonReader reader = new JsonReader(new StringReader(text));
        reader.setStrictness(Strictness.STRICT);
        try {
            if (reader.peek() == JsonToken.BEGIN_OBJECT) {
                Map<String, JsonElement> members =
                        Json.COMPACT.getAdapter(OBJECT).read(reader);
                if (reader.peek() == JsonToken.END_DOCUMENT) {
                    return members;
                }
            }
        } catch (JsonParseException | MalformedJsonException | EOFException | IllegalStateException e) {
            throw malformed(
                    "it is not well-formed at " + Quoted.of(reader.getPath()), "Send one JSON object, RFC 8259");
        }
        throw malformed("it is not one JSON object", "Send one JSON object, RFC 8259");
    }

    boolean isEmpty() {
        return members.isEmpty();
    }

    Optional<String> text(String key) {
        return member(key).map(value -> string(key, value, "a string"));
    }

    String requiredText(String key) {
        return text(key).orElseThrow(() -> malformed("its key '" + key + "' is missing", "Add it, a string"));
    }

    Optional<Boolean> flag(String key) {
        return member(key).map(value -> {
            if (value instanceof JsonPrimitive primitive && primitive.isBoolean()) {
                return primitive.getAsBoolean();
            }
            throw wrongType(key, "true or false");
        });
    }

    /** A whole number. */
    Optional<Long> number(String key) {
        String expected = "a whole number below 2^63";
        return member(key).map(value -> {
            if (value instanceof JsonPrimitive primitive && primitive.isNumber()) {
                try {
                    return new BigDecimal(primitive.getAsString()).longValueExact();
                } catch (ArithmeticException | NumberFormatException e) {
                    throw wrongType(key, expected);
                }
            }
            throw wrongType(key, expected);
        });
    }

    long requiredNumber(String key) {
        return number(key).orElseThrow(() -> malformed("its key '" + key + "' is missing", "Add it, a whole number"));
    }

    /**
     * An object in it.
     *
     * @param keys what that may have
     */
    Optional<RequestBody> object(String key, Set<String> keys) {
        return member(key).map(value -> {
            if (!value.isJsonObject()) {
                throw wrongType(key, "an object");
            }
            Map<String, JsonElement> inner = value.getAsJsonObject().asMap();
            refuseUnknown(inner, keys);
            return new RequestBody(inner);
        });
    }

    List<String> texts(String key) {
        String expected = "a list of strings";
        return member(key)
                .map(value -> {
                    if (!value.isJsonArray()) {
                        throw wrongType(key, expected);
                    }
                    return value.getAsJsonArray().asList().stream()
                            .map(element -> string(key, element, expected))
                            .toList();
                })
                .orElse(List.of());
    }

    private Optional<JsonElement> member(String key) {
        return Optional.ofNullable(members.get(key));
    }

    private static String string(String key, JsonElement value, String expected) {
        if (value instanceof JsonPrimitive primitive && primitive.isString()) {
            return primitive.getAsString();
        }
        throw wrongType(key, expected);
    }

    private static Problem wrongType(String key, String expected) {
        return malformed("its key '" + key + "' is not " + expected, "Send " + expected + ", or leave the key out");
    }

    private static Problem malformed(String why, String remedy) {
        return new Problem(Code.INVALID, "cannot read the body of the request", why, remedy);
    }
}
