/**
 * What flatsnap does to VMs. One class tells one story from top to bottom: begin with
 * {@link org.flatsnap.engine.TakeSnapshot}. {@link org.flatsnap.engine.Engine} is the way in.
 */
package org.flatsnap.engine;
