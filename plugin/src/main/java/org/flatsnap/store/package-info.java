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
 * .flatsnap/locks/&lt;vm id&gt;.rollback                       another, held by whoever works on a rollback of the VM
 * .flatsnap/vms/&lt;vm id&gt;/&lt;snapshot id&gt;/snapshot.json      the truth about this snapshot, with its own checksum
 *                                     domain.xml         the VM's definition at that moment
 *                                     nvram.fd           its UEFI variables, if it has any
 *                                     undecided          in a guard until its rollback is decided
 *                                     disks/&lt;disk&gt;.raw   complete images
 * .flatsnap/vms/&lt;vm id&gt;/.deleted/&lt;snapshot id&gt;/          unpublished, being freed
 * .flatsnap/staging/&lt;node&gt;-&lt;boot id&gt;-&lt;operation id&gt;/     unpublished work; its owner holds a flock on "owner" in it
 * .flatsnap/intents/&lt;vm id&gt;.json                         a rollback under way: the VM must not start while it stands
 * .flatsnap/answers/&lt;operation id&gt;.json                what a delete or rollback of the last week answered, for its retry
 * .flatsnap/changes/&lt;node&gt;                               what this host changed, a line each, for the others to follow
 * images/&lt;number&gt;/&lt;volume&gt;.raw                           disks that it keeps for Proxmox VE, by the guests that own them
 * </pre>
 *
 * <p>Several hosts may use a reflink store on a cluster file system. Each knows what the others do by their
 * {@link org.flatsnap.store.ChangeLog}s, and that one of them died by its locks, which the cluster frees.
 *
 * <p>{@link org.flatsnap.store.ZfsStore} does it on OpenZFS. A disk is a volume below the configured dataset, or a raw file that
 * lies alone in a file system below it. Its dataset {@code .flatsnap} is mounted at {@code /var/lib/flatsnap/zfs/<name>}, slashes
 * written as plus signs, and has the same files but for images and records:
 *
 * <pre>
 * &lt;dataset&gt;/&lt;disk&gt;@flatsnap-&lt;snapshot id&gt;        an image; the user properties of the first disk's hold the record
 * &lt;dataset&gt;/&lt;volume&gt;                              a volume that it keeps for Proxmox VE
 * &lt;dataset&gt;/&lt;volume&gt;@flatsnap-copy-&lt;operation&gt;    what a copy was cloned from; it goes with that
 * &lt;dataset&gt;/.flatsnap                            files: store.json, locks, intents, staging, vms/.../domain.xml
 * &lt;dataset&gt;/.flatsnap/staged/&lt;operation&gt;.&lt;disk&gt;  a clone that is to become the live disk
 * &lt;dataset&gt;/.flatsnap/aside/&lt;operation&gt;.&lt;disk&gt;   what was live before, or was removed, with all its snapshots
 * &lt;dataset&gt;/.flatsnap/readers/&lt;process&gt;-&lt;n&gt;      a clone of an image that is being read
 * </pre>
 *
 * <p>User properties, all below {@code org.flatsnap:}, count only where they are local, because snapshots and children inherit
 * them: {@code state} (staged, published, deleted), {@code owner} and {@code vm} of an image, {@code record.0} to
 * {@code record.7} (see {@link org.flatsnap.store.ZfsRecord}), {@code live} of what stands aside, {@code finish}, {@code clone}
 * and {@code reader} of work under way.
 */
package org.flatsnap.store;
