package org.flatsnap.server;

import static java.util.stream.Collectors.toCollection;
import static java.util.stream.Collectors.toSet;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.http.HandlerType;
import io.javalin.http.HttpStatus;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.flatsnap.access.AuditLog;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.Page;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Finding;
import org.flatsnap.engine.Operations;
import org.flatsnap.engine.RollbackRequest;
import org.flatsnap.engine.TakeRequest;
import org.flatsnap.engine.VmReport;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Description;
import org.flatsnap.model.DiskName;
import org.flatsnap.model.Labels;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.Tag;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;
import org.flatsnap.server.Gate.Sight;

/**
 * The paths of the API and what the engine does for each. Text of a request becomes values here and goes no further as text.
 *
 * <pre>
 * GET    /v1/health                                   {version, underWay: [operation]}
 * GET    /v1/vms                                      {vms: [VM with its disks]}
 * GET    /v1/snapshots?q&amp;vm&amp;vmName&amp;...                {snapshots: [snapshot], next: cursor}, see {@link SnapshotSearch}
 * GET    /v1/vms/{vm}/snapshots/{snapshot}            snapshot
 * POST   /v1/vms/{vm}/snapshots                       {name?, description?, tags?, consistency?, strict?, disks?}: 201 snapshot
 * PATCH  /v1/vms/{vm}/snapshots/{snapshot}            {description?, addTags?, removeTags?, held?}: snapshot
 * DELETE /v1/vms/{vm}/snapshots/{snapshot}            the snapshot that was
 * POST   /v1/vms/{vm}/snapshots/{snapshot}/rollback   {disks?, stop?}: rollback
 * POST   /v1/vms/{vm}/snapshots/{snapshot}/adopt      the snapshot, which others took, as flatsnap's own
 * POST   /v1/vms/{vm}/undo                            {stop?}: rollback
 * POST   /v1/vms/{vm}/snapshots/{snapshot}/clone      {name}: 201 clone
 * POST   /v1/catalog/rebuild                          {snapshots: number}
 * GET    /v1/doctor                                   {findings: [finding]}
 * GET    /v1/operations/{id}                          operation, 404 when it is not under way
 * GET    /v1/audit?vm&amp;who&amp;action&amp;after&amp;before&amp;... {entries: [line], next: cursor}, see {@link AuditSearch}
 * GET    /v1/tokens                                   {tokens: [token]}
 * POST   /v1/tokens                                   {name, role, vms?, expires?}: 201 {token, secret}, on this host only
 * DELETE /v1/tokens/{token}                           the token that was
 *
 * PUT    /v1/stores                                   {place}: store, used from now on, also after a restart
 * GET    /v1/stores?place                             store, 404 when it is not used
 * DELETE /v1/stores?place                             {}: uses one no more that PUT made known; absent is fine
 * GET    /v1/volumes?place&amp;vmid                       {volumes: [volume]}
 * POST   /v1/volumes?place                            {name, bytes}: 201 volume
 * GET    /v1/volumes/{volume}?place                   volume
 * PATCH  /v1/volumes/{volume}?place                   {bytes?, name?}: volume
 * DELETE /v1/volumes/{volume}?place                   {}, absent is fine
 * POST   /v1/volumes/{volume}/clone?place             {to, snapshot?}: 201 volume
 * GET    /v1/volumes/{volume}/snapshots?place         {snapshots: [{name, id, takenAt, bytes}]}, oldest first
 * POST   /v1/volumes/{volume}/snapshots?place         {name, guest?}: 201 {name, id, takenAt, bytes}
 * GET    /v1/volumes/{volume}/snapshots/{snapshot}?place            {name, id, takenAt, bytes, path?}
 * DELETE /v1/volumes/{volume}/snapshots/{snapshot}?place            {}, absent is fine
 * POST   /v1/volumes/{volume}/snapshots/{snapshot}/rollback?place   {guest?}: {guard?: name}
 * </pre>
 *
 * <p>Stores, volumes and their snapshots are for Proxmox VE's storage plugin. A place is a directory's absolute path or a ZFS
 * dataset; a store is {place, store, engine, totalBytes, usedBytes, availableBytes}; a volume is {name, path, bytes, usedBytes,
 * madeAt}; a guest is {vmid, type: qemu or lxc, name?, ctime?: seconds since 1970, running?: true or false, snapstate?}, what Proxmox
 * VE's configuration says of the volume's owner.
 *
 * <p>{@link Action} says which role each takes. Lists leave out what the caller may not see.
 *
 * <p>A request that changes something may bring an {@code Operation-Id}, a UUID: repeated with it, it gets the first result.
 * The answer names the one used.
 */
final class Api {
    static final String OPERATION_ID = "Operation-Id";
    private static final String SNAPSHOTS = "/v1/vms/{vm}/snapshots";
    private static final String SNAPSHOT = SNAPSHOTS + "/{snapshot}";

    private final Engine engine;
    private final Catalog catalog;
    private final SnapshotSearch search;
    private final Gate gate;
    private final TokenPaths tokens;
    private final AuditLog audit;
    private final Supplier<List<Finding>> findings;
    private final ShownSnapshots shown;
    private final ShownImages images;

    Api(
            Engine engine,
            Catalog catalog,
            Gate gate,
            SnapshotSearch search,
            TokenPaths tokens,
            AuditLog audit,
            Supplier<List<Finding>> findings,
            ShownImages images) {
        this.engine = engine;
        this.catalog = catalog;
        this.gate = gate;
        this.search = search;
        this.tokens = tokens;
        this.audit = audit;
        this.findings = findings;
        this.shown = new ShownSnapshots(engine);
        this.images = images;
    }

    private record Health(String version, Collection<Operations.Status> underWay) {}

    private record Vms(List<VmReport> vms) {}

    private record Rebuilt(long snapshots) {}

    private record Findings(List<Finding> findings) {}

    /** A handler of a request that changes something. */
    @FunctionalInterface
    interface Change {
        void handle(Context context, OperationId operation) throws IOException;
    }

    void register(RoutesConfig routes) {
        routes.get("/v1/health", this::health, Action.LIST);
        routes.get("/v1/vms", this::vms, Action.LIST);
        routes.get("/v1/snapshots", this::find, Action.LIST);
        routes.get("/v1/vms/{vm}/space", this::measure, Action.MEASURE);
        routes.get(
                SNAPSHOT, context -> context.json(shown.of(engine.show(vm(context), snapshot(context)))), Action.SHOW);
        routes.post(SNAPSHOTS, changing(this::take), Action.TAKE);
        routes.patch(SNAPSHOT, changing(this::relabel), Action.CHANGE);
        routes.delete(SNAPSHOT, changing(this::delete), Action.DELETE);
        routes.post(SNAPSHOT + "/rollback", changing(this::rollBack), Action.ROLLBACK);
        routes.post(SNAPSHOT + "/adopt", changing(this::adopt), Action.ADOPT);
        routes.post("/v1/vms/{vm}/undo", changing(this::undo), Action.UNDO);
        routes.post(SNAPSHOT + "/clone", changing(this::cloneVm), Action.CLONE);
        routes.post("/v1/catalog/rebuild", changing(this::rebuild), Action.REBUILD_CATALOG);
        routes.get("/v1/doctor", this::examine, Action.LIST);
        routes.get("/v1/operations/{id}", this::operation, Action.LIST);
        routes.get(
                "/v1/audit",
                context -> context.json(audit.find(AuditSearch.read(context, search.moments()))),
                Action.READ_AUDIT);
        routes.get("/v1/tokens", tokens::list, Action.LIST_TOKENS);
        routes.post("/v1/tokens", tokens::create, Action.CREATE_TOKEN);
        routes.delete("/v1/tokens/{token}", tokens::revoke, Action.REVOKE_TOKEN);
        new VolumePaths(engine, images).register(routes);
    }

    static boolean changes(Context context) {
        return context.method() != HandlerType.GET && context.method() != HandlerType.HEAD;
    }

    static Handler changing(Change change) {
        return context -> {
            OperationId operation = Optional.ofNullable(context.header(OPERATION_ID))
                    .map(OperationId::parse)
                    .orElseGet(OperationId::random);
            context.header(OPERATION_ID, operation.toString());
            change.handle(context, operation);
        };
    }

    private static String vm(Context context) {
        return Gate.vm(context);
    }

    private static String snapshot(Context context) {
        return Names.snapshot(context.pathParam("snapshot"));
    }

    private void health(Context context) {
        Collection<Operations.Status> underWay = engine.operations().underWay();
        if (!underWay.isEmpty()) {
            Sight sight = gate.sight(context);
            underWay = underWay.stream().filter(status -> sees(sight, status)).toList();
        }
        context.json(new Health(Version.text(), underWay));
    }

    private static boolean sees(Sight sight, Operations.Status status) {
        return sight.all() || status.vm().filter(sight::sees).isPresent();
    }

    private void vms(Context context) {
        Sight sight = gate.sight(context);
        context.json(
                new Vms(engine.vms().stream().filter(vm -> sight.sees(vm.vm())).toList()));
    }

    private void find(Context context) {
        SnapshotQuery query = search.read(context, vm -> gate.seen(context, vm));
        Optional<Set<VmId>> seen = gate.seenInCatalog(Gate.caller(context));
        if (seen.isPresent()) {
            Set<VmId> wanted = new TreeSet<>(seen.get());
            if (!query.vms().isEmpty()) {
                wanted.retainAll(query.vms());
            }
            if (wanted.isEmpty()) {
                // To a query, no VM at all means any.
                context.json(new Page(List.of(), Optional.empty()));
                return;
            }
            query = query.ofVms(wanted);
        }
        context.json(shown.of(catalog.query(query)));
    }

    private void measure(Context context) {
        context.json(engine.space(vm(context), SpaceQuery.read(context)));
    }

    private void take(Context context, OperationId operation) throws IOException {
        RequestBody body =
                RequestBody.of(context, Set.of("name", "description", "tags", "consistency", "strict", "disks"));
        Labels labels = new Labels(
                body.text("description").map(Description::new).orElse(Description.NONE), tags(body, "tags"), false);
        TakeRequest request = new TakeRequest(
                operation,
                vm(context),
                body.text("name").map(SnapshotName::new),
                labels,
                body.text("consistency").map(Consistency::parse),
                body.flag("strict").orElse(false),
                disks(body));
        Snapshot taken = engine.take(request);
        Gate.note(context, Optional.of(taken.name().value()), Optional.empty());
        context.status(HttpStatus.CREATED).json(taken);
    }

    private void relabel(Context context, OperationId operation) throws IOException {
        RequestBody body = RequestBody.of(context, Set.of("description", "addTags", "removeTags", "held"));
        if (body.isEmpty()) {
            throw new Problem(
                    Code.INVALID,
                    "cannot change the snapshot",
                    "the request does not say what to change",
                    "Give at least one of description, addTags, removeTags, held");
        }
        Optional<Description> description = body.text("description").map(Description::new);
        SortedSet<Tag> added = tags(body, "addTags");
        SortedSet<Tag> removed = tags(body, "removeTags");
        Optional<Boolean> held = body.flag("held");
        Gate.note(context, Optional.empty(), held.map(hold -> hold ? "hold" : "release"));
        UnaryOperator<Labels> change = labels -> {
            SortedSet<Tag> tags = new TreeSet<>(labels.tags());
            tags.removeAll(removed);
            tags.addAll(added);
            return labels.saying(description.orElse(labels.description()), tags, held.orElse(labels.held()));
        };
        context.json(engine.relabel(operation, vm(context), snapshot(context), change));
    }

    private void delete(Context context, OperationId operation) throws IOException {
        RequestBody.of(context, Set.of());
        context.json(engine.delete(operation, vm(context), snapshot(context)));
    }

    private void rollBack(Context context, OperationId operation) throws IOException {
        RequestBody body = RequestBody.of(context, Set.of("disks", "stop"));
        RollbackRequest request = new RollbackRequest(
                operation,
                vm(context),
                snapshot(context),
                disks(body),
                body.flag("stop").orElse(false));
        context.json(engine.rollBack(request));
    }

    private void adopt(Context context, OperationId operation) throws IOException {
        RequestBody.of(context, Set.of());
        context.json(engine.adopt(operation, vm(context), snapshot(context)));
    }

    private void undo(Context context, OperationId operation) throws IOException {
        RequestBody body = RequestBody.of(context, Set.of("stop"));
        context.json(engine.undo(operation, vm(context), body.flag("stop").orElse(false)));
    }

    private void cloneVm(Context context, OperationId operation) throws IOException {
        VmName name = new VmName(RequestBody.of(context, Set.of("name")).requiredText("name"));
        gate.requireNew(context, name);
        Gate.note(context, Optional.empty(), Optional.of("to " + name));
        context.status(HttpStatus.CREATED).json(engine.clone(operation, vm(context), snapshot(context), name));
    }

    private void rebuild(Context context, OperationId operation) throws IOException {
        RequestBody.of(context, Set.of());
        context.json(new Rebuilt(engine.rebuildCatalog(operation)));
    }

    private void examine(Context context) {
        Sight sight = gate.sight(context);
        context.json(new Findings(findings.get().stream()
                .filter(finding ->
                        sight.all() || finding.vm().filter(sight::sees).isPresent())
                .toList()));
    }

    private void operation(Context context) {
        OperationId id = OperationId.parse(context.pathParam("id"));
        Sight sight = gate.sight(context);
        context.json(engine.operations()
                .status(id)
                .filter(status -> sees(sight, status))
                .orElseThrow(() -> new Problem(
                        Code.NOT_FOUND,
                        "unknown operation " + id,
                        "no such request is under way",
                        "It may have ended: repeat the request with the same id to get its result")));
    }

    private static SortedSet<Tag> tags(RequestBody body, String key) {
        return body.texts(key).stream().map(Tag::new).collect(toCollection(TreeSet::new));
    }

    private static Set<DiskName> disks(RequestBody body) {
        return body.texts("disks").stream().map(DiskName::new).collect(toSet());
    }
}
