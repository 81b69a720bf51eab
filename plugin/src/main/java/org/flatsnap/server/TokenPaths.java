package org.flatsnap.server;

import io.javalin.http.Context;
import io.javalin.http.HttpStatus;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flatsnap.access.Role;
import org.flatsnap.access.Token;
import org.flatsnap.access.Tokens;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.flatsnap.model.Quoted;

/**
 * The paths of tokens. A repeated request to make one is no retry that gets the first result: the secret is told once and not
 * kept.
 */
final class TokenPaths {
    private static final Pattern EXPIRY = Pattern.compile("([0-9]{1,5})([hd])");
    private static final String DEFAULT_EXPIRY = "90d";

    private final Tokens tokens;
    private final Clock clock;

    TokenPaths(Tokens tokens, Clock clock) {
        this.tokens = tokens;
        this.clock = clock;
    }

    private record Listed(List<Token> tokens) {}

    private record Created(Token token, String secret) {}

    void list(Context context) {
        context.json(new Listed(tokens.list()));
    }

    void create(Context context) throws IOException {
        Gate.requireLocal(context);
        RequestBody body = RequestBody.of(context, Set.of("name", "role", "vms", "expires"));
        String text = body.requiredText("role");
        Role role = Role.of(text)
                .orElseThrow(() -> new Problem(
                        Code.INVALID, "bad role " + Quoted.of(text), "there is no such role", "Choose " + Role.NAMES));
        List<String> vms = body.texts("vms");
        Instant now = clock.instant();
        Token token = new Token(
                body.requiredText("name"),
                role,
                vms.isEmpty() ? List.of("*") : vms,
                now,
                Gate.caller(context).who(),
                now.plus(expiry(body.text("expires").orElse(DEFAULT_EXPIRY))));
        Gate.note(
                context,
                Optional.empty(),
                Optional.of(token.name() + ", " + role + " on " + String.join(" ", token.vms()) + ", until "
                        + token.expiresAt()));
        String secret = tokens.create(token);
        context.header("Cache-Control", "no-store");
        context.status(HttpStatus.CREATED).json(new Created(token, secret));
    }

    void revoke(Context context) throws IOException {
        RequestBody.of(context, Set.of());
        String name = context.pathParam("token");
        Gate.note(context, Optional.empty(), Optional.of(name));
        context.json(tokens.revoke(name));
    }

    private static Duration expiry(String text) {
        Matcher matcher = EXPIRY.matcher(text);
        if (matcher.matches() && Integer.parseInt(matcher.group(1)) > 0) {
            long number = Long.parseLong(matcher.group(1));
            return matcher.group(2).equals("h") ? Duration.ofHours(number) : Duration.ofDays(number);
        }
        throw new Problem(
                Code.INVALID,
                "bad time of expiry " + Quoted.of(text),
                "it is not a number of hours or days",
                "Write it like 12h or 30d");
    }
}
