/**
 * The catalog, flatsnap's storage organization model: an index over the snapshots that stand on storage.
 *
 * <p>{@link org.flatsnap.catalog.Catalog} is the door; {@link org.flatsnap.catalog.SnapshotQuery} says what to find.
 *
 * <h2>Keys</h2>
 *
 * <p>A <i>stamp</i> is the moment a snapshot was taken and its id, 24 bytes that sort by time. Nearly every key is a prefix
 * and a stamp, so whatever shares a prefix is one run in time order, and a page of it is one seek and one walk. MapDB keeps
 * each map as a B-tree with 32 entries a node: a look-up among a million entries reads four or five nodes. What the index
 * leads to, the <i>record</i>, stands by itself and is read by its number: two reads, whatever the number of snapshots.
 *
 * <pre>
 * map              key                              value                        serves
 * words            "v" vm NUL stamp                 number of the record         one VM in any time range, a day; its newest
 *                  "i" id stamp                                                  find by id
 *                  "o" operation stamp                                           find by operation
 *                  "m" vm NUL name NUL stamp                                     find by name; a name on some VMs
 *                  "n" name NUL stamp                                            one name on all VMs
 *                  "t" tag NUL stamp                                             one tag
 *                  "u" vm NUL tag NUL stamp                                      one tag on some VMs
 *                  "w" vm NUL name NUL stamp                                     what its manager has not finished
 * times            stamp                            record, VM, tags, texts      all VMs in any time range; what is read into memory
 * counts           tag; empty                       number of snapshots (8)      the choice of the best index
 * vms              vm                               number, newest stamp, name   the list of VMs
 * results          operation                        time, JSON                   retries
 * results-by-time  time operation                   nothing                      dropping old results
 * marks            "clean"                          nothing                      an unclean end
 * </pre>
 *
 * <p>Where a key has a VM, a retired snapshot ({@code Labels.retired}) has the VM's id and "!" behind it, in {@code vms} too: what is in
 * use and what is retired of a VM ({@code Section}) are apart as if they were two VMs, so a walk over one meets nothing of the other.
 *
 * <p>A snapshot that its manager has not finished ({@code Labels.underWay}) has the keys "i", "o" and "w" alone: no list, count
 * or query meets it.
 *
 * <p>Behind each value stands a CRC32C over the map's name, the key and the value ({@code Table}); behind each record one over
 * itself ({@code Heap}), and it has to have the stamp for which it was read.
 *
 * <h2>Memory</h2>
 *
 * <p>Three things are kept in memory too: the list of VMs, what was counted since the last checkpoint, and the {@code Timeline},
 * the rows of {@code times} with a signature of their texts and one of their VM and tags (about 130 bytes a snapshot). A text or
 * pattern that stands in no index, or tags that few snapshots have all of, are searched there: a signature that fits is looked at,
 * the others are passed over. A thousand rows that follow each other also have one set of all sequences of four characters in
 * their texts, so that most of them are passed over together. An index of all three letter words in MapDB would answer such searches with fewer steps, but a
 * snapshot has some fifty of them, and each costs as much to insert as any other entry. The timeline is read in the background after
 * opening; until then, and where it would take more than a quarter of the memory there is,
 * searches walk the map.
 *
 * <h2>Costs</h2>
 *
 * <p>A put or remove changes seven entries and two more for each tag, and one record. A query walks the index that promises a full page soonest,
 * by how many snapshots each tag and each VM has: a page costs the entries it walks and a read of a record for each that may
 * match. A search for a text of four letters or more that nobody has passes over a thousand rows at a time, one for a shorter text over
 * each row, about two nanoseconds each; one for a pattern whose letters tell little, like {@code *[0-9]?[xyz]}, looks at every
 * name, which takes some fifty times as long. Every page is a walk from a
 * place in time, so the hundredth costs what the first did.
 *
 * <h2>File</h2>
 *
 * <p>{@code BlockFile} gives MapDB a file in blocks of 4096 bytes, each with its own CRC32C, that moves from commit to
 * commit through a redo journal. It also knows which checksum each block was last written with, so that a write which the disk
 * lost is found. A single change would have to write dozens of blocks twice for that; so changes first go to a
 * {@code ChangeLog}, which takes one sync for all that wait together, and the blocks follow in a checkpoint, when 16 MiB of them have
 * changed. Opening makes the changes behind the last checkpoint again. What MapDB 3.1.0 has itself for that does neither: its
 * write-ahead log is never read back, and its checksums exclude transactions. MapDB (and the Kotlin it brings) is used in this package only.
 */
package org.flatsnap.catalog;
