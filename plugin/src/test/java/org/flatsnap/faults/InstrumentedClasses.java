package org.flatsnap.faults;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.security.ProtectionDomain;
import java.security.cert.Certificate;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * All classes of flatsnap once more, and of its tests, of which those that do things tell {@link Steps} of each step. For a JVM
 * that other tests share, and where another JVM would take too long to start.
 */
final class InstrumentedClasses extends ClassLoader {
    private static final String OURS = "org.flatsnap.";

    private final Sites sites = Sites.scan();
    private final List<Path> places = Stream.of(
                    System.getProperty("java.class.path").split(File.pathSeparator))
            .map(Path::of)
            .filter(Files::isDirectory)
            .toList();

    private InstrumentedClasses() {
        super(InstrumentedClasses.class.getClassLoader());
    }

    /** Runs a task, made by its constructor without arguments, with all it uses in these classes. */
    static void run(Class<? extends Runnable> task) {
        try {
            Class<?> again = new InstrumentedClasses().loadClass(task.getName());
            var constructor = again.getDeclaredConstructor();
            constructor.setAccessible(true);
            ((Runnable) constructor.newInstance()).run();
        } catch (InvocationTargetException e) {
            throw new AssertionError(e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        if (!name.startsWith(OURS)) {
            return super.loadClass(name, resolve);
        }
        synchronized (getClassLoadingLock(name)) {
            Class<?> known = findLoadedClass(name);
            return known == null ? findClass(name) : known;
        }
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
        String file = name.replace('.', '/') + ".class";
        Path place = places.stream()
                .filter(candidate -> Files.exists(candidate.resolve(file)))
                .findFirst()
                .orElseThrow(() -> new ClassNotFoundException(name));
        try {
            byte[] bytes = Files.readAllBytes(place.resolve(file));
            URL url = place.toUri().toURL();
            if (Sites.ours(name.replace('.', '/')) && !place.equals(ofTests())) {
                bytes = sites.instrument(bytes);
            }
            CodeSource source = new CodeSource(url, (Certificate[]) null);
            return defineClass(name, bytes, 0, bytes.length, new ProtectionDomain(source, null, this, null));
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    /** Where the tests lie, some of them in the packages of what they test. */
    private Path ofTests() {
        String file = InstrumentedClasses.class.getName().replace('.', '/') + ".class";
        Optional<Path> place = places.stream()
                .filter(candidate -> Files.exists(candidate.resolve(file)))
                .findFirst();
        return place.orElseThrow();
    }
}
