package org.flatsnap.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the host says of its users, as id(1) says it. */
class AccountsTest {
    private static String id(String... arguments) throws IOException {
        Process process = new ProcessBuilder(
                        Stream.concat(Stream.of("id"), Arrays.stream(arguments)).toList())
                .start();
        return new String(process.getInputStream().readAllBytes()).strip();
    }

    @Test
    void usersAndTheirGroupsAreThoseOfTheHost() throws IOException {
        // The last has a group beside its first one wherever libvirt is installed.
        for (String name : List.of("root", "daemon", "nobody", "libvirt-qemu")) {
            Accounts.User user = Accounts.user(name).orElseThrow();

            assertThat(user.uid()).isEqualTo(Integer.parseInt(id("-u", name)));
            assertThat(user.group()).isEqualTo(Integer.parseInt(id("-g", name)));
            Set<Integer> groups = Arrays.stream(id("-G", name).split(" "))
                    .map(Integer::valueOf)
                    .collect(Collectors.toSet());
            assertThat(Accounts.groups(user)).isEqualTo(groups);
        }
        assertThat(Accounts.groups(Accounts.user("libvirt-qemu").orElseThrow())).hasSizeGreaterThan(1);
        assertThat(Accounts.group("daemon")).hasValue(1);
        assertThat(Accounts.effectiveUser()).isEqualTo(Integer.parseInt(id("-u")));
    }

    @Test
    void whoIsNotThereIsNotFound() {
        assertThat(Accounts.user("no-such-user")).isEmpty();
        assertThat(Accounts.user("")).isEmpty();
        assertThat(Accounts.group("no-such-group")).isEmpty();
    }
}
