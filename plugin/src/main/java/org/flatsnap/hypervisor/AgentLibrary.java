package org.flatsnap.hypervisor;

import com.sun.jna.Library;
import com.sun.jna.Native;
import com.sun.jna.Pointer;

/** The calls of libvirt.so.0 that libvirt-java lacks, as declared in libvirt/libvirt-domain.h and libvirt-host.h. */
interface AgentLibrary extends Library {
    /** {@code VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK}: wait for ever, libvirt's own default. */
    int BLOCK = -2;

    static AgentLibrary load() {
        return Native.load("libvirt.so.0", AgentLibrary.class);
    }

    Pointer virConnectOpen(String uri);

    int virConnectClose(Pointer connection);

    Pointer virDomainLookupByUUIDString(Pointer connection, String uuid);

    int virDomainFree(Pointer domain);

    int virDomainFSFreeze(Pointer domain, Pointer mountPoints, int count, int flags);

    int virDomainFSThaw(Pointer domain, Pointer mountPoints, int count, int flags);

    int virDomainAgentSetResponseTimeout(Pointer domain, int seconds, int flags);

    String virGetLastErrorMessage();
}
