package org.flatsnap.access;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.linux.Accounts;
import org.flatsnap.linux.Accounts.User;

/**
 * One {@code [[access]]} of the configuration: what users of this host may do over the unix socket.
 *
 * @param holder whether {@code name} is a user's or a group's
 * @param name as the host has it
 * @param grant what they may do
 */
public record AccessRule(Holder holder, String name, Grant grant) {
    /** Who is named. */
    public enum Holder {
        /** One user. */
        USER,
        /** All members of a group. */
        GROUP
    }

    /** Checks that nothing is missing. */
    public AccessRule {
        requireNonNull(holder, "holder");
        requireNonNull(name, "name");
        requireNonNull(grant, "grant");
    }

    /**
     * Who stands at the other end of the socket.
     *
     * @param rules all of the configuration
     * @param user the name that the host has for the peer's user, or its number if it has none
     * @param group the same for the group the peer's process acts as
     */
    public static Caller caller(List<AccessRule> rules, String user, String group) {
        Optional<User> account = Accounts.user(user);
        Optional<Integer> uid = account.map(User::uid).or(() -> number(user));
        if (uid.filter(id -> id == 0 || id == Accounts.effectiveUser()).isPresent()) {
            return new Caller(user, uid, Caller.SOCKET, List.of(Grant.ALL), true);
        }
        Set<Integer> groups = new TreeSet<>();
        if (rules.stream().anyMatch(rule -> rule.holder == Holder.GROUP)) {
            account.map(Accounts::groups).ifPresent(groups::addAll);
            groupNumber(group).ifPresent(groups::add);
        }
        List<Grant> grants = rules.stream()
                .filter(rule -> rule.concerns(user, uid, groups))
                .map(AccessRule::grant)
                .toList();
        return new Caller(user, uid, Caller.SOCKET, grants, false);
    }

    private boolean concerns(String user, Optional<Integer> uid, Set<Integer> groups) {
        return switch (holder) {
            case USER ->
                name.equals(user)
                        || uid.map(Object::toString).filter(name::equals).isPresent();
            case GROUP -> groupNumber(name).stream().anyMatch(groups::contains);
        };
    }

    /** Whether the host knows who is named. */
    public boolean isKnown() {
        return switch (holder) {
            case USER -> number(name).isPresent() || Accounts.user(name).isPresent();
            case GROUP -> groupNumber(name).isPresent();
        };
    }

    private static OptionalInt groupNumber(String name) {
        OptionalInt known = Accounts.group(name);
        return known.isPresent() || number(name).isEmpty()
                ? known
                : OptionalInt.of(number(name).get());
    }

    private static Optional<Integer> number(String text) {
        try {
            return Optional.of(Integer.parseUnsignedInt(text));
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }

    @Override
    public String toString() {
        return holder.name().toLowerCase(Locale.ROOT) + " " + name;
    }
}
