/**
 * Typed door to OpenZFS 2.1 and later: libzfs_core where it has the call, else the programs {@code zfs} and {@code zpool}.
 *
 * <p>No policy and no knowledge of VMs. {@link org.flatsnap.linux.zfs.ZfsCore} changes snapshots and datasets,
 * {@link org.flatsnap.linux.zfs.ZfsPrograms} reads and sets properties and does what needs mounting,
 * {@link org.flatsnap.linux.zfs.ZvolDevices} knows the block devices. A call that fails throws a
 * {@link org.flatsnap.linux.zfs.ZfsException} that names call, dataset and errno, why, and what to do. All of it may be
 * used by several threads, and all of it needs root's rights.
 */
package org.flatsnap.linux.zfs;
