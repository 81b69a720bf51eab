package org.flatsnap.catalog;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;

/** What the index by time knows about a snapshot, so that a search over all VMs reads the records of its matches only. */
record Summary(VmId vm, String name, String description) {
    static Summary of(Snapshot snapshot) {
        return new Summary(
                snapshot.vm(),
                snapshot.name().value(),
                snapshot.labels().description().value());
    }

    static Summary parse(byte[] bytes) {
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            return new Summary(new VmId(in.readUTF()), in.readUTF(), in.readUTF());
        } catch (IOException e) {
            throw new Damage("an entry of the index by time cannot be read", e);
        }
    }

    byte[] bytes() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeUTF(vm.value());
            out.writeUTF(name);
            out.writeUTF(description);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }
}
