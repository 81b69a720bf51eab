package org.flatsnap.faults;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.ProtectionDomain;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;

/** Lets the classes of a JVM tell {@link Steps} of each step; their bytes on disk stay as they are. */
public final class StepsAgent {
    private StepsAgent() {}

    /** Called by the JVM, before any other class of ours is loaded. */
    public static void premain(String controlFile, Instrumentation instrumentation) {
        Sites sites = Sites.written(sitesOf(Path.of(controlFile)));
        instrumentation.addTransformer(new ClassFileTransformer() {
            @Override
            public byte[] transform(
                    ClassLoader loader, String name, Class<?> again, ProtectionDomain domain, byte[] bytes) {
                // Tests lie in the same packages and are not on stage.
                if (name == null || !Sites.ours(name) || isTest(domain)) {
                    return null;
                }
                try {
                    return sites.instrument(bytes);
                } catch (RuntimeException | Error e) {
                    // The JVM would go on without a word.
                    e.printStackTrace();
                    Runtime.getRuntime().halt(99);
                    return null;
                }
            }
        });
        Steps.begin(Control.at(Path.of(controlFile)), sites.all());
    }

    private static boolean isTest(ProtectionDomain domain) {
        return domain.getCodeSource().getLocation().getPath().endsWith("/test-classes/");
    }

    private static Path sitesOf(Path controlFile) {
        return controlFile.resolveSibling(controlFile.getFileName() + ".sites");
    }

    /** Makes the jar that the JVM wants, whose classes are those of the class path; gives the option that names it. */
    static String option(Path directory, Path controlFile) {
        // To find them takes longer than to start a daemon.
        CrashWorld.SITES.write(sitesOf(controlFile));
        Path jar = directory.resolve("steps.jar");
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(new Attributes.Name("Premain-Class"), StepsAgent.class.getName());
        try (OutputStream file = Files.newOutputStream(jar);
                JarOutputStream out = new JarOutputStream(file, manifest)) {
            out.finish();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return "-javaagent:" + jar + "=" + controlFile;
    }
}
