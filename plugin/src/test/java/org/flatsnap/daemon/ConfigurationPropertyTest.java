package org.flatsnap.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.flatsnap.model.Problem;
import org.flatsnap.store.StorePlace;
import org.flatsnap.testing.Mutations;
import org.flatsnap.testing.Texts;

/** Whatever stands in the file, it is a configuration or a reason that names file and line. */
class ConfigurationPropertyTest {
    private static final String WHOLE = """
            # a comment
            state-directory = "/srv/state"
            socket = '/run/x.sock'
            view = "/view"
            time-zone = "Europe/Vienna"
            libvirt = "test:///default"
            freeze-timeout = "5s"
            stop-timeout = "2m"
            guard-retention = "12h"
            retire-grace = "24h"
            [[store]]
            path = "/a"
            reserve = "5%"
            [[store]]
            dataset = "tank/vms"
            """;

    private static Path file;

    @BeforeContainer
    static void nameFile() throws IOException {
        file = Files.createTempFile("flatsnap-", ".toml");
    }

    @AfterContainer
    static void removeFile() throws IOException {
        Files.delete(file);
    }

    @Provide
    Arbitrary<Mutations> mutations() {
        return Mutations.some();
    }

    @Provide
    Arbitrary<String> texts() {
        return Texts.any();
    }

    @Provide
    Arbitrary<String> lines() {
        Arbitrary<String> keys = Arbitraries.oneOf(
                Arbitraries.of(
                        "view",
                        "socket",
                        "store",
                        "[store]",
                        "[[store]]",
                        "[[store]]\npath",
                        "time-zone",
                        "libvirt",
                        "state-directory",
                        "freeze-timeout",
                        "[[store]]\ndataset",
                        "[[store]]\npath='/x'\nreserve",
                        "store.path",
                        "\"\"",
                        "[x]\ny",
                        "store = [{"),
                Texts.any());
        Arbitrary<String> values = Arbitraries.oneOf(
                Arbitraries.of(
                        "5",
                        "'x'",
                        "\"/x\"",
                        "[]",
                        "[['a']]",
                        "{}",
                        "{a=1}",
                        "true",
                        "1979-05-27T07:32:00Z",
                        "1e9999",
                        "99999999999999999999",
                        "nan",
                        "0x",
                        "'''",
                        "\"\\uD800\"",
                        "\"\\u0000\"",
                        "24:61:99",
                        "2026-13-41",
                        "\"/\\u0000\"",
                        "'/\u202e'",
                        "[1,'a']",
                        "-0",
                        "1__0",
                        "'999%'",
                        "'99999d'",
                        "'UTC+99'",
                        "'tank//x'"),
                Texts.any().map(text -> "\"" + text + "\""));
        return Combinators.combine(keys, values)
                .as((key, value) -> key + " = " + value)
                .list()
                .ofMinSize(1)
                .ofMaxSize(4)
                .map(all -> String.join("\n", all));
    }

    @Property
    void aMutatedFile(@ForAll("mutations") Mutations mutations) throws IOException {
        check(mutations.apply(WHOLE.getBytes(StandardCharsets.UTF_8)));
    }

    @Property
    void anyLines(@ForAll("lines") String text) throws IOException {
        check(text.getBytes(StandardCharsets.UTF_8));
    }

    @Property
    void anyText(@ForAll("texts") String text) throws IOException {
        check(text.getBytes(StandardCharsets.UTF_8));
    }

    @Example
    void whatIsNestedDeeply() throws IOException {
        for (String piece : new String[] {"[", "{a=", "[[", "a.", "{"}) {
            check(("view = " + piece.repeat(20_000)).getBytes(StandardCharsets.UTF_8));
            check((piece.repeat(20_000) + " = 1").getBytes(StandardCharsets.UTF_8));
        }
    }

    private static void check(byte[] bytes) throws IOException {
        Files.write(file, bytes);
        Configuration configuration;
        try {
            configuration = Configuration.read(file);
        } catch (Problem problem) {
            assertThat(problem.code()).isEqualTo(Problem.Code.INVALID);
            assertThat(problem.what()).contains(file.toString());
            assertThat(problem.why()).isNotBlank();
            assertThat(problem.remedy()).isNotBlank();
            if (!problem.remedy().contains("UTF-8")) {
                assertThat(problem.what()).matches(".*, line [0-9]+");
            }
            return;
        }
        assertThat(configuration.view()).isAbsolute();
        assertThat(configuration.socket()).isAbsolute();
        assertThat(configuration.freezeTimeout()).isPositive();
        for (StorePlace place : configuration.stores()) {
            assertThat(place.toString()).isNotEmpty();
        }
        assertThat(configuration.stores()).containsAll(configuration.reserves().keySet());
    }
}
