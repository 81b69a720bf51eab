/**
 * Where snapshots stand: beside the disks, complete, in a form that needs no other record.
 *
 * <p>A {@link org.flatsnap.store.Store} gives the few atomic steps the engine is made of: clone disks into staging, publish
 * by one rename, stage a rollback and swap it in under a durable {@link org.flatsnap.store.Intent}, delete by one rename.
 * {@link org.flatsnap.store.ReflinkStore} does this by whole-file clones on XFS, btrfs and OCFS2. The layout:
 *
 * <pre>
 * .flatsnap/store.json                                   identity: uuid, layout version
 * .flatsnap/locks/&lt;vm id&gt;                                flock(2) file, never removed
 * .flatsnap/vms/&lt;vm id&gt;/&lt;snapshot id&gt;/snapshot.json      the truth about this snapshot, with its own checksum
 *                                     domain.xml         the VM's definition at that moment
 *                                     nvram.fd           its UEFI variables, if it has any
 *                                     disks/&lt;disk&gt;.raw   complete images
 * .flatsnap/vms/&lt;vm id&gt;/.deleted/&lt;snapshot id&gt;/          unpublished, being freed
 * .flatsnap/staging/&lt;node&gt;-&lt;boot id&gt;-&lt;operation id&gt;/     unpublished work; its owner holds a flock on "owner" in it
 * .flatsnap/intents/&lt;vm id&gt;.json                         a rollback under way: the VM must not start while it stands
 * </pre>
 */
package org.flatsnap.store;
