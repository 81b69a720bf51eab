package org.flatsnap.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.Header;
import io.javalin.http.HttpStatus;
import io.javalin.security.RouteRole;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;
import org.eclipse.jetty.ee10.servlet.ServletContextRequest;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.flatsnap.access.AccessRule;
import org.flatsnap.access.AuditEntry;
import org.flatsnap.access.AuditLog;
import org.flatsnap.access.Caller;
import org.flatsnap.access.Role;
import org.flatsnap.access.Token;
import org.flatsnap.access.Tokens;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.VmEntry;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.KnownVms;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one place where it is decided who asks and whether they may: every request passes here before any handler. Here too each
 * change is noted in the audit log, before it is done and when it is done, and each refusal.
 *
 * <p>Who asks over the unix socket is what the kernel says of the peer (SO_PEERCRED); who asks over the network is who brings a
 * token. A VM that the caller may not see is answered for as one that does not exist.
 */
final class Gate {
    private static final Logger LOG = LoggerFactory.getLogger(Gate.class);
    private static final String BEARER = "Bearer ";
    private static final String UNKNOWN = "?";
    // Attributes of a request.
    private static final String CALLER = "flatsnap.caller";
    private static final String VM = "flatsnap.vm";
    private static final String BEGUN = "flatsnap.audit";
    private static final String FAILURE = "flatsnap.failure";

    private final Engine engine;
    private final Catalog catalog;
    private final List<AccessRule> rules;
    private final Tokens tokens;
    private final AuditLog audit;
    private final Clock clock;
    private final Limits limits = new Limits();

    Gate(Engine engine, Catalog catalog, List<AccessRule> rules, Tokens tokens, AuditLog audit, Clock clock) {
        this.engine = engine;
        this.catalog = catalog;
        this.rules = rules;
        this.tokens = tokens;
        this.audit = audit;
        this.clock = clock;
    }

    void register(RoutesConfig routes) {
        routes.before(this::authenticate);
        routes.beforeMatched(this::authorize);
        routes.after(this::conclude);
    }

    /** Who asks, once {@link #authenticate} knows. */
    static Caller caller(Context context) {
        Caller caller = context.attribute(CALLER);
        if (caller == null) {
            throw new IllegalStateException("a handler runs before the caller is known");
        }
        return caller;
    }

    /** Who asks, for the log. */
    static String asker(Context context) {
        Caller caller = context.attribute(CALLER);
        return caller == null ? UNKNOWN : caller.who();
    }

    /** The VM that the path names and the caller may do this with. */
    static String vm(Context context) {
        String vm = context.attribute(VM);
        if (vm == null) {
            throw new IllegalStateException("a handler works on a VM that was not checked");
        }
        return vm;
    }

    /** Adds to the audit log's line what only the handler knows. */
    static void note(Context context, Optional<String> snapshot, Optional<String> detail) {
        AuditEntry begun = context.attribute(BEGUN);
        if (begun != null) {
            context.attribute(BEGUN, begun.with(snapshot, detail));
        }
    }

    /** Remembers how a request ended, for the audit log. */
    static void failed(Context context, Problem problem) {
        context.attribute(FAILURE, problem.code().name());
    }

    private void authenticate(Context context) {
        ConnectionMetaData connection =
                ServletContextRequest.getServletContextRequest(context.req()).getConnectionMetaData();
        Caller caller = connection.getConnector() instanceof UnixDomainServerConnector
                ? peer(connection.getConnection().getEndPoint())
                : bearer(context);
        context.attribute(CALLER, caller);
        if (!caller.trusted()) {
            limits.request(caller.who()).ifPresent(wait -> {
                refuse(context, caller, Optional.empty(), Code.TOO_OFTEN);
                throw tooOften(context, wait, caller.who() + " asks too often");
            });
        }
    }

    private Caller peer(EndPoint endPoint) {
        if (!(endPoint instanceof SocketChannelEndPoint socket)) {
            throw new IllegalStateException("a unix socket has a channel, not " + endPoint.getClass());
        }
        SocketChannel channel = socket.getChannel();
        try {
            UnixDomainPrincipal peer = channel.getOption(ExtendedSocketOptions.SO_PEERCRED);
            return AccessRule.caller(rules, peer.user().getName(), peer.group().getName());
        } catch (IOException e) {
            throw new Problem(
                    Code.UNAUTHENTICATED, "cannot tell who asks", String.valueOf(e.getMessage()), "Connect again", e);
        }
    }

    private Caller bearer(Context context) {
        String from = context.ip();
        String header = context.header(Header.AUTHORIZATION);
        if (header == null || !header.regionMatches(true, 0, BEARER, 0, BEARER.length())) {
            throw unauthenticated(
                    context, UNKNOWN, "the request brings no token", "Send one: Authorization: Bearer <token>");
        }
        Token token = tokens.find(header.substring(BEARER.length()).strip())
                .orElseThrow(() -> unauthenticated(
                        context,
                        UNKNOWN,
                        "there is no such token, or no more",
                        "Ask an administrator for one: flatsnap token create"));
        if (!clock.instant().isBefore(token.expiresAt())) {
            throw unauthenticated(
                    context,
                    token.who(),
                    "the token has expired on " + token.expiresAt(),
                    "Ask an administrator for a new one: flatsnap token create");
        }
        return new Caller(token.who(), Optional.empty(), from, List.of(token.grant()), false);
    }

    private Problem unauthenticated(Context context, String who, String why, String remedy) {
        Caller nobody = new Caller(who, Optional.empty(), context.ip(), List.of(), false);
        // A client that must not come in shall not keep the connection.
        context.header(Header.CONNECTION, "close");
        Optional<Duration> wait = limits.failure(context.ip());
        refuse(context, nobody, Optional.empty(), wait.isPresent() ? Code.TOO_OFTEN : Code.UNAUTHENTICATED);
        if (wait.isPresent()) {
            return tooOften(context, wait.get(), "too many authentications from this address have failed");
        }
        context.header(Header.WWW_AUTHENTICATE, BEARER.strip());
        return new Problem(Code.UNAUTHENTICATED, "cannot tell who asks", why, remedy);
    }

    private static Problem tooOften(Context context, Duration wait, String why) {
        long seconds = Math.max(1, wait.plusMillis(999).toSeconds());
        context.header(Header.RETRY_AFTER, Long.toString(seconds));
        return new Problem(Code.TOO_OFTEN, "cannot answer now", why, "Try again in " + seconds + " s");
    }

    private void authorize(Context context) {
        Caller caller = caller(context);
        Action action = action(context.routeRoles());
        switch (action.scope()) {
            case SEEN -> {
                if (caller.grants().isEmpty()) {
                    throw forbidden(context, caller, action, Optional.empty(), "has no role at all");
                }
            }
            case VM -> context.attribute(VM, permitted(context, caller, action, Names.vm(context.pathParam("vm"))));
            case HOST -> {
                if (!Caller.suffices(caller.everywhere(), action.role())) {
                    throw forbidden(context, caller, action, Optional.empty(), "is not admin of all VMs");
                }
                VolumePaths.owner(context).ifPresent(owner -> context.attribute(VM, owner));
            }
        }
        if (Api.changes(context)) {
            AuditEntry begun = entry(context, caller, action.toString(), Optional.ofNullable(context.attribute(VM)))
                    .ended(clock.instant(), AuditEntry.BEGUN);
            audit.append(begun);
            context.attribute(BEGUN, begun);
        }
    }

    private static Action action(Set<RouteRole> roles) {
        if (roles.size() == 1 && roles.iterator().next() instanceof Action action) {
            return action;
        }
        // Also HEAD, which has no routes of its own.
        throw new Problem(
                Code.FORBIDDEN,
                "cannot answer this",
                "nobody may ask for it",
                "Use the methods and paths that the API documents");
    }

    /**
     * What the engine is to work with where a caller named a VM: the same, or an id where others, which the caller may not see,
     * have that name too.
     */
    private String permitted(Context context, Caller caller, Action action, String named) {
        if (Caller.suffices(caller.everywhere(), action.role())) {
            return named;
        }
        KnownVms known = engine.knownVms();
        Map<VmId, Set<VmName>> meant = known.meantBy(named);
        Map<VmId, Set<VmName>> seen = meant.entrySet().stream()
                .filter(vm -> caller.on(vm.getKey(), vm.getValue()).isPresent())
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
        if (seen.isEmpty()) {
            if (!meant.isEmpty()) {
                refuse(context, caller, Optional.of(named), Code.FORBIDDEN);
            }
            throw known.missing(named);
        }
        if (seen.size() < meant.size()
                && seen.keySet().stream().noneMatch(vm -> vm.value().equals(named))) {
            if (seen.size() == 1) {
                return permitted(
                        context, caller, action, seen.keySet().iterator().next().value());
            }
            throw new Problem(
                    Code.INVALID,
                    "cannot tell which VM is meant by '" + named + "'",
                    seen.size() + " VMs have that name",
                    "Use the id: " + seen.keySet().stream().map(VmId::value).collect(Collectors.joining(", ")));
        }
        for (Map.Entry<VmId, Set<VmName>> vm : seen.entrySet()) {
            Optional<Role> role = caller.on(vm.getKey(), vm.getValue());
            if (!Caller.suffices(role, action.role())) {
                throw forbidden(context, caller, action, Optional.of(named), "has the role " + role.get() + " there");
            }
        }
        return named;
    }

    /** Refuses a clone whose name would make a VM that the caller has no say over. */
    void requireNew(Context context, VmName name) {
        Caller caller = caller(context);
        if (!Caller.suffices(caller.onNew(name), Action.CLONE.role())) {
            note(context, Optional.empty(), Optional.of("to " + name));
            throw lacking(caller, Action.CLONE, Optional.of(name.value()), "has no such role on the new name");
        }
    }

    /** Refuses what may be done on this host only. */
    static void requireLocal(Context context) {
        if (!caller(context).local()) {
            throw new Problem(
                    Code.FORBIDDEN,
                    "cannot make a token",
                    "its secret would travel over the network",
                    "Make it on the host itself, over the unix socket");
        }
    }

    private Problem forbidden(Context context, Caller caller, Action action, Optional<String> vm, String why) {
        refuse(context, caller, vm, Code.FORBIDDEN);
        return lacking(caller, action, vm, why);
    }

    private static Problem lacking(Caller caller, Action action, Optional<String> vm, String why) {
        String where = vm.map(name -> " on " + name).orElse(action.scope() == Action.Scope.HOST ? " on all VMs" : "");
        String remedy = caller.local()
                ? "An administrator can give the role with [[access]] in /etc/flatsnap/flatsnap.toml"
                : "An administrator can make a token that has it: flatsnap token create";
        return new Problem(
                Code.FORBIDDEN,
                "may not " + action + where,
                "it takes the role " + action.role() + where + ", and " + caller.who() + " " + why,
                remedy);
    }

    /** The VMs among those known whose snapshots the caller may see; empty if all. */
    Optional<Set<VmId>> seenInCatalog(Caller caller) {
        if (caller.everywhere().isPresent()) {
            return Optional.empty();
        }
        // Of a VM that has another name by now a grant has to match both.
        Map<VmId, Set<VmName>> names = engine.knownVms().names();
        return Optional.of(Stream.concat(catalog.vms().stream(), catalog.retiredVms().stream())
                .filter(entry -> caller.on(entry.vm(), names.getOrDefault(entry.vm(), Set.of(entry.name())))
                        .isPresent())
                .map(VmEntry::vm)
                .collect(Collectors.toCollection(TreeSet::new)));
    }

    /** Whether the caller may see a VM; asked for several, it asks the manager once. */
    Sight sight(Context context) {
        Caller caller = caller(context);
        return caller.everywhere().isPresent() ? Sight.ALL : new Sight(Optional.of(caller), engine.knownVms());
    }

    /** Searches by a VM's name or id end like the VM's own paths where it may not be seen. */
    String seen(Context context, String vm) {
        return permitted(context, caller(context), Action.SHOW, vm);
    }

    private AuditEntry entry(Context context, Caller caller, String action, Optional<String> vm) {
        return new AuditEntry(
                clock.instant(),
                UUID.randomUUID().toString(),
                caller.who(),
                caller.uid(),
                caller.from(),
                action,
                vm,
                vm.flatMap(this::identity),
                Optional.ofNullable(context.pathParamMap().get("snapshot")),
                Optional.empty(),
                Optional.ofNullable(context.header(Api.OPERATION_ID)),
                UNKNOWN,
                Optional.empty());
    }

    /** Of a VM that has snapshots: asking the manager for others would make each change wait. */
    private Optional<String> identity(String vm) {
        return identity(vm, catalog.vms()).or(() -> identity(vm, catalog.retiredVms()));
    }

    private static Optional<String> identity(String vm, List<VmEntry> among) {
        List<VmId> ids = among.stream()
                .filter(entry -> entry.vm().meantBy(vm) || entry.name().value().equals(vm))
                .map(VmEntry::vm)
                .toList();
        return ids.size() == 1 ? Optional.of(ids.get(0).value()) : Optional.empty();
    }

    private void refuse(Context context, Caller caller, Optional<String> vm, Code code) {
        String action = context.routeRoles().stream()
                .map(Object::toString)
                .findFirst()
                .orElse(context.method().name());
        audit.refused(entry(context, caller, action, vm).ended(clock.instant(), code.name()));
    }

    private void conclude(Context context) {
        AuditEntry begun = context.attribute(BEGUN);
        if (begun == null) {
            return;
        }
        AuditEntry ended = begun.ended(clock.instant(), result(context));
        try {
            audit.append(ended.vmId().isPresent() ? ended : ended.of(ended.vm().flatMap(this::identity)));
        } catch (Problem e) {
            // It is done and stands in the log as begun; the next change will be refused.
            LOG.error("the audit log lacks the result of {} by {}: {}", ended.action(), ended.who(), ended.result());
        }
    }

    /** Not everything that fails comes by {@link #failed}: what is no exception, or a client that went away, does not. */
    private static String result(Context context) {
        String failure = context.attribute(FAILURE);
        if (failure != null) {
            return failure;
        }
        return context.statusCode() >= HttpStatus.BAD_REQUEST.getCode() ? Code.INTERNAL.name() : AuditEntry.OK;
    }

    /**
     * What a caller may see.
     *
     * @param caller empty if it may see everything
     */
    record Sight(Optional<Caller> caller, KnownVms vms) {
        static final Sight ALL = new Sight(Optional.empty(), new KnownVms(Map.of(), Optional.empty()));

        /** Also what is about the host. */
        boolean all() {
            return caller.isEmpty();
        }

        boolean sees(VmId vm) {
            return caller.stream()
                    .allMatch(asking -> Optional.ofNullable(vms.names().get(vm))
                            .filter(names -> asking.on(vm, names).isPresent())
                            .isPresent());
        }

        /** Every VM that can be meant. */
        boolean sees(String vm) {
            Map<VmId, Set<VmName>> meant = vms.meantBy(vm);
            return all()
                    || !meant.isEmpty()
                            && meant.entrySet().stream().allMatch(known -> caller.get()
                                    .on(known.getKey(), known.getValue())
                                    .isPresent());
        }
    }
}
