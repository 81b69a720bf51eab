package org.flatsnap.faults;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import org.flatsnap.faults.RaceBench.Machine;

/**
 * What all who take part in a race have in common.
 *
 * @param power the switches of the VMs
 * @param histories what there is to explain, by VM
 * @param known names by ids of the snapshots that a VM seems to have, as the clients were told
 */
record RaceScene(
        RaceBench bench,
        RaceMachines power,
        List<Machine> machines,
        Map<Machine, RaceHistory> histories,
        Map<Machine, Map<String, String>> known,
        RaceFigures figures,
        RaceWatch watch) {

    /** A scene in which nothing has happened. */
    static RaceScene of(
            RaceBench bench, RaceMachines power, List<Machine> machines, RaceFigures figures, RaceWatch watch) {
        Map<Machine, RaceHistory> histories = new HashMap<>();
        Map<Machine, Map<String, String>> known = new HashMap<>();
        for (Machine machine : machines) {
            histories.put(machine, new RaceHistory());
            known.put(machine, new ConcurrentSkipListMap<>());
        }
        return new RaceScene(bench, power, machines, histories, known, figures, watch);
    }
}
