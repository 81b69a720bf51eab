/**
 * The command line. It knows the API and nothing of the daemon's insides, loads few classes, and lets no text from outside
 * reach the terminal unescaped.
 */
package org.flatsnap.cli;
