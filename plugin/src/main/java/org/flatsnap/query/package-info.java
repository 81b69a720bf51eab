/** The language in which people search snapshots, the same in the command line, the API and the view. */
package org.flatsnap.query;
