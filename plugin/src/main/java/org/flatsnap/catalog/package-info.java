/**
 * The catalog, flatsnap's storage organization model: an index over the snapshots that stand on storage.
 *
 * <p>{@link org.flatsnap.catalog.Catalog} is the door; {@link org.flatsnap.catalog.SnapshotQuery} says what to find.
 *
 * <h2>Keys</h2>
 *
 * <p>A <i>stamp</i> is the moment a snapshot was taken and its id, 39 bytes that sort by time. Nearly every key is a prefix
 * and a stamp, so whatever shares a prefix is one run in time order, and a page of it is one seek and one walk. MapDB keeps
 * each map as a B-tree with 32 entries a node: a look-up among a million entries reads four or five nodes.
 *
 * <pre>
 * map              key                              value                        serves
 * records          vm NUL stamp                     the snapshot's JSON          one VM in any time range; its newest
 * times            stamp                            VM, name, description        all VMs in any time range; text search
 * words            "id" NUL id NUL stamp            vm                           find by id
 *                  "operation" NUL uuid NUL stamp   vm                           find by operation
 *                  "vm-name" NUL vm NUL name NUL stamp  vm                       find by name
 *                  "name" NUL name NUL stamp        vm                           one name on all VMs
 *                  "tag" NUL tag NUL stamp          vm                           one tag
 * counts           prefix of a name or tag; empty   number of snapshots (8)      the choice of the narrowest
 * vms              vm                               number, newest stamp, name   the list of VMs
 * results          operation                        time, JSON                   retries
 * results-by-time  time operation                   nothing                      dropping old results
 * marks            "clean"                          nothing                      an unclean end
 * </pre>
 *
 * <p>Behind each value stands a CRC32C over the map's name, the key and the value ({@code Table}).
 *
 * <p>A put or remove changes about seven entries and two more for each tag. A query costs the entries it walks: a page's
 * length when an index fits it, more when much of what it walks is filtered out.
 *
 * <h2>File</h2>
 *
 * <p>{@code BlockFile} gives MapDB a file in blocks of 4096 bytes, each with its own CRC32C, that moves from commit to
 * commit through a redo journal. It also knows which checksum each block was last written with, so that a write which the disk
 * lost is found. What MapDB 3.1.0 has itself for that does neither: its write-ahead log is never read back,
 * and its checksums exclude transactions. MapDB (and the Kotlin it brings) is used in this package only.
 */
package org.flatsnap.catalog;
