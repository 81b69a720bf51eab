/**
 * Who may do what, and the record of what they did: roles and the VMs they are for, tokens of callers from the network, the
 * audit log. It knows nothing of HTTP; the server asks it in one place.
 */
package org.flatsnap.access;
