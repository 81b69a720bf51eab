/**
 * The catalog as directories: {@code /snapshots/<vm>/<yyyy-mm-dd>/<name>/}. What the kernel keeps of it is taken back
 * when the catalog changes, so that a new snapshot is there at once and a deleted one is gone at once; nothing here changes
 * anything.
 */
package org.flatsnap.view;
