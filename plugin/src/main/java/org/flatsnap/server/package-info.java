/**
 * The HTTP API on a unix socket. {@link org.flatsnap.server.ApiServer} is the door; what a request says becomes values of the
 * model here, and what fails becomes a problem document in one place.
 */
package org.flatsnap.server;
