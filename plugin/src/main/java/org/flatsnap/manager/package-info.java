/**
 * Who knows the VMs: their names, disks and definitions, and how a VM is stopped, started, defined anew or as a copy.
 */
package org.flatsnap.manager;
