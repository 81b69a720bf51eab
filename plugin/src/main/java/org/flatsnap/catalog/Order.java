package org.flatsnap.catalog;

/** The order of a query's answer, by the time the snapshots were taken. */
public enum Order {
    /** What people look for first. */
    NEWEST_FIRST,
    /** As it happened. */
    OLDEST_FIRST
}
