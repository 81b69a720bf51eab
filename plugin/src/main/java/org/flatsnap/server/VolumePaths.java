package org.flatsnap.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.HttpStatus;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.flatsnap.engine.Engine;
import org.flatsnap.engine.Guest;
import org.flatsnap.engine.VolumeRef;
import org.flatsnap.engine.VolumeReport;
import org.flatsnap.engine.VolumeSnapshots;
import org.flatsnap.model.OperationId;
import org.flatsnap.model.Place;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quoted;
import org.flatsnap.model.SnapshotName;
import org.flatsnap.model.VmName;
import org.flatsnap.model.VolumeName;

/** The paths that Proxmox VE's storage plugin uses: stores, the volumes it keeps there, and their snapshots. */
final class VolumePaths {
    private static final String PLACE = "place";
    private static final String VMID = "vmid";
    private static final String STORES = "/v1/stores";
    private static final String VOLUMES = "/v1/volumes";
    private static final String VOLUME = VOLUMES + "/{volume}";
    private static final String SNAPSHOTS = VOLUME + "/snapshots";
    private static final String SNAPSHOT = SNAPSHOTS + "/{snapshot}";
    private static final Set<String> GUEST = Set.of("vmid", "type", "name", "ctime", "running", "snapstate");
    private static final Set<String> TYPES = new TreeSet<>(Set.of("lxc", "qemu"));

    private final Engine engine;
    private final ShownImages shown;

    VolumePaths(Engine engine, ShownImages shown) {
        this.engine = engine;
        this.shown = shown;
    }

    private record Listed(List<VolumeReport> volumes) {}

    private record Snapshots(List<VolumeSnapshots.Entry> snapshots) {}

    private record RolledBack(Optional<SnapshotName> guard) {}

    private record Nothing() {}

    void register(RoutesConfig routes) {
        routes.put(STORES, Api.changing(this::useStore), Action.USE_STORE);
        routes.get(STORES, context -> context.json(engine.store(place(context))), Action.READ_VOLUMES);
        routes.delete(STORES, Api.changing(this::forgetStore), Action.FORGET_STORE);
        routes.get(VOLUMES, this::list, Action.READ_VOLUMES);
        routes.post(VOLUMES, Api.changing(this::create), Action.CREATE_VOLUME);
        routes.get(VOLUME, context -> context.json(engine.volumes().show(volume(context))), Action.READ_VOLUMES);
        routes.patch(VOLUME, Api.changing(this::change), Action.CHANGE_VOLUME);
        routes.delete(VOLUME, Api.changing(this::remove), Action.REMOVE_VOLUME);
        routes.post(VOLUME + "/clone", Api.changing(this::copy), Action.CLONE_VOLUME);
        routes.get(SNAPSHOTS, this::snapshots, Action.READ_VOLUMES);
        routes.post(SNAPSHOTS, Api.changing(this::take), Action.TAKE_VOLUME);
        routes.get(SNAPSHOT, this::snapshot, Action.READ_VOLUMES);
        routes.delete(SNAPSHOT, Api.changing(this::delete), Action.DELETE_VOLUME_SNAPSHOT);
        routes.post(SNAPSHOT + "/rollback", Api.changing(this::rollBack), Action.ROLLBACK_VOLUME);
    }

    /** The guest that owns the volume which a path names, for the audit log; empty if it names none. */
    static Optional<String> owner(Context context) {
        return Optional.ofNullable(context.pathParamMap().get("volume"))
                .map(name -> Integer.toString(new VolumeName(name).vmid()));
    }

    private static Place place(Context context, String... others) {
        Set<String> known = new TreeSet<>(List.of(others));
        known.add(PLACE);
        Map<String, List<String>> parameters = context.queryParamMap();
        parameters.forEach((name, values) -> Parameters.check(name, values, known, ""));
        return Optional.ofNullable(context.queryParam(PLACE))
                .map(Place::new)
                .orElseThrow(() -> Parameters.bad(
                        PLACE, "it is missing", "Add ?place= and the store's directory or dataset, percent-encoded"));
    }

    private static VolumeRef volume(Context context) {
        return new VolumeRef(place(context), new VolumeName(context.pathParam("volume")));
    }

    private static SnapshotName named(Context context) {
        return new SnapshotName(context.pathParam("snapshot"));
    }

    private static void note(Context context, Optional<SnapshotName> snapshot, String detail) {
        Gate.note(context, snapshot.map(SnapshotName::value), Optional.of(detail));
    }

    private void useStore(Context context, OperationId operation) throws IOException {
        Place place = new Place(RequestBody.of(context, Set.of(PLACE)).requiredText(PLACE));
        note(context, Optional.empty(), place.value());
        context.json(engine.useStore(place));
    }

    private void forgetStore(Context context, OperationId operation) throws IOException {
        RequestBody.of(context, Set.of());
        Place place = place(context);
        note(context, Optional.empty(), place.value());
        engine.forgetStore(place);
        context.json(new Nothing());
    }

    private void list(Context context) {
        Place place = place(context, VMID);
        Optional<Integer> vmid = Optional.ofNullable(context.queryParam(VMID))
                .map(text -> Parameters.number(VMID, text, Integer.MAX_VALUE));
        context.json(new Listed(engine.volumes().list(place, vmid)));
    }

    private void create(Context context, OperationId operation) throws IOException {
        RequestBody body = RequestBody.of(context, Set.of("name", "bytes"));
        VolumeRef volume = new VolumeRef(place(context), new VolumeName(body.requiredText("name")));
        note(context, Optional.empty(), volume.toString());
        long bytes = body.requiredNumber("bytes");
        context.status(HttpStatus.CREATED).json(engine.volumes().create(operation, volume, bytes));
    }

    private void change(Context context, OperationId operation) throws IOException {
        RequestBody body = RequestBody.of(context, Set.of("name", "bytes"));
        VolumeRef volume = volume(context);
        Optional<VolumeName> name = body.text("name").map(VolumeName::new);
        Optional<Long> bytes = body.number("bytes");
        if (body.isEmpty()) {
            throw new Problem(
                    Code.INVALID,
                    "cannot change " + volume,
                    "the request does not say what to change",
                    "Give bytes, name or both");
        }
        note(
                context,
                Optional.empty(),
                volume
                        + name.map(to -> " to " + to).orElse("")
                        + bytes.map(size -> " to " + size + " bytes").orElse(""));
        context.json(engine.volumes().change(operation, volume, bytes, name));
    }

    private void remove(Context context, OperationId operation) throws IOException {
        RequestBody.of(context, Set.of());
        VolumeRef volume = volume(context);
        note(context, Optional.empty(), volume.toString());
        engine.volumes().remove(operation, volume);
        context.json(new Nothing());
    }

    private void copy(Context context, OperationId operation) throws IOException {
        RequestBody body = RequestBody.of(context, Set.of("to", "snapshot"));
        VolumeRef volume = volume(context);
        VolumeName to = new VolumeName(body.requiredText("to"));
        Optional<SnapshotName> snapshot = body.text("snapshot").map(SnapshotName::new);
        note(context, snapshot, volume + " to " + to);
        context.status(HttpStatus.CREATED)
                .json(
                        snapshot.isPresent()
                                ? engine.volumes().copy(operation, volume, snapshot.get(), to)
                                : engine.volumes().copy(operation, volume, to));
    }

    private void snapshots(Context context) {
        context.json(new Snapshots(engine.volumeSnapshots().list(volume(context))));
    }

    private void snapshot(Context context) {
        VolumeRef volume = volume(context);
        VolumeSnapshots.Entry entry = engine.volumeSnapshots().show(volume, named(context));
        context.json(
                entry.path().isPresent()
                        ? entry
                        : entry.at(shown.file(entry.id(), volume.name().disk())));
    }

    private void take(Context context, OperationId operation) throws IOException {
        RequestBody body = RequestBody.of(context, Set.of("name", "guest"));
        VolumeRef volume = volume(context);
        SnapshotName name = new SnapshotName(body.requiredText("name"));
        note(context, Optional.of(name), volume.toString());
        context.status(HttpStatus.CREATED).json(engine.volumeSnapshots().take(operation, volume, name, guest(body)));
    }

    private void delete(Context context, OperationId operation) throws IOException {
        RequestBody.of(context, Set.of());
        VolumeRef volume = volume(context);
        note(context, Optional.empty(), volume.toString());
        engine.volumeSnapshots().delete(operation, volume, named(context));
        context.json(new Nothing());
    }

    private void rollBack(Context context, OperationId operation) throws IOException {
        // The guest is checked and not needed: whoever has the volume open, the kernel tells.
        guest(RequestBody.of(context, Set.of("guest")));
        VolumeRef volume = volume(context);
        note(context, Optional.empty(), volume.toString());
        context.json(new RolledBack(engine.volumeSnapshots().rollBack(operation, volume, named(context))));
    }

    private static Optional<Guest> guest(RequestBody body) {
        return body.object("guest", GUEST).map(guest -> {
            String type = guest.requiredText("type");
            if (!TYPES.contains(type)) {
                throw new Problem(
                        Code.INVALID,
                        "bad type of guest " + Quoted.of(type),
                        "Proxmox VE has none of that type",
                        "Use " + String.join(" or ", TYPES));
            }
            long vmid = guest.requiredNumber("vmid");
            return new Guest(
                    (int) Math.max(0, Math.min(vmid, Integer.MAX_VALUE)),
                    guest.text("name").map(VmName::new),
                    guest.number("ctime").filter(seconds -> seconds > 0),
                    guest.flag("running"),
                    guest.text("snapstate"));
        });
    }
}
