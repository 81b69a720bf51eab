/**
 * Guests that run: libvirt's calls with deadlines, and how a guest is brought to stand still for the moment of a snapshot
 * and never longer.
 *
 * <p>{@link org.flatsnap.hypervisor.Quiescer} is the whole story of freeze and pause; {@link org.flatsnap.hypervisor.Libvirt}
 * is its hands.
 */
package org.flatsnap.hypervisor;
