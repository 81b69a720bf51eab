package org.flatsnap.server;

import io.javalin.security.RouteRole;
import java.util.Locale;
import org.flatsnap.access.Role;

/**
 * What can be asked for, and which role it takes. Every route has exactly one; {@link Gate} lets no request through to a route
 * that has none.
 */
enum Action implements RouteRole {
    /** Answers with what the caller may see. */
    LIST(Scope.SEEN, Role.VIEWER),
    SHOW(Scope.VM, Role.VIEWER),
    MEASURE(Scope.VM, Role.OPERATOR),
    TAKE(Scope.VM, Role.OPERATOR),
    CHANGE(Scope.VM, Role.OPERATOR),
    ROLLBACK(Scope.VM, Role.OPERATOR),
    UNDO(Scope.VM, Role.OPERATOR),
    /** Takes the same role on the name of the new VM. */
    CLONE(Scope.VM, Role.OPERATOR),
    DELETE(Scope.VM, Role.ADMIN),
    ADOPT(Scope.VM, Role.ADMIN),
    REBUILD_CATALOG(Scope.HOST, Role.ADMIN),
    READ_AUDIT(Scope.HOST, Role.ADMIN),
    LIST_TOKENS(Scope.HOST, Role.ADMIN),
    CREATE_TOKEN(Scope.HOST, Role.ADMIN),
    REVOKE_TOKEN(Scope.HOST, Role.ADMIN),
    USE_STORE(Scope.HOST, Role.ADMIN),
    FORGET_STORE(Scope.HOST, Role.ADMIN),
    READ_VOLUMES(Scope.HOST, Role.ADMIN),
    CREATE_VOLUME(Scope.HOST, Role.ADMIN),
    CHANGE_VOLUME(Scope.HOST, Role.ADMIN),
    REMOVE_VOLUME(Scope.HOST, Role.ADMIN),
    CLONE_VOLUME(Scope.HOST, Role.ADMIN),
    TAKE_VOLUME(Scope.HOST, Role.ADMIN),
    DELETE_VOLUME_SNAPSHOT(Scope.HOST, Role.ADMIN),
    ROLLBACK_VOLUME(Scope.HOST, Role.ADMIN);

    /** On what the role has to be. */
    enum Scope {
        /** Any VM; the handler leaves out what the caller may not see. */
        SEEN,
        /** The VM that {@code {vm}} in the path names. */
        VM,
        /** All VMs. */
        HOST
    }

    private final Scope scope;
    private final Role role;

    Action(Scope scope, Role role) {
        this.scope = scope;
        this.role = role;
    }

    Scope scope() {
        return scope;
    }

    Role role() {
        return role;
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
