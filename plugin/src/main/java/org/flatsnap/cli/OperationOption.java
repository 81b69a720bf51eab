package org.flatsnap.cli;

import java.util.UUID;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The identity of a request that changes something. */
final class OperationOption {
    @Option(
            names = "--operation",
            paramLabel = "UUID",
            converter = Identity.class,
            description = "Repeat an earlier request: it is done once at most, and you get its result.")
    private UUID given;

    private static final class Identity implements ITypeConverter<UUID> {
        @Override
        public UUID convert(String text) {
            try {
                UUID id = UUID.fromString(text);
                if (id.toString().equalsIgnoreCase(text)) {
                    return id;
                }
            } catch (IllegalArgumentException e) {
                throw malformed(text);
            }
            throw malformed(text);
        }

        private static TypeConversionException malformed(String text) {
            return new TypeConversionException("'" + text + "' is not a UUID; uuidgen makes one");
        }
    }

    UUID id() {
        return given == null ? UUID.randomUUID() : given;
    }
}
