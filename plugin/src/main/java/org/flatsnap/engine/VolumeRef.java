package org.flatsnap.engine;

import static java.util.Objects.requireNonNull;

import org.flatsnap.model.Place;
import org.flatsnap.model.VolumeName;

/** Which volume is meant: a name on a store. */
public record VolumeRef(Place place, VolumeName name) {
    /** Checks that nothing is missing. */
    public VolumeRef {
        requireNonNull(place, "place");
        requireNonNull(name, "name");
    }

    /** The same place, another name. */
    public VolumeRef named(VolumeName other) {
        return new VolumeRef(place, other);
    }

    /** The guest that owns it, as operations are about it. */
    String owner() {
        return Integer.toString(name.vmid());
    }

    @Override
    public String toString() {
        return "volume " + name + " on " + place;
    }
}
