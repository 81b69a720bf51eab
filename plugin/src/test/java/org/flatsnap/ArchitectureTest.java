package org.flatsnap;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.name;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import org.flatsnap.linux.Programs;
import org.flatsnap.query.QueryGrammarLexer;

/** The arrows between packages: imports run downward only. */
@AnalyzeClasses(packages = "org.flatsnap", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule IMPORTS_RUN_DOWNWARD = layeredArchitecture()
            .consideringOnlyDependenciesInAnyPackage("org.flatsnap..")
            .layer("daemon")
            .definedBy("org.flatsnap.daemon..")
            .layer("cli")
            .definedBy("org.flatsnap.cli..")
            .layer("server")
            .definedBy("org.flatsnap.server..")
            .layer("access")
            .definedBy("org.flatsnap.access..")
            .layer("view")
            .definedBy("org.flatsnap.view..")
            .layer("engine")
            .definedBy("org.flatsnap.engine..")
            .layer("manager")
            .definedBy("org.flatsnap.manager..")
            .layer("hypervisor")
            .definedBy("org.flatsnap.hypervisor..")
            .layer("query")
            .definedBy("org.flatsnap.query..")
            .layer("catalog")
            .definedBy("org.flatsnap.catalog..")
            .layer("store")
            .definedBy("org.flatsnap.store..")
            .layer("model")
            .definedBy("org.flatsnap.model..")
            .layer("linux")
            .definedBy("org.flatsnap.linux..")
            .layer("fuseview")
            .definedBy("org.flatsnap.fuseview..")
            .whereLayer("daemon")
            .mayOnlyAccessLayers(
                    "server",
                    "access",
                    "view",
                    "engine",
                    "manager",
                    "hypervisor",
                    "query",
                    "catalog",
                    "store",
                    "model",
                    "linux",
                    "fuseview")
            .whereLayer("cli")
            .mayOnlyAccessLayers("model")
            .whereLayer("server")
            .mayOnlyAccessLayers("access", "engine", "query", "catalog", "model", "linux")
            .whereLayer("access")
            .mayOnlyAccessLayers("catalog", "model", "linux")
            .whereLayer("view")
            .mayOnlyAccessLayers("engine", "query", "catalog", "store", "model", "linux", "fuseview")
            .whereLayer("engine")
            .mayOnlyAccessLayers("manager", "hypervisor", "catalog", "store", "model", "linux")
            .whereLayer("manager")
            .mayOnlyAccessLayers("hypervisor", "model", "linux")
            .whereLayer("hypervisor")
            .mayOnlyAccessLayers("model", "linux")
            .whereLayer("query")
            .mayOnlyAccessLayers("catalog", "model")
            .whereLayer("catalog")
            .mayOnlyAccessLayers("model", "linux")
            .whereLayer("store")
            .mayOnlyAccessLayers("model", "linux")
            .whereLayer("model")
            .mayNotAccessAnyLayer()
            .whereLayer("linux")
            .mayNotAccessAnyLayer()
            .whereLayer("fuseview")
            .mayNotAccessAnyLayer();

    @ArchTest
    static final ArchRule ONE_CLASS_STARTS_PROGRAMS = noClasses()
            .that()
            .doNotHaveFullyQualifiedName(Programs.class.getName())
            .should()
            .dependOnClassesThat()
            .areAssignableTo(ProcessBuilder.class)
            .orShould()
            .callMethodWhere(target(owner(assignableTo(Runtime.class))).and(target(name("exec"))))
            .because(
                    "one runner knows no shell, so no text of a user is taken for a command, and lets none run for ever");

    @ArchTest
    static final ArchRule NO_STATIC_STATE = fields().that()
            .areStatic()
            .and()
            .doNotHaveName("$assertionsDisabled")
            .and()
            // Made from our grammar by ANTLR.
            .areNotDeclaredIn(QueryGrammarLexer.class)
            .should()
            .beFinal();

    @ArchTest
    static final ArchRule MAPDB_STAYS_IN_THE_CATALOG = noClasses()
            .that()
            .resideOutsideOfPackage("org.flatsnap.catalog..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.mapdb..", "kotlin..");

    @ArchTest
    static final ArchRule LIBVIRT_STAYS_IN_THE_HYPERVISOR = noClasses()
            .that()
            .resideOutsideOfPackage("org.flatsnap.hypervisor..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("org.libvirt..");
}
