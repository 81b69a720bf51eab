/**
 * The catalog as directories: {@code /snapshots/<vm>/<yyyy-mm-dd>/<name>/}. Every look-up asks the catalog, so that a new
 * snapshot is there at once and a deleted one is gone at once; nothing here changes anything.
 */
package org.flatsnap.view;
