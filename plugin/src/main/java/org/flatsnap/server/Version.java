package org.flatsnap.server;

import picocli.CommandLine.IVersionProvider;

/** The version written into the jar's manifest. */
public final class Version implements IVersionProvider {
    /** The version, {@code development} where there is no manifest. */
    public static String text() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    @Override
    public String[] getVersion() {
        return new String[] {"flatsnap " + text()};
    }
}
