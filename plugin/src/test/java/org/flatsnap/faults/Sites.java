package org.flatsnap.faults;

import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.flatsnap.engine.Engine;
import org.flatsnap.linux.Durability;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.Handle;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * All places at which flatsnap's compiled classes call out, found in the classes themselves, in the order of their names.
 * The same walk lets a class tell {@link Steps} before each of them. Immutable.
 */
final class Sites {
    /** What does things; the rest only asks these. */
    private static final Pattern PACKAGES =
            Pattern.compile("org/flatsnap/(linux|linux/zfs|store|catalog|engine|hypervisor|manager)/[^/]+");

    private static final Pattern LAMBDA = Pattern.compile("lambda\\$([^$]+)\\$\\d+$");

    private final List<Site> all;
    private final Map<String, Integer> numbers = new HashMap<>();
    private final Set<String> unknown;

    private Sites(List<Site> all, Set<String> unknown) {
        this.all = List.copyOf(all);
        this.unknown = unknown;
        for (int i = 0; i < all.size(); i++) {
            numbers.put(all.get(i).name(), i);
        }
    }

    /** Those of the classes that this process has on its class path. */
    static Sites scan() {
        Map<String, Site> found = new LinkedHashMap<>();
        Set<String> unknown = new LinkedHashSet<>();
        Stream.of(Durability.class, Engine.class)
                .flatMap(type -> classes(type).stream())
                .forEach(bytes -> {
                    ClassReader reader = new ClassReader(bytes);
                    if (ours(reader.getClassName())) {
                        reader.accept(new Walk(null, (site, visitor) -> found.put(site.name(), site), unknown), 0);
                    }
                });
        List<Site> sorted = new ArrayList<>(found.values());
        sorted.sort((a, b) -> a.name().compareTo(b.name()));
        return new Sites(sorted, unknown);
    }

    /** Those that {@link #write} wrote, which is quicker. */
    @SuppressWarnings("unchecked")
    static Sites written(Path file) {
        try (ObjectInputStream in = new ObjectInputStream(Files.newInputStream(file))) {
            return new Sites((List<Site>) in.readObject(), Set.of());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (ClassNotFoundException e) {
            throw new AssertionError(e);
        }
    }

    /** For the same classes in another process. */
    void write(Path file) {
        try (ObjectOutputStream out = new ObjectOutputStream(Files.newOutputStream(file))) {
            out.writeObject(new ArrayList<>(all));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static boolean ours(String className) {
        return PACKAGES.matcher(className).matches();
    }

    /** The bytes of all classes that lie where {@code type} does. */
    private static List<byte[]> classes(Class<?> type) {
        try {
            Path place = Path.of(
                    type.getProtectionDomain().getCodeSource().getLocation().toURI());
            if (Files.isDirectory(place)) {
                return read(place);
            }
            try (FileSystem jar = FileSystems.newFileSystem(URI.create("jar:" + place.toUri()), Map.of())) {
                return read(jar.getPath("/"));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static List<byte[]> read(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            List<byte[]> classes = new ArrayList<>();
            for (Path file : files.filter(path -> path.toString().endsWith(".class"))
                    .sorted()
                    .toList()) {
                classes.add(Files.readAllBytes(file));
            }
            return classes;
        }
    }

    /** In the order of their names; a site's number is its index. */
    List<Site> all() {
        return all;
    }

    /** The number of the one with this name. */
    int number(String name) {
        Integer number = numbers.get(name);
        if (number == null) {
            throw new AssertionError("there is no step " + name);
        }
        return number;
    }

    /** Calls of which nobody has said what they do. */
    Set<String> unknown() {
        return Collections.unmodifiableSet(unknown);
    }

    /** The class, telling {@link Steps} the number of each site before it is passed. */
    byte[] instrument(byte[] bytes) {
        ClassReader reader = new ClassReader(bytes);
        ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
        reader.accept(new Walk(writer, this::tell, new LinkedHashSet<>()), 0);
        return writer.toByteArray();
    }

    private void tell(Site site, MethodVisitor code) {
        Integer number = numbers.get(site.name());
        if (number != null) {
            code.visitLdcInsn(number);
            code.visitMethodInsn(Opcodes.INVOKESTATIC, "org/flatsnap/faults/Steps", "reached", "(I)V", false);
        }
    }

    private interface Found {
        void at(Site site, MethodVisitor code);
    }

    private static final class Walk extends ClassVisitor {
        private final Found found;
        private final Set<String> unknown;
        private final Map<String, Integer> seen = new HashMap<>();
        private String className;

        Walk(ClassVisitor next, Found found, Set<String> unknown) {
            super(Opcodes.ASM9, next);
            this.found = found;
            this.unknown = unknown;
        }

        @Override
        public void visit(
                int version, int access, String name, String signature, String superName, String[] interfaces) {
            className = name;
            super.visit(version, access, name, signature, superName, interfaces);
        }

        @Override
        public MethodVisitor visitMethod(
                int access, String method, String descriptor, String signature, String[] exceptions) {
            MethodVisitor next = super.visitMethod(access, method, descriptor, signature, exceptions);
            // Without a writer there is nobody to pass calls on to, and no need.
            return new MethodVisitor(Opcodes.ASM9, next) {
                @Override
                public void visitMethodInsn(
                        int opcode, String owner, String name, String callDescriptor, boolean isInterface) {
                    step(owner, name, false);
                    super.visitMethodInsn(opcode, owner, name, callDescriptor, isInterface);
                }

                @Override
                public void visitInvokeDynamicInsn(
                        String name, String callDescriptor, Handle bootstrap, Object... arguments) {
                    for (Object argument : arguments) {
                        if (argument instanceof Handle handle) {
                            step(handle.getOwner(), handle.getName(), true);
                        }
                    }
                    super.visitInvokeDynamicInsn(name, callDescriptor, bootstrap, arguments);
                }

                private void step(String owner, String name, boolean reference) {
                    String caller = className + "." + method;
                    String callee = owner + "." + name;
                    // A class's calls of its own methods lead nowhere yet.
                    var effect = owner.equals(className)
                            ? java.util.Optional.of(Effects.NOTHING)
                            : Effects.of(caller, callee);
                    if (effect.isEmpty()) {
                        unknown.add(caller + " calls " + callee);
                    } else if (effect.get() != Effects.NOTHING) {
                        // The numbers that the compiler gives lambdas change with every other one.
                        String plain = LAMBDA.matcher(caller).replaceFirst("$1").substring("org/flatsnap/".length())
                                + " > "
                                + callee.substring(callee.lastIndexOf('/') + 1);
                        int number = seen.merge(plain, 1, Integer::sum);
                        found.at(new Site(plain + " #" + number, callee, effect.get(), reference), this);
                    }
                }
            };
        }
    }
}
