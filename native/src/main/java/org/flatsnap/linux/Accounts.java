package org.flatsnap.linux;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The users and groups of this host, from wherever it has them (files, LDAP, SSSD: nsswitch.conf(5)). Safe for use by several
 * threads.
 */
public final class Accounts {
    private static final AccountLibrary C =
            Native.load("c", AccountLibrary.class, Map.of(Library.OPTION_STRING_ENCODING, "UTF-8"));

    // Offsets on 64-bit Linux, from pwd.h and grp.h: two pointers stand before the numbers.
    private static final int PW_UID = 16;
    private static final int PW_GID = 20;
    private static final int GR_GID = 16;
    private static final int STRUCT_SIZE = 64;
    private static final int FIRST_BUFFER = 4 << 10;
    // A group of many thousands of members fits.
    private static final int LARGEST_BUFFER = 4 << 20;
    private static final int FIRST_GROUPS = 64;

    private Accounts() {}

    /** getpwnam_r(3), getgrnam_r(3), getgrouplist(3), geteuid(2). */
    private interface AccountLibrary extends Library {
        int getpwnam_r(String name, Memory user, Memory buffer, long size, PointerByReference result);

        int getgrnam_r(String name, Memory group, Memory buffer, long size, PointerByReference result);

        int getgrouplist(String user, int group, int[] groups, IntByReference count);

        int geteuid();
    }

    /**
     * A user.
     *
     * @param name as the host has it
     * @param uid its number
     * @param group the number of its first group
     */
    public record User(String name, int uid, int group) {}

    private interface Question {
        int ask(Memory found, Memory buffer, PointerByReference result);
    }

    /** The user of this name, if there is one. */
    public static Optional<User> user(String name) {
        return ask((found, buffer, result) -> C.getpwnam_r(name, found, buffer, buffer.size(), result))
                .map(found -> new User(name, found.getInt(PW_UID), found.getInt(PW_GID)));
    }

    /** The number of the group of this name, if there is one. */
    public static OptionalInt group(String name) {
        return ask((found, buffer, result) -> C.getgrnam_r(name, found, buffer, buffer.size(), result))
                .map(found -> OptionalInt.of(found.getInt(GR_GID)))
                .orElseGet(OptionalInt::empty);
    }

    /** Who this process acts as. */
    public static int effectiveUser() {
        return C.geteuid();
    }

    /** The numbers of all groups that a user is a member of, its first one included. */
    public static Set<Integer> groups(User user) {
        IntByReference count = new IntByReference(FIRST_GROUPS);
        int[] groups = new int[FIRST_GROUPS];
        while (C.getgrouplist(user.name(), user.group(), groups, count) < 0) {
            groups = new int[Math.max(count.getValue(), 2 * groups.length)];
            count.setValue(groups.length);
        }
        return IntStream.of(groups).limit(count.getValue()).boxed().collect(Collectors.toUnmodifiableSet());
    }

    /** Empty also where the host's directory of users cannot be asked: who is not known has no rights. */
    private static Optional<Pointer> ask(Question question) {
        Memory found = new Memory(STRUCT_SIZE);
        for (long size = FIRST_BUFFER; size <= LARGEST_BUFFER; size *= 2) {
            PointerByReference result = new PointerByReference();
            try (Memory buffer = new Memory(size)) {
                int error = question.ask(found, buffer, result);
                if (error != Errno.ERANGE) {
                    return error == 0 && result.getValue() != null ? Optional.of(found) : Optional.empty();
                }
            }
        }
        return Optional.empty();
    }
}
