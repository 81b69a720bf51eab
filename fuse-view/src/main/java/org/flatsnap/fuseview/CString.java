package org.flatsnap.fuseview;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import jnr.ffi.Pointer;

/**
 * Text as C has it, in UTF-8 with a zero at the end. jnr-ffi's own conversion goes by the platform's character set, which
 * a service started without a locale does not have.
 */
final class CString {

    private CString() {}

    static byte[] encode(String text) {
        return (text + '\0').getBytes(StandardCharsets.UTF_8);
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
}
