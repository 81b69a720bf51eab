package org.flatsnap.linux.zfs;

/**
 * An error in words.
 *
 * @param why what stands in the way, without a final stop
 * @param remedy what to do next, a sentence without a final stop
 */
record Diagnosis(String why, String remedy) {}
