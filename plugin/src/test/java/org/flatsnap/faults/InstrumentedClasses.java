package org.flatsnap.faults;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.net.JarURLConnection;
import java.net.URL;
import java.security.CodeSource;
import java.security.ProtectionDomain;
import java.security.cert.Certificate;

/**
 * All classes of flatsnap once more, and of its tests, of which those that do things tell {@link Steps} of each step. For a JVM
 * that other tests share, and where another JVM would take too long to start.
 */
final class InstrumentedClasses extends ClassLoader {
    private static final String OURS = "org.flatsnap.";

    private static final URL TESTS =
            InstrumentedClasses.class.getProtectionDomain().getCodeSource().getLocation();

    private final Sites sites = Sites.scan();

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
        URL url = getParent().getResource(file);
        if (url == null) {
            throw new ClassNotFoundException(name);
        }
        try (InputStream in = url.openStream()) {
            byte[] bytes = in.readAllBytes();
            URL place = place(url, file);
            // Tests lie in the same packages and are not on stage.
            if (Sites.ours(name.replace('.', '/')) && !place.sameFile(TESTS)) {
                bytes = sites.instrument(bytes);
            }
            CodeSource source = new CodeSource(place, (Certificate[]) null);
            return defineClass(name, bytes, 0, bytes.length, new ProtectionDomain(source, null, this, null));
        } catch (IOException e) {
            throw new ClassNotFoundException(name, e);
        }
    }

    /** The directory or the jar that it lies in. */
    private static URL place(URL url, String file) throws IOException {
        if (url.openConnection() instanceof JarURLConnection jar) {
            return jar.getJarFileURL();
        }
        String text = url.toString();
        return new URL(text.substring(0, text.length() - file.length()));
    }
}
