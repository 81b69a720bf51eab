/**
 * The words flatsnap is written in: VMs, disks, snapshots, their names, and the one way an error is told.
 *
 * <p>Everything here is an immutable value. Text that comes from outside (command line, API, libvirt, a file) becomes one
 * of these types once, at the edge, and is refused there with a {@link org.flatsnap.model.Problem} if it does not fit.
 * {@link org.flatsnap.model.Json} is the one codec between these values and JSON.
 */
package org.flatsnap.model;
