package org.flatsnap.hypervisor;

import com.google.gson.JsonParser;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToIntFunction;
import org.flatsnap.linux.Durability;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.VmId;
import org.flatsnap.model.VmState;
import org.libvirt.Connect;
import org.libvirt.Domain;
import org.libvirt.DomainInfo.DomainState;
import org.libvirt.Error.ErrorNumber;
import org.libvirt.LibvirtException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The hypervisor as libvirt offers it. Connects for each call, and waits for no answer for ever: one that has not come in time
 * is a {@link Problem} whose cause is a {@link java.util.concurrent.TimeoutException}, and then nobody knows whether what was asked for has been or will be done. Safe for use by several
 * threads.
 */
public final class Libvirt implements Guests {
    private static final Logger LOG = LoggerFactory.getLogger(Libvirt.class);

    /** Where libvirt's QEMU driver keeps the definitions of the system's domains. */
    private static final Path DEFINITIONS = Path.of("/etc/libvirt/qemu");

    private static final Duration STOP_POLL = Duration.ofMillis(200);

    private final String uri;
    private final Limits limits;
    private final TimedCalls calls;
    private final AgentLibrary agents;

    /**
     * A domain as libvirt describes it.
     *
     * @param persistent whether it stays defined when it is off
     * @param savedMemory whether it is off with a managed save image
     * @param liveXml what runs now, the same as {@code inactiveXml} if nothing does
     * @param inactiveXml what it would be started from next time, with secrets
     */
    public record DomainDescription(
            VmId id,
            String name,
            VmState state,
            boolean persistent,
            boolean savedMemory,
            String liveXml,
            String inactiveXml) {}

    /**
     * How long an answer is waited for.
     *
     * @param question of what only asks; an agent's own time comes on top
     * @param change of what changes a domain
     * @param start of starting one
     */
    record Limits(Duration question, Duration change, Duration start) {
        private static final Limits USUAL = new Limits(
                Duration.ofSeconds(15),
                // A change waits for other work on the domain, and libvirt, which knows what that is, itself gives up
                // after
                // 30 seconds (QEMU_JOB_WAIT_TIME). Cutting the power of a guest takes it as long if the disks hang.
                Duration.ofSeconds(60),
                // Memory may have to be allocated, and hooks to run.
                Duration.ofMinutes(5));
    }

    /** Nothing is connected before the first call. */
    public Libvirt(String uri) {
        this(uri, Limits.USUAL);
    }

    Libvirt(String uri, Limits limits) {
        this.uri = uri;
        this.limits = limits;
        this.calls = new TimedCalls(uri);
        this.agents = AgentLibrary.load();
        try {
            // Without a callback of ours libvirt prints every error to standard error as well.
            Connect.setErrorCallback((userData, error) -> LOG.debug("libvirt: {}", error.message));
        } catch (LibvirtException e) {
            throw failure("cannot set up libvirt", e);
        }
    }

    /** libvirt's version, for people: {@code 9.0.0}. */
    public String version() {
        return call("cannot ask libvirt for its version", limits.question, connect -> {
            long version = connect.getLibVersion();
            return version / 1_000_000 + "." + version / 1_000 % 1_000 + "." + version % 1_000;
        });
    }

    /** Every domain, running or not. One that is undefined meanwhile is left out. */
    public List<DomainDescription> domains() {
        return call("cannot list VMs", limits.question, connect -> {
            List<DomainDescription> found = new ArrayList<>();
            for (Domain domain : connect.listAllDomains(0)) {
                try {
                    found.add(describe(domain));
                } catch (LibvirtException e) {
                    if (!missing(e)) {
                        throw e;
                    }
                } finally {
                    domain.free();
                }
            }
            return found;
        });
    }

    /** One domain, if it is defined. */
    public Optional<DomainDescription> domain(VmId vm) {
        return look("cannot look up VM " + vm, vm, Libvirt::describe);
    }

    private <T> Optional<T> look(String what, VmId vm, Call<Domain, T> call) {
        return call(what, limits.question, connect -> {
            try {
                Domain domain = connect.domainLookupByUUIDString(vm.value());
                try {
                    return Optional.of(call.apply(domain));
                } finally {
                    domain.free();
                }
            } catch (LibvirtException e) {
                if (missing(e)) {
                    return Optional.empty();
                }
                throw e;
            }
        });
    }

    private static DomainDescription describe(Domain domain) throws LibvirtException {
        String live = domain.getXMLDesc(0);
        return new DomainDescription(
                new VmId(domain.getUUIDString()),
                domain.getName(),
                state(domain),
                domain.isPersistent() > 0,
                domain.hasManagedSaveImage() > 0,
                live,
                domain.getXMLDesc(Domain.XMLFlags.INACTIVE | Domain.XMLFlags.SECURE));
    }

    private static VmState state(Domain domain) throws LibvirtException {
        DomainState state = domain.getInfo().state;
        return switch (state) {
            case VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_CRASHED -> VmState.OFF;
            case VIR_DOMAIN_PAUSED, VIR_DOMAIN_PMSUSPENDED -> VmState.PAUSED;
            case VIR_DOMAIN_RUNNING, VIR_DOMAIN_BLOCKED, VIR_DOMAIN_SHUTDOWN, VIR_DOMAIN_NOSTATE -> VmState.RUNNING;
        };
    }

    @Override
    public VmState state(VmId vm) {
        return look("cannot ask for the state of VM " + vm, vm, Libvirt::state).orElse(VmState.OFF);
    }

    @Override
    public void suspend(VmId vm) {
        act("cannot pause VM " + vm, vm, limits.change, Domain::suspend);
    }

    @Override
    public void resume(VmId vm) {
        act("cannot resume VM " + vm, vm, limits.change, Domain::resume);
    }

    /** Starts a domain that is off. */
    public void start(VmId vm) {
        act("cannot start VM " + vm, vm, limits.start, Domain::create);
    }

    /** Asks the guest to shut down and waits; after {@code patience} its power is cut. Off already is fine. */
    public void stop(VmId vm, Duration patience) {
        if (state(vm) == VmState.OFF) {
            return;
        }
        long deadline = System.nanoTime() + patience.toNanos();
        boolean asked = false;
        while (System.nanoTime() < deadline) {
            try {
                if (!asked) {
                    act("cannot shut down VM " + vm, vm, limits.change, Domain::shutdown);
                    asked = true;
                }
                if (state(vm) == VmState.OFF) {
                    return;
                }
            } catch (Problem e) {
                // libvirtd may be restarting; a guest is not to lose its power for that.
                LOG.warn("{}; trying again", e.getMessage());
            }
            pause(vm);
        }
        LOG.warn("VM {} did not shut down within {} s: cutting its power", vm, patience.toSeconds());
        if (state(vm) != VmState.OFF) {
            act("cannot stop VM " + vm, vm, limits.change, Domain::destroy);
        }
    }

    private static void pause(VmId vm) {
        try {
            Thread.sleep(STOP_POLL.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Problem(
                    Code.UNAVAILABLE, "cannot stop VM " + vm, "the daemon is stopping", "Try again when it is back", e);
        }
    }

    /** Defines a domain, or replaces the definition of the one with the same UUID, durably. */
    public void define(String xml) {
        call("cannot define the VM", limits.change, connect -> connect.domainDefineXML(xml)
                .free());
        if (Files.isDirectory(DEFINITIONS)) {
            try {
                // libvirt flushes the file that it writes, but not its entry in the directory.
                Durability.sync(DEFINITIONS);
            } catch (IOException e) {
                LOG.warn("a definition of libvirt may not survive a loss of power: {}", e.getMessage());
            }
        }
    }

    @Override
    public int freeze(VmId vm, Duration patience) {
        return agentCall(
                "cannot freeze the file systems of VM " + vm,
                vm,
                patience,
                domain -> agents.virDomainFSFreeze(domain, null, 0, 0));
    }

    @Override
    public int thaw(VmId vm, Duration patience) {
        return agentCall(
                "cannot thaw the file systems of VM " + vm,
                vm,
                patience,
                domain -> agents.virDomainFSThaw(domain, null, 0, 0));
    }

    @Override
    public boolean frozen(VmId vm, Duration patience) {
        // libvirt has no call of its own for this question.
        String answer = with(
                "cannot ask the guest agent of VM " + vm,
                vm,
                patience.plus(limits.question),
                domain -> domain.qemuAgentCommand("{\"execute\":\"guest-fsfreeze-status\"}", seconds(patience), 0));
        return !JsonParser.parseString(answer)
                .getAsJsonObject()
                .get("return")
                .getAsString()
                .equals("thawed");
    }

    /** Longer than the agent is waited for, which libvirt itself ends. */
    private int agentCall(String what, VmId vm, Duration patience, ToIntFunction<Pointer> call) {
        return calls.within(patience.plus(limits.question), what, () -> callAgent(what, vm, patience, call));
    }

    private int callAgent(String what, VmId vm, Duration patience, ToIntFunction<Pointer> call) {
        Pointer own = agents.virConnectOpen(uri);
        if (own == null) {
            throw agentFailure(what);
        }
        try {
            Pointer domain = agents.virDomainLookupByUUIDString(own, vm.value());
            if (domain == null) {
                throw agentFailure(what);
            }
            try {
                // The time-out outlives this call and even the guest's run, hence the reset.
                if (agents.virDomainAgentSetResponseTimeout(domain, seconds(patience), 0) < 0) {
                    throw agentFailure(what);
                }
                int result = call.applyAsInt(domain);
                Problem failure = result < 0 ? agentFailure(what) : null;
                agents.virDomainAgentSetResponseTimeout(domain, AgentLibrary.BLOCK, 0);
                if (failure != null) {
                    throw failure;
                }
                return result;
            } finally {
                agents.virDomainFree(domain);
            }
        } finally {
            agents.virConnectClose(own);
        }
    }

    private Problem agentFailure(String what) {
        return new Problem(
                Code.UNAVAILABLE,
                what,
                String.valueOf(agents.virGetLastErrorMessage()),
                "Check that qemu-guest-agent is installed and running in the guest");
    }

    @FunctionalInterface
    private interface Call<A, T> {
        T apply(A argument) throws LibvirtException;
    }

    @FunctionalInterface
    private interface Action {
        void apply(Domain domain) throws LibvirtException;
    }

    private void act(String what, VmId vm, Duration limit, Action action) {
        with(what, vm, limit, domain -> {
            action.apply(domain);
            return null;
        });
    }

    private <T> T with(String what, VmId vm, Duration limit, Call<Domain, T> call) {
        return call(what, limit, connect -> {
            Domain domain = connect.domainLookupByUUIDString(vm.value());
            try {
                return call.apply(domain);
            } finally {
                domain.free();
            }
        });
    }

    /** What the agent's time-out is told in; 0 would mean not to wait at all. */
    private static int seconds(Duration patience) {
        return Math.toIntExact(Math.max(1, patience.toSeconds()));
    }

    /**
     * On a connection of its own: opening one takes a few milliseconds, and so no thread ever closes or waits for the
     * connection of another, and libvirtd may be restarted between any two calls.
     */
    private <T> T call(String what, Duration limit, Call<Connect, T> call) {
        return calls.within(limit, what, () -> connected(what, call));
    }

    private <T> T connected(String what, Call<Connect, T> call) {
        try {
            Connect connection = new Connect(uri);
            try {
                return call.apply(connection);
            } finally {
                connection.close();
            }
        } catch (LibvirtException e) {
            throw failure(what, e);
        }
    }

    private static boolean missing(LibvirtException e) {
        return e.getError() != null && e.getError().getCode() == ErrorNumber.VIR_ERR_NO_DOMAIN;
    }

    private Problem failure(String what, LibvirtException e) {
        String why = String.valueOf(e.getMessage()).strip();
        if (missing(e)) {
            return new Problem(Code.NOT_FOUND, what, why, "See 'flatsnap vms'", e);
        }
        if (connectionFailed(e)) {
            return new Problem(
                    Code.UNAVAILABLE,
                    what,
                    "libvirt at " + uri + " does not answer (" + why + ")",
                    "Start it: systemctl start libvirtd",
                    e);
        }
        return new Problem(Code.UNAVAILABLE, what, why, "See libvirt's log (journalctl -u libvirtd)", e);
    }

    private static boolean connectionFailed(LibvirtException e) {
        return switch (e.getError().getDomain()) {
            case VIR_FROM_RPC, VIR_FROM_REMOTE -> true;
            default -> false;
        };
    }
}
