package org.flatsnap.server;

import picocli.CommandLine.IVersionProvider;

/** The version written into the jar's manifest. */
final class Version implements IVersionProvider {
    static String text() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    @Override
    public String[] getVersion() {
        return new String[] {"flatsnap " + text()};
    }
}
