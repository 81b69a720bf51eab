package org.flatsnap.linux.zfs;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What ZFS takes as properties, checked before it is asked: names by zfs_prop_user() in zfs_prop.c, lengths by sys/fs/zfs.h.
 */
final class PropertyRules {
    /** {@code zfs_prop_user()} in zfs_prop.c; the length is {@code ZAP_MAXNAMELEN} without the final NUL. */
    private static final Pattern USER_NAME = Pattern.compile("(?=.{1,255}$)(?!-)[a-z0-9_.:-]*:[a-z0-9_.:-]*");

    private static final Pattern NATIVE_NAME = Pattern.compile("[a-z][a-z0-9_@.:/-]*");

    /** {@code ZAP_MAXVALUELEN}, of which the final NUL is one. */
    static final int VALUE_LIMIT = 8 * 1024;

    private PropertyRules() {}

    static boolean isUser(String name) {
        return name.indexOf(':') >= 0;
    }

    /** Checks user properties. */
    static void requireUser(String call, Object subject, Map<String, String> properties) throws ZfsException {
        for (Map.Entry<String, String> property : properties.entrySet()) {
            String name = property.getKey();
            if (!USER_NAME.matcher(name).matches()) {
                throw refusal(
                        call,
                        subject,
                        ZfsErrno.EINVAL,
                        "'" + name + "' is no name of a user property",
                        "Use lower-case letters, digits and -_.: with one colon at least, at most 255 characters");
            }
            requireValue(call, subject, name, property.getValue());
        }
    }

    /** Checks properties of either kind as far as it can be done without knowing them all. */
    static void requireAny(String call, Object subject, Map<String, String> properties) throws ZfsException {
        for (Map.Entry<String, String> property : properties.entrySet()) {
            requireName(call, subject, property.getKey());
            requireValue(call, subject, property.getKey(), property.getValue());
        }
    }

    /** Checks that it can be a property's name, so that no program takes it for an option or for several. */
    static void requireName(String call, Object subject, String name) throws ZfsException {
        if (isUser(name)) {
            requireUser(call, subject, Map.of(name, ""));
        } else if (!NATIVE_NAME.matcher(name).matches()) {
            throw refusal(call, subject, ZfsErrno.EINVAL, "'" + name + "' is no name of a property", "See zfsprops(7)");
        }
    }

    private static void requireValue(String call, Object subject, String name, String value) throws ZfsException {
        int length = value.getBytes(StandardCharsets.UTF_8).length;
        if (length >= VALUE_LIMIT) {
            throw refusal(
                    call,
                    subject,
                    ZfsErrno.E2BIG,
                    "the value of " + name + " has " + length + " bytes",
                    "A value must stay below " + VALUE_LIMIT + " bytes, split it");
        }
        if (value.chars().anyMatch(character -> character < ' ')) {
            throw refusal(
                    call,
                    subject,
                    ZfsErrno.EINVAL,
                    "the value of " + name + " has control characters",
                    "Encode the value as plain text on one line");
        }
    }

    private static ZfsException refusal(String call, Object subject, ZfsErrno errno, String why, String remedy) {
        return ZfsException.of(call, subject, errno.number(), new Diagnosis(why, remedy));
    }
}
