package org.flatsnap.hypervisor;

import java.util.Set;
import org.flatsnap.model.Consistency;
import org.flatsnap.model.Quiescence;
import org.flatsnap.model.Vm;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;

/** Touches no guest: their manager freezes and pauses them itself when it takes a snapshot. */
public final class LeftToManager implements Standstill {
    @Override
    public Quiescence during(Vm vm, Consistency asked, boolean several, boolean strict, Runnable moment) {
        moment.run();
        boolean torn = several && vm.state() == VmState.RUNNING;
        String note = asked == Consistency.CRASH ? "" : "left to the manager";
        return new Quiescence(asked, Consistency.CRASH, vm.state(), 0, 0, torn, note);
    }

    @Override
    public void recover() {}

    @Override
    public Set<VmId> unconfirmed() {
        return Set.of();
    }

    @Override
    public void close() {}
}
