/** The running daemon: reads one TOML file, makes all the parts and ends them in order. The only place that knows every part. */
package org.flatsnap.daemon;
