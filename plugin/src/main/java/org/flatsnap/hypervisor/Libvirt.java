package org.flatsnap.hypervisor;

import com.google.gson.JsonParser;
import com.sun.jna.Pointer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToIntFunction;
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
 * The hypervisor as libvirt offers it. Connects when first needed and again after libvirtd was away. Safe for use by
 * several threads.
 */
public final class Libvirt implements Guests, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Libvirt.class);

    private static final Duration STOP_POLL = Duration.ofMillis(200);

    private final String uri;
    private final AgentLibrary agents;
    private Connect connection;

    /**
     * A domain as libvirt describes it.
     *
     * @param savedMemory whether it is off with a managed save image
     * @param liveXml what runs now, the same as {@code inactiveXml} if nothing does
     * @param inactiveXml what it would be started from next time, with secrets
     */
    public record DomainDescription(
            VmId id, String name, VmState state, boolean savedMemory, String liveXml, String inactiveXml) {}

    /** Nothing is connected yet. */
    public Libvirt(String uri) {
        this.uri = uri;
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
        return call("cannot ask libvirt for its version", connect -> {
            long version = connect.getLibVersion();
            return version / 1_000_000 + "." + version / 1_000 % 1_000 + "." + version % 1_000;
        });
    }

    /** Every domain, running or not. One that is undefined meanwhile is left out. */
    public List<DomainDescription> domains() {
        return call("cannot list VMs", connect -> {
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
        return call("cannot look up VM " + vm, connect -> {
            try {
                Domain domain = connect.domainLookupByUUIDString(vm.value());
                try {
                    return Optional.of(describe(domain));
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
        return domain(vm).map(DomainDescription::state).orElse(VmState.OFF);
    }

    @Override
    public void suspend(VmId vm) {
        act("cannot pause VM " + vm, vm, Domain::suspend);
    }

    @Override
    public void resume(VmId vm) {
        act("cannot resume VM " + vm, vm, Domain::resume);
    }

    /** Starts a domain that is off. */
    public void start(VmId vm) {
        act("cannot start VM " + vm, vm, Domain::create);
    }

    /** Asks the guest to shut down and waits; after {@code patience} its power is cut. Off already is fine. */
    public void stop(VmId vm, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        if (state(vm) == VmState.OFF) {
            return;
        }
        try {
            act("cannot shut down VM " + vm, vm, Domain::shutdown);
            while (System.nanoTime() < deadline) {
                if (state(vm) == VmState.OFF) {
                    return;
                }
                Thread.sleep(STOP_POLL.toMillis());
            }
            LOG.warn("VM {} did not shut down within {} s: cutting its power", vm, patience.toSeconds());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Problem(
                    Code.UNAVAILABLE, "cannot stop VM " + vm, "the daemon is stopping", "Try again when it is back", e);
        } catch (Problem e) {
            LOG.warn("{}; cutting its power", e.getMessage());
        }
        if (state(vm) != VmState.OFF) {
            act("cannot stop VM " + vm, vm, Domain::destroy);
        }
    }

    /** Defines a domain, or replaces the definition of the one with the same UUID. */
    public void define(String xml) {
        call("cannot define the VM", connect -> connect.domainDefineXML(xml).free());
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
    public void thaw(VmId vm, Duration patience) {
        agentCall(
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
                domain -> domain.qemuAgentCommand(
                        "{\"execute\":\"guest-fsfreeze-status\"}", (int) Math.max(1, patience.toSeconds()), 0));
        return !JsonParser.parseString(answer)
                .getAsJsonObject()
                .get("return")
                .getAsString()
                .equals("thawed");
    }

    /** Runs on a connection of its own, so that a hanging agent holds up nobody else. */
    private int agentCall(String what, VmId vm, Duration patience, ToIntFunction<Pointer> call) {
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
                agents.virDomainAgentSetResponseTimeout(domain, (int) Math.max(1, patience.toSeconds()), 0);
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

    private void act(String what, VmId vm, Action action) {
        with(what, vm, domain -> {
            action.apply(domain);
            return null;
        });
    }

    private <T> T with(String what, VmId vm, Call<Domain, T> call) {
        return call(what, connect -> {
            Domain domain = connect.domainLookupByUUIDString(vm.value());
            try {
                return call.apply(domain);
            } finally {
                domain.free();
            }
        });
    }

    private <T> T call(String what, Call<Connect, T> call) {
        try {
            return call.apply(connected());
        } catch (LibvirtException e) {
            throw failure(what, e);
        }
    }

    private synchronized Connect connected() throws LibvirtException {
        if (connection != null && !answers(connection)) {
            LOG.info("libvirt at {} was away, connecting again", uri);
            release();
        }
        if (connection == null) {
            connection = new Connect(uri);
        }
        return connection;
    }

    private static boolean answers(Connect connection) {
        try {
            connection.getLibVersion();
            return true;
        } catch (LibvirtException e) {
            LOG.debug("the connection is gone", e);
            return false;
        }
    }

    private void release() {
        try {
            connection.close();
        } catch (LibvirtException e) {
            LOG.debug("closing a connection that is gone", e);
        }
        connection = null;
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
        return switch (e.getError().getCode()) {
            case VIR_ERR_SYSTEM_ERROR, VIR_ERR_NO_CONNECT, VIR_ERR_RPC, VIR_ERR_INVALID_CONN -> true;
            default -> false;
        };
    }

    @Override
    public synchronized void close() {
        if (connection != null) {
            release();
        }
    }
}
