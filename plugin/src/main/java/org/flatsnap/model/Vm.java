package org.flatsnap.model;

import static java.util.Objects.requireNonNull;
import static java.util.Objects.requireNonNullElse;

import com.google.gson.annotations.SerializedName;
import java.util.List;
import java.util.Optional;

/**
 * A VM as its manager knows it now.
 *
 * @param id identity at the manager
 * @param name display name
 * @param state whether its disks are in use
 * @param persistent whether it stays defined when it is off
 * @param savedMemory whether it is off with its memory saved to a file, to be continued on exactly these disks
 * @param agent whether a guest agent can be talked to
 * @param disks in the order of the definition
 * @param firmware the absolute path of its NVRAM file (UEFI variables), if it has one
 * @param definition what the manager would start it from next time; for libvirt the inactive domain XML with secrets
 */
public record Vm(
        VmId id,
        VmName name,
        VmState state,
        boolean persistent,
        boolean savedMemory,
        Agent agent,
        List<Disk> disks,
        Optional<String> firmware,
        String definition) {

    /** The state of the guest agent. */
    public enum Agent {
        /** The definition has no channel for it. */
        @SerializedName("none")
        NONE,
        /** The channel is there and nobody listens in the guest; always so while the VM is off. */
        @SerializedName("disconnected")
        DISCONNECTED,
        /** An agent has opened the channel. It may hang all the same. */
        @SerializedName("connected")
        CONNECTED
    }

    /** Checks that nothing is missing. */
    public Vm {
        requireNonNull(id, "id");
        requireNonNull(name, "name");
        requireNonNull(state, "state");
        requireNonNull(agent, "agent");
        disks = List.copyOf(disks);
        firmware = requireNonNullElse(firmware, Optional.empty());
        requireNonNull(definition, "definition");
    }

    /** What people call it in messages. */
    @Override
    public String toString() {
        return name.value();
    }
}
