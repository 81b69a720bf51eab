package org.flatsnap.view;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.flatsnap.catalog.Catalog;
import org.flatsnap.catalog.CatalogListener;
import org.flatsnap.catalog.VmEntry;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Snapshot;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmName;

/**
 * The directory name of each VM that has snapshots in use, or of each that has retired ones: its display name, or {@code <name>~<short id>} where several VMs share one. A leading dot,
 * which would hide the directory, becomes an underscore.
 *
 * <p>Computed anew only when a VM has come, gone or got another name, so a look-up costs no walk over the VMs. For use by any
 * number of threads.
 */
final class VmLabels {
    /** What was so after a number of changes. */
    private record Labels(long changes, Map<VmId, VmName> names, Map<String, VmId> vms, Map<VmId, String> ofVms) {}

    private final Supplier<List<VmEntry>> all;
    private final Function<VmId, Optional<VmEntry>> one;
    private final AtomicLong changes = new AtomicLong();
    private volatile Labels labels = new Labels(-1, Map.of(), Map.of(), Map.of());

    /**
     * @param all gives the VMs
     * @param one gives the same of one of them
     */
    VmLabels(Catalog catalog, Supplier<List<VmEntry>> all, Function<VmId, Optional<VmEntry>> one) {
        this.all = all;
        this.one = one;
        catalog.listen(new CatalogListener() {
            @Override
            public void changed(Optional<Snapshot> before, Optional<Snapshot> after) {
                if (!Stream.concat(before.stream(), after.stream())
                        .map(Snapshot::vm)
                        .allMatch(VmLabels.this::isKnown)) {
                    changes.incrementAndGet();
                }
            }

            @Override
            public void replaced() {
                changes.incrementAndGet();
            }

            @Override
            public void damaged() {
                // The VMs are the same.
            }
        });
    }

    /** Whether a VM is as the labels have it. */
    private boolean isKnown(VmId vm) {
        Labels known = labels;
        try {
            return known.changes() == changes.get()
                    && one.apply(vm)
                            .map(VmEntry::name)
                            .equals(Optional.ofNullable(known.names().get(vm)));
        } catch (Problem e) {
            // A listener does not throw, and whoever looks next is told.
            return false;
        }
    }

    Optional<VmId> find(String label) {
        return Optional.ofNullable(present().vms().get(label));
    }

    Optional<String> of(VmId vm) {
        return Optional.ofNullable(present().ofVms().get(vm));
    }

    void forEach(BiConsumer<String, VmId> consumer) {
        present().vms().forEach(consumer);
    }

    /** The VM behind each name. */
    Map<String, VmId> vms() {
        return present().vms();
    }

    private Labels present() {
        Labels known = labels;
        if (known.changes() != changes.get()) {
            known = compute();
            labels = known;
        }
        return known;
    }

    private Labels compute() {
        // Read first: what changes from here on makes this outdated.
        long before = changes.get();
        List<VmEntry> entries = all.get();
        Map<String, Long> bearers = entries.stream()
                .map(VmLabels::visible)
                .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
        Map<VmId, VmName> names = new HashMap<>();
        Map<String, VmId> vms = new TreeMap<>();
        for (VmEntry entry : entries) {
            names.put(entry.vm(), entry.name());
            String name = visible(entry);
            String label =
                    bearers.get(name) == 1 ? name : name + "~" + entry.vm().shortForm();
            if (vms.putIfAbsent(label, entry.vm()) != null) {
                vms.put(name + "~" + entry.vm(), entry.vm());
            }
        }
        Map<VmId, String> ofVms = new HashMap<>();
        vms.forEach((label, vm) -> ofVms.put(vm, label));
        return new Labels(before, names, vms, ofVms);
    }

    private static String visible(VmEntry entry) {
        String name = entry.name().value();
        return name.startsWith(".") ? "_" + name.substring(1) : name;
    }
}
