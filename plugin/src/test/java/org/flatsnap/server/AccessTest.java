package org.flatsnap.server;

import static java.util.stream.Collectors.toMap;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonElement;
import io.javalin.router.Endpoint;
import io.javalin.security.Roles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.flatsnap.access.AccessRule;
import org.flatsnap.access.AccessRule.Holder;
import org.flatsnap.access.Grant;
import org.flatsnap.access.Role;
import org.flatsnap.catalog.Glob;
import org.flatsnap.model.Problem;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.flatsnap.server.ApiClient.Answer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Users of this host at the socket, each a process of its own, and what they may do and see. */
@Timeout(60)
class AccessTest {
    private static final String SOCKET_GROUP = "daemon";
    private static final VmId BY_ID = new VmId("0000-chosen-by-its-id");

    private static ApiBench bench;
    private static ApiClient root;

    @BeforeAll
    static void open() throws IOException {
        bench = new ApiBench(
                Optional.of(SOCKET_GROUP),
                List.of(
                        rule(Holder.USER, "daemon", Role.VIEWER, "*"),
                        rule(Holder.USER, "bin", Role.OPERATOR, "web*"),
                        rule(Holder.USER, "games", Role.ADMIN, "web*"),
                        rule(Holder.USER, "man", Role.VIEWER, BY_ID.value()),
                        rule(Holder.USER, "lp", Role.VIEWER, "*"),
                        rule(Holder.USER, "lp", Role.OPERATOR, "db*"),
                        rule(Holder.USER, "4242", Role.ADMIN, "*"),
                        rule(Holder.GROUP, "libvirt-qemu", Role.VIEWER, "db*"),
                        rule(Holder.GROUP, "mail", Role.VIEWER, "db*")),
                Optional.empty());
        // Others have to reach the socket.
        Files.setPosixFilePermissions(bench.state(), PosixFilePermissions.fromString("rwx--x--x"));
        root = bench.client();
        for (String vm : List.of("web1", "web2", "db1", "secret")) {
            bench.vm(vm, "vda");
            for (String name : List.of("s1", "s2", "s3")) {
                take(vm, name);
            }
        }
    }

    private static AccessRule rule(Holder holder, String name, Role role, String vms) {
        return new AccessRule(holder, name, new Grant(role, List.of(new Glob(vms))));
    }

    @AfterAll
    static void close() {
        bench.close();
    }

    private static void take(String vm, String name) throws IOException {
        Answer taken = root.send("POST", "/v1/vms/" + vm + "/snapshots", "{\"name\":\"" + name + "\"}");
        assertThat(taken.status()).describedAs("%s", taken).isEqualTo(201);
    }

    private static Peer as(String user) {
        return new Peer(user, SOCKET_GROUP, bench.socket());
    }

    private static Set<String> texts(Answer answer, String list, String key) {
        assertThat(answer.status()).describedAs("%s", answer).isEqualTo(200);
        return StreamSupport.stream(answer.object().getAsJsonArray(list).spliterator(), false)
                .map(element -> element.getAsJsonObject().get(key).getAsString())
                .collect(toSet());
    }

    @Test
    void everyRouteDeclaresWhatItTakes() {
        Map<String, Action> declared = bench.server().javalin().unsafe.internalRouter.allHttpHandlers().stream()
                .map(route -> route.endpoint)
                .filter(route -> route.method.isHttpMethod())
                .collect(toMap(route -> route.method.name() + " " + route.path, AccessTest::action));

        assertThat(declared)
                .containsExactlyInAnyOrderEntriesOf(Map.ofEntries(
                        Map.entry("GET /v1/health", Action.LIST),
                        Map.entry("GET /v1/vms", Action.LIST),
                        Map.entry("GET /v1/snapshots", Action.LIST),
                        Map.entry("GET /v1/doctor", Action.LIST),
                        Map.entry("GET /v1/operations/{id}", Action.LIST),
                        Map.entry("GET /v1/vms/{vm}/space", Action.MEASURE),
                        Map.entry("GET /v1/vms/{vm}/snapshots/{snapshot}", Action.SHOW),
                        Map.entry("POST /v1/vms/{vm}/snapshots", Action.TAKE),
                        Map.entry("PATCH /v1/vms/{vm}/snapshots/{snapshot}", Action.CHANGE),
                        Map.entry("DELETE /v1/vms/{vm}/snapshots/{snapshot}", Action.DELETE),
                        Map.entry("POST /v1/vms/{vm}/snapshots/{snapshot}/rollback", Action.ROLLBACK),
                        Map.entry("POST /v1/vms/{vm}/snapshots/{snapshot}/adopt", Action.ADOPT),
                        Map.entry("POST /v1/vms/{vm}/snapshots/{snapshot}/clone", Action.CLONE),
                        Map.entry("POST /v1/vms/{vm}/undo", Action.UNDO),
                        Map.entry("POST /v1/catalog/rebuild", Action.REBUILD_CATALOG),
                        Map.entry("GET /v1/audit", Action.READ_AUDIT),
                        Map.entry("GET /v1/tokens", Action.LIST_TOKENS),
                        Map.entry("POST /v1/tokens", Action.CREATE_TOKEN),
                        Map.entry("DELETE /v1/tokens/{token}", Action.REVOKE_TOKEN),
                        Map.entry("PUT /v1/stores", Action.USE_STORE),
                        Map.entry("GET /v1/stores", Action.READ_VOLUMES),
                        Map.entry("DELETE /v1/stores", Action.FORGET_STORE),
                        Map.entry("GET /v1/volumes", Action.READ_VOLUMES),
                        Map.entry("POST /v1/volumes", Action.CREATE_VOLUME),
                        Map.entry("GET /v1/volumes/{volume}", Action.READ_VOLUMES),
                        Map.entry("PATCH /v1/volumes/{volume}", Action.CHANGE_VOLUME),
                        Map.entry("DELETE /v1/volumes/{volume}", Action.REMOVE_VOLUME),
                        Map.entry("POST /v1/volumes/{volume}/clone", Action.CLONE_VOLUME),
                        Map.entry("GET /v1/volumes/{volume}/snapshots", Action.READ_VOLUMES),
                        Map.entry("POST /v1/volumes/{volume}/snapshots", Action.TAKE_VOLUME),
                        Map.entry("GET /v1/volumes/{volume}/snapshots/{snapshot}", Action.READ_VOLUMES),
                        Map.entry("DELETE /v1/volumes/{volume}/snapshots/{snapshot}", Action.DELETE_VOLUME_SNAPSHOT),
                        Map.entry("POST /v1/volumes/{volume}/snapshots/{snapshot}/rollback", Action.ROLLBACK_VOLUME)));
        declared.forEach((route, action) -> assertThat(action.scope() == Action.Scope.VM)
                .describedAs("%s is about one VM", route)
                .isEqualTo(route.contains("{vm}")));
    }

    private static Action action(Endpoint route) {
        Roles roles = route.metadata(Roles.class);
        assertThat(roles).describedAs("%s %s", route.method, route.path).isNotNull();
        assertThat(roles.getRoles())
                .describedAs("%s %s", route.method, route.path)
                .hasSize(1);
        return (Action) roles.getRoles().iterator().next();
    }

    @Test
    void whatDeclaresNothingIsAnsweredToNobody() throws IOException {
        // The router answers it by the route of GET, but it has no declaration of its own.
        assertThat(root.send("HEAD", "/v1/vms").status()).isEqualTo(403);
    }

    @ParameterizedTest
    @CsvSource({
        // method, path behind the VM, body, then the answers to viewer, operator and admin
        "GET, /snapshots/s1, '', 200, 200, 200",
        "GET, /space, '', 403, 200, 200",
        "POST, /snapshots, '{}', 403, 201, 201",
        "PATCH, /snapshots/s1, '{\"held\":false}', 403, 200, 200",
        "POST, /snapshots/s1/rollback, '{}', 403, 200, 200",
        "POST, /undo, '{}', 403, 200, 200",
        "POST, /snapshots/absent/clone, '{\"name\":\"web3\"}', 403, 404, 404",
        "POST, /snapshots/s1/adopt, '{}', 403, 403, 200",
        "DELETE, /snapshots/absent, '', 403, 403, 404"
    })
    void aRoleMayWhatTheTableSays(String method, String path, String body, int viewer, int operator, int admin)
            throws IOException {
        Map<String, Integer> expected = new LinkedHashMap<>();
        expected.put("daemon", viewer);
        expected.put("bin", operator);
        expected.put("games", admin);
        for (Map.Entry<String, Integer> user : expected.entrySet()) {
            Answer answer = as(user.getKey()).send(method, "/v1/vms/web1" + path, body);
            // A snapshot of one's own is not adopted, by whomever: that is for the engine to say.
            int status = path.endsWith("adopt") && answer.status() == 409 ? 200 : answer.status();
            assertThat(status).describedAs("%s: %s", user.getKey(), answer).isEqualTo(user.getValue());
            if (status == 403) {
                assertThat(answer.text("code")).isEqualTo("FORBIDDEN");
                assertThat(answer.headers().get("content-type")).startsWith("application/problem+json");
                assertThat(answer.text("why")).contains("it takes the role ", user.getKey() + " has the role");
                assertThat(answer.text("remedy")).contains("[[access]]");
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "GET, /v1/audit",
        "GET, /v1/tokens",
        "POST, /v1/tokens",
        "DELETE, /v1/tokens/x",
        "POST, /v1/catalog/rebuild"
    })
    void whatIsAboutTheHostTakesTheAdminOfAllVms(String method, String path) throws IOException {
        for (String user : List.of("daemon", "bin", "games")) {
            Answer refused = as(user).send(method, path);
            assertThat(refused.status()).describedAs("%s: %s", user, refused).isEqualTo(403);
            assertThat(refused.text("why")).contains("admin on all VMs");
        }
        // A user that the host has no name for is known by its number.
        assertThat(as("4242").send(method, path).status()).isIn(200, 400, 404);
    }

    @Test
    void whoHasNoRoleIsToldHowToGetOne() throws IOException {
        for (String path : List.of("/v1/health", "/v1/vms", "/v1/snapshots", "/v1/doctor")) {
            Answer refused = as("nobody").send("GET", path);
            assertThat(refused.status()).isEqualTo(403);
            assertThat(refused.text("why")).contains("nobody has no role at all");
        }
        assertThat(as("nobody").send("GET", "/v1/vms/web1/snapshots/s1").status())
                .isEqualTo(404);
    }

    @Test
    void whoIsNotInTheSocketsGroupDoesNotGetIn() throws IOException {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(bench.socket())))
                .isEqualTo("rw-rw----");
        assertThat(Files.getAttribute(bench.socket(), "unix:gid")).isEqualTo(1);
        assertThatThrownBy(() -> new Peer("daemon", "bin", bench.socket()).send("GET", "/v1/health"))
                .hasMessageContaining("Permission denied");
    }

    @Test
    void membersOfAGroupHaveWhatItHas() throws IOException {
        // The host's directory says so; the process itself has neither group.
        assertThat(texts(as("libvirt-qemu").send("GET", "/v1/vms"), "vms", "name"))
                .containsExactly("db1");
        // The process acts as the group, though the directory does not have the user in it.
        Files.setPosixFilePermissions(bench.socket(), PosixFilePermissions.fromString("rw-rw-rw-"));
        try {
            assertThat(texts(new Peer("nobody", "mail", bench.socket()).send("GET", "/v1/vms"), "vms", "name"))
                    .containsExactly("db1");
        } finally {
            Files.setPosixFilePermissions(bench.socket(), PosixFilePermissions.fromString("rw-rw----"));
        }
    }

    @Test
    void severalGrantsAddUp() throws IOException {
        assertThat(as("lp").send("PATCH", "/v1/vms/db1/snapshots/s2", "{\"held\":false}")
                        .status())
                .isEqualTo(200);
        assertThat(as("lp").send("PATCH", "/v1/vms/web1/snapshots/s2", "{\"held\":false}")
                        .status())
                .isEqualTo(403);
        assertThat(texts(as("lp").send("GET", "/v1/vms"), "vms", "name")).contains("db1", "web1", "secret");
    }

    @Test
    void listsAndSearchesLeaveOutWhatMayNotBeSeen() throws IOException {
        assertThat(texts(as("bin").send("GET", "/v1/vms"), "vms", "name"))
                .contains("web1", "web2")
                .doesNotContain("db1", "secret");
        for (String query : List.of(
                "",
                "?order=oldest",
                "?name=s1",
                "?text=s",
                "?vmName=*",
                "?vmName=[a-z]*",
                "?after=2020-01-01",
                "?q=s",
                "?q=vm%3D*%20on%3Dtoday",
                "?limit=10000")) {
            assertThat(texts(as("bin").send("GET", "/v1/snapshots" + query), "snapshots", "vmName"))
                    .describedAs(query)
                    .contains("web1", "web2")
                    .allMatch(name -> name.startsWith("web"));
        }
        assertThat(texts(as("bin").send("GET", "/v1/snapshots?vmName=s*"), "snapshots", "vmName"))
                .isEmpty();
        // For whom nothing is to be seen the set of VMs is empty, which to a query means any.
        assertThat(texts(as("man").send("GET", "/v1/snapshots"), "snapshots", "vmName"))
                .isEmpty();
    }

    @Test
    void pagesAreFullAndLeaveNothingOut() throws IOException {
        List<String> all = new ArrayList<>();
        String cursor = "";
        do {
            Answer page = as("libvirt-qemu").send("GET", "/v1/snapshots?limit=2" + cursor);
            List<JsonElement> snapshots =
                    page.object().getAsJsonArray("snapshots").asList();
            snapshots.forEach(
                    snapshot -> all.add(snapshot.getAsJsonObject().get("name").getAsString()));
            cursor = page.object().has("next") ? "&cursor=" + page.text("next") : "";
            assertThat(cursor.isEmpty() || snapshots.size() == 2).isTrue();
        } while (!cursor.isEmpty());

        assertThat(all).containsExactly("s3", "s2", "s1");
    }

    @Test
    void aVmThatMayNotBeSeenIsLikeOneThatIsNotThere() throws IOException {
        String hiddenId = texts(root.send("GET", "/v1/snapshots?vmName=secret"), "snapshots", "vm")
                .iterator()
                .next();
        for (String hidden : List.of("secret", hiddenId)) {
            for (List<String> request : List.of(
                    List.of("GET", "/v1/vms/VM/snapshots/s1", ""),
                    List.of("GET", "/v1/vms/VM/space", ""),
                    List.of("GET", "/v1/snapshots?vm=VM", ""),
                    List.of("POST", "/v1/vms/VM/snapshots", "{}"),
                    List.of("PATCH", "/v1/vms/VM/snapshots/s1", "{\"held\":true}"),
                    List.of("DELETE", "/v1/vms/VM/snapshots/s1", ""),
                    List.of("POST", "/v1/vms/VM/snapshots/s1/clone", "{\"name\":\"web9\"}"))) {
                Answer there = as("bin").send(request.get(0), request.get(1).replace("VM", hidden), request.get(2));
                Answer notThere =
                        as("bin").send(request.get(0), request.get(1).replace("VM", "absent"), request.get(2));
                assertThat(there.status()).isEqualTo(404);
                assertThat(there.json().toString().replace(hidden, "absent"))
                        .describedAs("%s", request)
                        .isEqualTo(notThere.json().toString());
            }
        }
    }

    @Test
    void withoutTheManagerAHiddenVmIsStillLikeOneThatIsNotThere() throws IOException {
        bench.manager()
                .failWith(new Problem(Problem.Code.UNAVAILABLE, "cannot reach libvirt", "it is off", "Start libvirtd"));
        try {
            Answer there = as("bin").send("GET", "/v1/vms/secret/snapshots/s1");
            Answer notThere = as("bin").send("GET", "/v1/vms/absent/snapshots/s1");
            assertThat(there.status()).isEqualTo(503);
            assertThat(there.json()).isEqualTo(notThere.json());
            assertThat(as("bin").send("GET", "/v1/vms/web1/snapshots/s1").status())
                    .isEqualTo(200);
            assertThat(texts(as("bin").send("GET", "/v1/snapshots"), "snapshots", "vmName"))
                    .contains("web1", "web2")
                    .allMatch(name -> name.startsWith("web"));
        } finally {
            bench.manager().failWith(null);
        }
    }

    @Test
    void theDoctorAndOperationsSpeakOfVisibleVmsOnly() throws Exception {
        assertThat(texts(as("bin").send("GET", "/v1/doctor"), "findings", "subject"))
                .contains("VM web1", "VM web2")
                .allMatch(subject -> subject.startsWith("VM web"));
        assertThat(texts(as("daemon").send("GET", "/v1/doctor"), "findings", "subject"))
                .contains("manager", "view", "VM secret");

        bench.vm("secret-slow", VmState.RUNNING, "vda");
        take("secret-slow", "s1");
        CountDownLatch gate = new CountDownLatch(1);
        bench.manager().holdStopsUntil(gate);
        CompletableFuture<Answer> rollback = CompletableFuture.supplyAsync(() -> {
            try {
                return root.send("POST", "/v1/vms/secret-slow/snapshots/s1/rollback", "{\"stop\":true}");
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        Set<String> underWay = Set.of();
        while (underWay.isEmpty()) {
            assertThat(rollback).isNotDone();
            underWay = texts(root.send("GET", "/v1/health"), "underWay", "operation");
        }
        String operation = "/v1/operations/" + underWay.iterator().next();

        assertThat(texts(as("bin").send("GET", "/v1/health"), "underWay", "operation"))
                .isEmpty();
        assertThat(as("bin").send("GET", operation).status()).isEqualTo(404);
        assertThat(as("daemon").send("GET", operation).status()).isEqualTo(200);
        gate.countDown();
        assertThat(rollback.get(30, TimeUnit.SECONDS).status()).isEqualTo(200);
    }

    @Test
    void aCloneTakesTheRoleOnBothNames() throws IOException {
        String path = "/v1/vms/web2/snapshots/s1/clone";

        Answer refused = as("bin").send("POST", path, "{\"name\":\"db-copy\"}");
        assertThat(refused.status()).isEqualTo(403);
        assertThat(refused.text("why")).contains("operator on db-copy");
        Answer made = as("bin").send("POST", path, "{\"name\":\"web-copy\"}");

        assertThat(made.status()).describedAs("%s", made).isEqualTo(201);
        assertThat(texts(root.send("GET", "/v1/vms"), "vms", "name"))
                .contains("web-copy")
                .doesNotContain("db-copy");
    }

    @Test
    void aVmIsChosenByItsIdToo() throws IOException {
        VmId other = bench.vm("twin", "vda");
        bench.manager()
                .put(
                        BY_ID,
                        "twin",
                        VmState.OFF,
                        bench.manager().find(other).orElseThrow().disks());

        assertThat(texts(as("man").send("GET", "/v1/vms"), "vms", "vm")).containsExactly(BY_ID.value());
        // Another VM of that name is not there for this user, so the name means one VM only.
        Answer taken = as("man").send("POST", "/v1/vms/twin/snapshots", "{}");
        assertThat(taken.status()).isEqualTo(403);
        assertThat(taken.json().toString()).doesNotContain(other.value());
        assertThat(root.send("POST", "/v1/vms/twin/snapshots", "{}").status()).isEqualTo(400);
    }

    @Test
    void aPatternForNamesMatchesNoId() throws IOException {
        VmId other = bench.vm("unrelated", "vda");
        VmId id = new VmId("db12-0000");
        bench.manager()
                .put(
                        id,
                        "unrelated-db",
                        VmState.OFF,
                        bench.manager().find(other).orElseThrow().disks());

        assertThat(texts(as("libvirt-qemu").send("GET", "/v1/vms"), "vms", "vm"))
                .isNotEmpty()
                .doesNotContain(id.value());
    }

    @Test
    void aRenamedVmHasToBeCoveredUnderBothNames() throws IOException {
        VmId id = bench.vm("web-before", "vda");
        take("web-before", "s1");
        assertThat(as("bin").send("GET", "/v1/vms/" + id + "/snapshots/s1").status())
                .isEqualTo(200);

        bench.manager()
                .put(
                        id,
                        "private",
                        VmState.OFF,
                        bench.manager().find(id).orElseThrow().disks());

        for (String name : Stream.of("web-before", "private", id.value()).toList()) {
            assertThat(as("bin")
                            .send("POST", "/v1/vms/" + name + "/snapshots", "{}")
                            .status())
                    .isEqualTo(404);
        }
        assertThat(texts(as("bin").send("GET", "/v1/vms"), "vms", "name")).doesNotContain("private");
        assertThat(texts(as("bin").send("GET", "/v1/snapshots"), "snapshots", "vm"))
                .isNotEmpty()
                .doesNotContain(id.value());
    }

    @Test
    void noAnswerHoldsTheDefinition() throws IOException {
        // The definitions of this bench's VMs are JSON that has this key.
        for (String path : List.of("/v1/vms", "/v1/snapshots", "/v1/vms/web1/snapshots/s1")) {
            assertThat(root.send("GET", path).json().toString())
                    .contains("web1")
                    .doesNotContain("definition")
                    .doesNotContain("savedMemory");
        }
    }
}
