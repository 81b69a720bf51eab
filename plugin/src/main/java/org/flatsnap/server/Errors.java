package org.flatsnap.server;

import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.javalin.http.Header;
import io.javalin.http.HttpResponseException;
import io.javalin.http.HttpStatus;
import io.javalin.http.MethodNotAllowedResponse;
import io.javalin.http.NotFoundResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.flatsnap.model.Json;
import org.flatsnap.model.Problem;
import org.flatsnap.model.Problem.Code;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The one place where failures become answers. */
final class Errors {
    static final String MEDIA_TYPE = "application/problem+json";

    private static final Logger LOG = LoggerFactory.getLogger(Errors.class);

    private Errors() {}

    /** A problem document, RFC 9457, with the parts of a {@link Problem} as members of its own. */
    private record Document(
            String type, String title, int status, String detail, Code code, String what, String why, String remedy) {
        static Document of(Problem problem, HttpStatus status) {
            return new Document(
                    "about:blank",
                    status.getMessage(),
                    status.getCode(),
                    problem.getMessage(),
                    problem.code(),
                    problem.what(),
                    problem.why(),
                    problem.remedy());
        }
    }

    static void register(JavalinConfig config) {
        config.routes.exception(Problem.class, (problem, context) -> answer(context, problem, status(problem.code())));
        config.routes.exception(HttpResponseException.class, Errors::answerUnknown);
        config.routes.exception(Exception.class, (exception, context) -> {
            LOG.error("{} {} failed", context.method(), context.path(), exception);
            answer(context, defect(), HttpStatus.INTERNAL_SERVER_ERROR);
        });
        config.router.javaLangErrorHandler((response, error) -> {
            LOG.error("a request failed", error);
            response.setContentType(MEDIA_TYPE);
            try {
                response.getOutputStream().write(bytes(Document.of(defect(), HttpStatus.INTERNAL_SERVER_ERROR)));
            } catch (IOException e) {
                LOG.info("nobody waits for the answer: {}", e.getMessage());
            }
        });
    }

    private static void answer(Context context, Problem problem, HttpStatus status) {
        Gate.failed(context, problem);
        context.status(status).json(Document.of(problem, status)).contentType(MEDIA_TYPE);
    }

    private static HttpStatus status(Code code) {
        return switch (code) {
            case INVALID -> HttpStatus.BAD_REQUEST;
            case UNAUTHENTICATED -> HttpStatus.UNAUTHORIZED;
            case FORBIDDEN -> HttpStatus.FORBIDDEN;
            case TOO_OFTEN -> HttpStatus.TOO_MANY_REQUESTS;
            case NOT_FOUND -> HttpStatus.NOT_FOUND;
            case EXISTS, REFUSED -> HttpStatus.CONFLICT;
            case BUSY -> HttpStatus.LOCKED;
            case UNSUPPORTED -> HttpStatus.UNPROCESSABLE_CONTENT;
            case NO_SPACE -> HttpStatus.INSUFFICIENT_STORAGE;
            case UNAVAILABLE -> HttpStatus.SERVICE_UNAVAILABLE;
            case INTERNAL -> HttpStatus.INTERNAL_SERVER_ERROR;
        };
    }

    private static Problem defect() {
        return new Problem(
                Code.INTERNAL,
                "cannot do what was asked",
                "of a defect in flatsnapd",
                "Its log has the details (journalctl -u flatsnapd); please report them");
    }

    /** What the router refuses: a path or a method that the API does not have. */
    private static void answerUnknown(HttpResponseException exception, Context context) {
        HttpStatus status = HttpStatus.forStatus(exception.getStatus());
        String what = "cannot answer " + context.method() + " " + context.path();
        String remedy = "Check the address; the API begins at /v1";
        if (exception instanceof MethodNotAllowedResponse) {
            String allowed = exception.getDetails().getOrDefault("availableMethods", "");
            context.header(Header.ALLOW, allowed);
            answer(context, new Problem(Code.INVALID, what, "that path takes " + allowed, remedy), status);
        } else if (exception instanceof NotFoundResponse) {
            answer(context, new Problem(Code.NOT_FOUND, what, "the API has no such path", remedy), status);
        } else {
            answer(context, new Problem(Code.INVALID, what, String.valueOf(exception.getMessage()), remedy), status);
        }
    }

    /** Answers what Jetty refuses before any route is chosen: a malformed request, or any while the daemon stops. */
    static boolean answerUnrouted(Request request, Response response, Callback callback) {
        if (request.getAttribute(ErrorHandler.ERROR_EXCEPTION) instanceof HttpException refusal) {
            response.setStatus(refusal.getCode());
        }
        HttpStatus status = HttpStatus.forStatus(response.getStatus());
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, MEDIA_TYPE);
        String text = new String(bytes(Document.of(unrouted(request, status), status)), StandardCharsets.UTF_8);
        Content.Sink.write(response, true, text, callback);
        return true;
    }

    private static Problem unrouted(Request request, HttpStatus status) {
        if (status == HttpStatus.SERVICE_UNAVAILABLE) {
            return new Problem(
                    Code.UNAVAILABLE, "cannot take requests", "flatsnapd is stopping", "Try again when it runs");
        }
        if (status.isClientError()) {
            return new Problem(
                    Code.INVALID,
                    "cannot read the request",
                    "it is not well-formed (" + request.getAttribute(ErrorHandler.ERROR_MESSAGE) + ")",
                    "Send HTTP/1.1; names in the path are UTF-8, percent-encoded");
        }
        return defect();
    }

    private static byte[] bytes(Document document) {
        return Json.COMPACT.toJson(document).getBytes(StandardCharsets.UTF_8);
    }
}
