package org.flatsnap.cli;

import java.util.ArrayList;
import java.util.List;

/** Rows under a heading, in columns as wide as their widest cell; the last column is not filled up. */
final class Table {
    private static final String GAP = "  ";

    private final List<List<String>> rows = new ArrayList<>();

    Table(String... heading) {
        rows.add(List.of(heading));
    }

    void add(String... cells) {
        List<String> row = new ArrayList<>();
        for (String cell : cells) {
            row.add(Terminal.safe(cell, false));
        }
        rows.add(row);
    }

    void print(Terminal terminal) {
        int columns = rows.get(0).size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < columns; i++) {
                widths[i] = Math.max(widths[i], Terminal.width(row.get(i)));
            }
        }
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                line.append(row.get(i))
                        .append(" ".repeat(widths[i] - Terminal.width(row.get(i))))
                        .append(GAP);
            }
            terminal.out().println(line.toString().stripTrailing());
        }
    }
}
