/**
 * Guests that run: libvirt's calls with deadlines, and how a guest is brought to stand still for the moment of a snapshot
 * and never longer.
 *
 * <p>{@link org.flatsnap.hypervisor.Quiescer} is the whole story of freeze and pause; {@link org.flatsnap.hypervisor.Libvirt}
 * is its hands. {@link org.flatsnap.hypervisor.Watchdog} is a process of its own that lets guests go on when the daemon does
 * not, for whatever reason, and {@link org.flatsnap.hypervisor.WatchdogProcess} is how the daemon speaks to it.
 */
package org.flatsnap.hypervisor;
