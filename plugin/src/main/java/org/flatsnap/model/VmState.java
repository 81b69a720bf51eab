package org.flatsnap.model;

import com.google.gson.annotations.SerializedName;
import java.util.Locale;

/** Whether a VM's disks are in use. */
public enum VmState {
    /** The guest runs and writes. */
    @SerializedName("running")
    RUNNING,
    /** The guest stands still, by somebody's order, and keeps its disks open. */
    @SerializedName("paused")
    PAUSED,
    /** No process has the disks open. */
    @SerializedName("off")
    OFF;

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
