package org.flatsnap.linux.zfs;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads {@code zfs get -H -p -o name,property,source,value}: a line for each property, all lines of one name together. The
 * value comes last because foreign ones may have tabs, and line feeds, in them. For one thread.
 */
final class PropertyLines implements Consumer<String> {
    static final String COLUMNS = "name,property,source,value";

    private static final Pattern LINE = Pattern.compile(
            "([^\t]+)\t([^\t]+)\t(-|none|local|received|default|temporary|inherited from [^\t]+)\t(.*)");

    private static final String ABSENT = "-";

    private final BiConsumer<String, Map<String, Property>> sink;
    private String name;
    private Map<String, Property> properties = new LinkedHashMap<>();
    private String property;
    private String source;
    private StringBuilder value = new StringBuilder();

    /** Gives each name with its properties, those without a value left out, to {@code sink}. */
    PropertyLines(BiConsumer<String, Map<String, Property>> sink) {
        this.sink = sink;
    }

    @Override
    public void accept(String line) {
        Matcher matcher = LINE.matcher(line);
        if (!matcher.matches()) {
            value.append('\n').append(line);
            return;
        }
        endProperty();
        if (!matcher.group(1).equals(name)) {
            endName();
            name = matcher.group(1);
        }
        property = matcher.group(2);
        source = matcher.group(3);
        value = new StringBuilder(matcher.group(4));
    }

    /** To be called after the last line. */
    void end() {
        endProperty();
        endName();
    }

    private void endProperty() {
        if (property != null && !(source.equals(ABSENT) && value.toString().equals(ABSENT))) {
            properties.put(property, Property.of(value.toString(), source));
        }
        property = null;
    }

    private void endName() {
        if (name != null) {
            sink.accept(name, properties);
        }
        name = null;
        properties = new LinkedHashMap<>();
    }
}
