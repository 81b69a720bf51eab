package org.flatsnap.query;

import static java.util.Objects.requireNonNull;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import org.antlr.v4.runtime.BaseErrorListener;
import org.antlr.v4.runtime.CharStreams;
import org.antlr.v4.runtime.CommonTokenStream;
import org.antlr.v4.runtime.RecognitionException;
import org.antlr.v4.runtime.Recognizer;
import org.flatsnap.catalog.Glob;
import org.flatsnap.catalog.SnapshotQuery;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quoted;
import org.flatsnap.model.Tag;
import org.flatsnap.query.QueryGrammarParser.CriterionContext;
import org.flatsnap.query.QueryGrammarParser.TermContext;
import org.flatsnap.query.QueryGrammarParser.TextContext;
import org.flatsnap.query.QueryGrammarParser.ValueContext;

/**
 * Reads queries. A query is terms with spaces between them, all of which must hold; an empty one finds everything.
 *
 * <pre>
 * vm=web*              the VM's name matches this pattern, or its id is this
 * name=before-*        the snapshot's name matches this pattern
 * tag=prod             it has this tag; may stand more than once
 * on=2026-11-22        taken on this day
 * after=2026-11-01     taken then or later; {@link Moments} says what a date may be
 * before=2026-12-01    taken earlier
 * text=upgrade         name or description contains this, whatever the case
 * nginx 1.28           the same: words without a key are one text
 * name="a b"           quotes hold together what has spaces; in them \" is a quote and \\ a backslash
 * </pre>
 *
 * <p>Patterns are those of {@link Glob}. Safe for use by several threads.
 *
 * @param moments reads the dates
 */
public record QueryLanguage(Moments moments) {
    /** The keys, for texts of help and errors. */
    public static final String KEYS = "vm, name, tag, on, after, before, text";

    private static final String EXAMPLE = "Write terms such as vm=web* tag=prod after=2026-11-01 name=\"a b\"";

    /** Checks that there is something that reads dates. */
    public QueryLanguage {
        requireNonNull(moments, "moments");
    }

    /**
     * What the text asks for, newest first.
     *
     * @throws Problem INVALID if it says nothing, or the same thing twice
     */
    public SnapshotQuery parse(String text) {
        return narrow(SnapshotQuery.ALL, text);
    }

    /**
     * The same within another query.
     *
     * @throws Problem INVALID if it says nothing, or the same thing twice, or what the other query says already
     */
    public SnapshotQuery narrow(SnapshotQuery query, String text) {
        String bad = "bad query " + Quoted.of(text);
        SnapshotQuery narrowed = query;
        List<String> words = new ArrayList<>();
        for (TermContext term : terms(bad, text)) {
            if (term instanceof TextContext word) {
                words.add(word.QUOTED() == null ? word.getText() : unquoted(word.getText()));
            } else if (term instanceof CriterionContext criterion) {
                narrowed = narrowed(bad, narrowed, criterion.WORD().getText(), value(criterion.value()));
            }
        }
        return words.isEmpty() ? narrowed : narrowed(bad, narrowed, "text", String.join(" ", words));
    }

    private static List<TermContext> terms(String bad, String text) {
        QueryGrammarLexer lexer = new QueryGrammarLexer(CharStreams.fromString(text));
        QueryGrammarParser parser = new QueryGrammarParser(new CommonTokenStream(lexer));
        BaseErrorListener refuse = new BaseErrorListener() {
            @Override
            public void syntaxError(
                    Recognizer<?, ?> recognizer,
                    Object symbol,
                    int line,
                    int column,
                    String message,
                    RecognitionException cause) {
                throw new Problem(Code.INVALID, bad, reason(text, column), EXAMPLE, cause);
            }
        };
        lexer.removeErrorListeners();
        lexer.addErrorListener(refuse);
        parser.removeErrorListeners();
        parser.addErrorListener(refuse);
        return parser.query().term();
    }

    private static String reason(String text, int column) {
        if (column >= text.codePointCount(0, text.length())) {
            return "it ends where a value is missing";
        }
        String rest = text.substring(text.offsetByCodePoints(0, column));
        return rest.startsWith("\"")
                ? "a quote does not end, or begins in the middle of a word, at " + Quoted.of(rest)
                : "it makes no sense from " + Quoted.of(rest) + " on";
    }

    private static String value(ValueContext value) {
        return value.QUOTED() == null ? value.getText() : unquoted(value.getText());
    }

    private static String unquoted(String quoted) {
        return quoted.substring(1, quoted.length() - 1).replaceAll("\\\\(.)", "$1");
    }

    private SnapshotQuery narrowed(String bad, SnapshotQuery query, String key, String value) {
        return switch (key) {
            case "vm" -> once(bad, key, query.vmName(), query.ofVmsNamed(pattern(value)));
            case "name" -> once(bad, key, query.name(), query.named(pattern(value)));
            case "text" -> once(bad, key, query.text(), query.containing(value));
            case "after" -> once(bad, key, query.after(), query.after(moments.moment(bad, value)));
            case "before" -> once(bad, key, query.before(), query.before(moments.moment(bad, value)));
            case "on" -> {
                LocalDate day = moments.day(bad, value);
                once(bad, key, query.before(), query);
                yield once(
                        bad,
                        key,
                        query.after(),
                        query.after(moments.start(day)).before(moments.start(day.plusDays(1))));
            }
            case "tag" -> {
                TreeSet<Tag> tags = new TreeSet<>(query.tags());
                tags.add(new Tag(value));
                yield query.tagged(tags);
            }
            default ->
                throw new Problem(
                        Code.INVALID, bad, Quoted.of(key) + " is no key; these are: " + KEYS, "Choose one of these");
        };
    }

    private static String pattern(String text) {
        return new Glob(text).text();
    }

    private static SnapshotQuery once(String bad, String key, Optional<?> present, SnapshotQuery narrowed) {
        if (present.isPresent()) {
            throw new Problem(
                    Code.INVALID,
                    bad,
                    "'" + key + "' says what is said already",
                    "Say it once; 'on' stands for 'after' and 'before' together, and words without a key for 'text'");
        }
        return narrowed;
    }
}
