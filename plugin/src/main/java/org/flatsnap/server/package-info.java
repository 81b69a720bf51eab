/**
 * The HTTP API on a unix socket and, with TLS, on the network. {@link org.flatsnap.server.ApiServer} opens the doors. {@code Gate}
 * is the one place where it is decided who asks and whether they may, and where the audit log is written; {@code Action} says
 * what each route takes, and a route that says nothing is answered to nobody. What a request says becomes values of the model
 * here, and what fails becomes a problem document in one place.
 */
package org.flatsnap.server;
