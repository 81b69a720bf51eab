package org.flatsnap.testing;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.function.Consumer;
import org.flatsnap.model.Json;

/**
 * A node of Proxmox VE as far as flatsnap meets it: the programs {@code pvesh} and {@code pve-guests}, written by hand, and one
 * JSON file for the cluster.
 */
public final class ProxmoxNode {
    private static final List<String> FILES = List.of("pvesh", "pve-guests", "Cluster.pm");

    private final Path directory;

    /**
     * @param directory gets everything
     * @param socket of flatsnapd
     * @param place of the storage {@code flat}
     */
    public ProxmoxNode(Path directory, Path socket, Path place) throws IOException {
        this.directory = Files.createDirectories(directory);
        for (String file : FILES) {
            try (InputStream in = ProxmoxNode.class.getResourceAsStream("/proxmox/" + file)) {
                Files.copy(in, directory.resolve(file), StandardCopyOption.REPLACE_EXISTING);
            }
            Files.setPosixFilePermissions(directory.resolve(file), PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        JsonObject cluster = new JsonObject();
        cluster.addProperty("node", "pve1");
        cluster.addProperty("socket", socket.toString());
        cluster.addProperty("place", place.toString());
        cluster.add("guests", new JsonObject());
        Files.writeString(file(), Json.PRETTY.toJson(cluster));
    }

    private Path file() {
        return directory.resolve("cluster.json");
    }

    /** The stand-in for PVE's command. */
    public Path pvesh() {
        return directory.resolve("pvesh");
    }

    /** The stand-in for what tells of the guests. */
    public Path guests() {
        return directory.resolve("pve-guests");
    }

    /** Adds a virtual machine that is off, with these volumes as disks scsi0, scsi1 and so on. */
    public void add(int vmid, String name, long ctime, String... volumes) {
        JsonObject guest = new JsonObject();
        guest.addProperty("type", "qemu");
        guest.addProperty("name", name);
        guest.addProperty("ctime", ctime);
        guest.addProperty("running", false);
        JsonObject disks = new JsonObject();
        for (int i = 0; i < volumes.length; i++) {
            disks.addProperty("scsi" + i, "flat:" + vmid + "/" + volumes[i] + ".raw");
        }
        guest.add("disks", disks);
        guest.add("snapshots", new JsonObject());
        change(cluster -> cluster.getAsJsonObject("guests").add(Integer.toString(vmid), guest));
    }

    /** Takes a guest away, as if its configuration had been lost. */
    public void remove(int vmid) {
        change(cluster -> cluster.getAsJsonObject("guests").remove(Integer.toString(vmid)));
    }

    /** What the cluster has for a guest. */
    public JsonObject guest(int vmid) {
        return cluster().getAsJsonObject("guests").getAsJsonObject(Integer.toString(vmid));
    }

    /** Changes that. */
    public void change(int vmid, Consumer<JsonObject> change) {
        change(cluster -> change.accept(cluster.getAsJsonObject("guests").getAsJsonObject(Integer.toString(vmid))));
    }

    /** Has a step go wrong once: see {@code pvesh}. */
    public void mischief(String at, String volume, String how) {
        JsonObject mischief = new JsonObject();
        mischief.addProperty("at", at);
        mischief.addProperty("volume", volume);
        mischief.addProperty("how", how);
        change(cluster -> cluster.add("mischief", mischief));
    }

    /** Lets a step go on that waits. */
    public void letGo() {
        change(cluster -> {
            cluster.remove("mischief");
            cluster.remove("waiting");
        });
    }

    /** Everything. */
    public JsonObject cluster() {
        try {
            return JsonParser.parseString(Files.readString(file())).getAsJsonObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs PVE's command as somebody at its web interface would; gives what it printed. */
    public String pvesh(String... words) {
        String[] command = new String[words.length + 1];
        command[0] = pvesh().toString();
        System.arraycopy(words, 0, command, 1, words.length);
        return Commands.run(command);
    }

    // Perl's flock is flock(2), which Java's locks of whole files are not: the rename makes each change whole, and
    // tests change
    // nothing while a program does.
    private void change(Consumer<JsonObject> change) {
        try (FileChannel lock = FileChannel.open(
                        directory.resolve("cluster.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock held = lock.lock()) {
            JsonObject cluster = cluster();
            change.accept(cluster);
            Path made = Files.writeString(directory.resolve("cluster.json.test"), Json.PRETTY.toJson(cluster));
            Files.move(made, file(), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
