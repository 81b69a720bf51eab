/**
 * Typed doors to the Linux kernel and to C libraries, opened with JNA.
 *
 * <p>No policy and no knowledge of VMs: each public method is one system call or the few that always belong together, and
 * a call that fails throws an {@link org.flatsnap.linux.ErrnoException} that names call, path and errno. All of it may be
 * used by several threads.
 */
package org.flatsnap.linux;
