package org.flatsnap.model;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.TypeAdapter;
import com.google.gson.TypeAdapterFactory;
import com.google.gson.reflect.TypeToken;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.lang.reflect.ParameterizedType;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Collection;
import java.util.Optional;
import java.util.function.Function;

/**
 * The one JSON codec. Value types are their text, instants are ISO-8601 in UTC, an empty {@link Optional} is left out.
 *
 * <p>Reading a value that its type refuses throws {@link JsonParseException} or {@link Problem}; nothing is repaired.
 */
public final class Json {
    /** One line, for storage and the wire. Safe for use by several threads. */
    public static final Gson COMPACT = builder().create();

    /** Indented, for people. Safe for use by several threads. */
    public static final Gson PRETTY = builder().setPrettyPrinting().create();

    private Json() {}

    private static GsonBuilder builder() {
        return new GsonBuilder()
                .disableHtmlEscaping()
                .registerTypeAdapterFactory(new OptionalFactory())
                .registerTypeAdapter(Instant.class, text(Json::instant))
                .registerTypeAdapter(VmId.class, text(VmId::new))
                .registerTypeAdapter(VmName.class, text(VmName::new))
                .registerTypeAdapter(SnapshotId.class, text(SnapshotId::new))
                .registerTypeAdapter(SnapshotName.class, text(SnapshotName::new))
                .registerTypeAdapter(DiskName.class, text(DiskName::new))
                .registerTypeAdapter(VolumeName.class, text(VolumeName::new))
                .registerTypeAdapter(Tag.class, text(Tag::new))
                .registerTypeAdapter(Description.class, text(Description::new))
                .registerTypeAdapter(OperationId.class, text(OperationId::parse))
                .registerTypeAdapter(StoreId.class, text(StoreId::parse));
    }

    private static Instant instant(String text) {
        try {
            return Instant.parse(text);
        } catch (DateTimeException e) {
            throw new JsonParseException("not an ISO-8601 time: " + text, e);
        }
    }

    private static <T> TypeAdapter<T> text(Function<String, T> parse) {
        return new TypeAdapter<T>() {
            @Override
            public void write(JsonWriter out, T value) throws IOException {
                out.value(value.toString());
            }

            @Override
            public T read(JsonReader in) throws IOException {
                return parse.apply(in.nextString());
            }
        }.nullSafe();
    }

    /** Leaves a value out while it is false or empty, so that most records do not tell of it. */
    static final class LeftOut implements TypeAdapterFactory {
        @Override
        public <T> TypeAdapter<T> create(Gson gson, TypeToken<T> type) {
            TypeAdapter<T> present = gson.getAdapter(type);
            return new TypeAdapter<>() {
                @Override
                public void write(JsonWriter out, T value) throws IOException {
                    if (Boolean.FALSE.equals(value) || value instanceof Collection<?> values && values.isEmpty()) {
                        out.nullValue();
                    } else {
                        present.write(out, value);
                    }
                }

                @Override
                public T read(JsonReader in) throws IOException {
                    return present.read(in);
                }
            };
        }
    }

    private static final class OptionalFactory implements TypeAdapterFactory {
        @Override
        @SuppressWarnings("unchecked")
        public <T> TypeAdapter<T> create(Gson gson, TypeToken<T> type) {
            if (type.getRawType() != Optional.class) {
                return null;
            }
            var element = ((ParameterizedType) type.getType()).getActualTypeArguments()[0];
            return (TypeAdapter<T>) of((TypeAdapter<Object>) gson.getAdapter(TypeToken.get(element)));
        }

        private static TypeAdapter<Optional<Object>> of(TypeAdapter<Object> element) {
            return new TypeAdapter<>() {
                @Override
                public void write(JsonWriter out, Optional<Object> value) throws IOException {
                    if (value == null || value.isEmpty()) {
                        out.nullValue();
                    } else {
                        element.write(out, value.get());
                    }
                }

                @Override
                public Optional<Object> read(JsonReader in) throws IOException {
                    if (in.peek() == JsonToken.NULL) {
                        in.nextNull();
                        return Optional.empty();
                    }
                    return Optional.of(element.read(in));
                }
            };
        }
    }
}
