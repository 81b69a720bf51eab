package org.flatsnap.fuseview;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import jnr.ffi.Pointer;

/**
 * Text as C has it, in UTF-8 with a zero at the end. jnr-ffi's own conversion goes by the platform's character set, which
 * a service started without a locale does not have.
 */
final class CString {

    private CString() {}

    /** @throws IllegalArgumentException if the text has no such form: half a surrogate pair, or a zero inside */
    static byte[] encode(String text) {
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a zero inside of '" + text + "'");
        }
        try {
            ByteBuffer encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
            return terminated(encoded);
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("no UTF-8 form: '" + text + "'", e);
        }
    }

    /** @throws CharacterCodingException if the bytes are not valid UTF-8 */
    static String decode(Pointer text) throws CharacterCodingException {
        byte[] bytes = new byte[text.indexOf(0, (byte) 0)];
        text.get(0, bytes, 0, bytes.length);
        return StandardCharsets.UTF_8
                .newDecoder()
                .decode(ByteBuffer.wrap(bytes))
                .toString();
    }

    private static byte[] terminated(ByteBuffer encoded) {
        byte[] bytes = new byte[encoded.remaining() + 1];
        encoded.get(bytes, 0, encoded.remaining());
        return bytes;
    }
}
