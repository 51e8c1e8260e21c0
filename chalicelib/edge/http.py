"""The router: every request goes through here, and leaves as an answer or a problem document.

Chalice dispatches; this wraps each view and the dispatch itself. `except Exception` stands here,
and for streams and queues in `sources`: nowhere else.

Facts of Chalice 1.34 that shape it (read in its source, and measured):

* an exception in a view becomes a bare 500 before middleware sees it, so the wrapper round the view
  maps errors;
* 405 and 415 are answered outside of the view, an unknown path is a KeyError: the middleware makes
  problem documents of them;
* `app.current_request` belongs to the app, so threads would mix up requests: the event travels to
  the view in a context variable instead;
* `binary_types` must be multipart alone: with ``*/*`` every text answer breaks. Bytes go out by
  redirect only;
* it knows one CORS origin and needs it at deploy time, so preflights are routes of our own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalice.app import Chalice, Response

from chalicelib.config import Config
from chalicelib.dynamo import Tables
from chalicelib.edge import metrics, pages, permissions, problems, strict_json
from chalicelib.edge.accesslog import AccessLog
from chalicelib.edge.answer import MAX_ANSWER_BYTES, Answer, is_too_large
from chalicelib.edge.auth import Authenticator
from chalicelib.edge.call import JSON, MULTIPART, Call, correlation_of
from chalicelib.edge.headers import Headers
from chalicelib.edge.idempotency import Idempotency
from chalicelib.edge.permissions import NOTHING, Permission
from chalicelib.edge.route import Operation, Route
from chalicelib.edge.sse import EventStream
from chalicelib.edge.tickets import Tickets
from chalicelib.errors import (
    AppError,
    Malformed,
    MethodNotAllowed,
    NotFound,
    PreconditionRequired,
    StaleVersion,
    TooLarge,
    UnsupportedMedia,
)
from chalicelib.metrics import Metrics

if TYPE_CHECKING:
    from chalicelib.live.connections import Connections

_LOGGER: Final = logging.getLogger(__name__)

PREFLIGHT_LIVES_S: Final = 600

_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_EXPOSED: Final = "ETag, Location, Retry-After, X-Correlation-ID, Idempotency-Replayed, Allow"
_REQUEST_HEADERS: Final = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, "
    "X-Correlation-ID"
)


class System(Protocol):
    """What the edge itself needs of the composition root."""

    config: Config
    metrics: Metrics

    @property
    def tables(self) -> Tables:
        """Return what holds the DynamoDB client, made at the first use."""

    @property
    def connections(self) -> Connections:
        """Return where tickets are kept."""

    def now_s(self) -> float:
        """Return Unix seconds."""


@dataclass(slots=True)
class _Exchange:
    """One request on its way: what came, and what is known of it for the log."""

    event: Mapping[str, Any]
    context: Any
    correlation: str
    workspace: str | None = None


class _Edge:
    """What the edge keeps for one `System`."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.config = system.config
        self.authenticator = Tickets(system, Authenticator(system.config))
        self.idempotency = Idempotency(
            system.config.idempotency_table, lambda: system.tables.connection.client
        )
        self.access_log = AccessLog(system.config.stage)
        metrics.observe(system.config, system.metrics)


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


class Router:
    """Registers views with Chalice. `system` is called at the first request, never at import."""

    def __init__(self, app: Chalice, system: Callable[[], System]) -> None:
        self.routes: list[Route] = []
        self._app = app
        self._system = system
        self._made: _Edge | None = None
        app.api.binary_types = [MULTIPART]
        app.register_middleware(self._around, "http")

    # -- registration ---------------------------------------------------------------------------

    def get(self, path: str, needs: Permission, operation: Operation) -> None:
        """Register an operation for GET, and for HEAD, which answers the same without the body."""
        self._register("GET", path, needs, operation, "HEAD")

    def post(self, path: str, needs: Permission, operation: Operation) -> None:
        """Register an operation for POST."""
        self._register("POST", path, needs, operation)

    def put(self, path: str, needs: Permission, operation: Operation) -> None:
        """Register an operation for PUT."""
        self._register("PUT", path, needs, operation)

    def patch(self, path: str, needs: Permission, operation: Operation) -> None:
        """Register an operation for PATCH."""
        self._register("PATCH", path, needs, operation)

    def delete(self, path: str, needs: Permission, operation: Operation) -> None:
        """Register an operation for DELETE."""
        self._register("DELETE", path, needs, operation)

    def _register(
        self, method: str, path: str, needs: Permission, operation: Operation, *also: str
    ) -> None:
        declared = {each.name: getattr(operation, each.name) for each in fields(Operation)}
        route = Route(**declared, method=method, path=path, needs=needs)

        def wrapped(**_: str) -> Response:
            return self._respond(lambda edge, exchange: self._answer(route, edge, exchange))

        if path not in self._app.routes:
            self._register_preflight(path)
        self._app.route(path, methods=[method, *also], name=route.name, content_types=[])(wrapped)
        self.routes.append(route)

    def _register_preflight(self, path: str) -> None:
        def preflight(**_: str) -> Response:
            headers = {
                "Allow": ", ".join(self._app.routes[path]),
                "Access-Control-Max-Age": str(PREFLIGHT_LIVES_S),
            }
            return self._respond(lambda edge, exchange: Answer(204, headers=headers))

        self._app.route(path, methods=["OPTIONS"], name="preflight", content_types=[])(preflight)

    # -- one request ----------------------------------------------------------------------------

    def _answer(self, route: Route, edge: _Edge, exchange: _Exchange) -> Answer:
        """Check all that the route declares, in this order, and run its view."""
        call = Call.of_event(
            exchange.event,
            exchange.context,
            edge.authenticator.caller,
            parameters=route.query,
            offers=route.offers,
        )
        if route.needs is not NOTHING:
            exchange.workspace = call.caller.workspace
            permissions.require(call.caller, route.needs)
        # Read now: what is wrong with any of these is told before anything is done.
        _ = call.args, call.accepted, call.if_match, call.if_none_match
        if route.condition == "required" and call.if_match is None:
            raise PreconditionRequired('This needs If-Match: "<version>", or * for any')
        if call.method not in _SAFE:
            if call.if_none_match is not None:
                raise Malformed("If-None-Match is for GET and HEAD")
            if route.condition == "none" and call.if_match is not None:
                raise Malformed("If-Match is not for this: there is no version to compare with")
        if not route.keyed and call.idempotency_key is not None:
            raise Malformed("Idempotency-Key is not for this: its answer is never given twice")
        if route.body is not None:
            route.body.check(call)
        answer = self._run(route, edge, call)
        if pages.takes_bound(route.query):
            answer = replace(answer, body=pages.bound(call.path, call.args, answer.body))
        if call.method in _SAFE:
            answer = _conditional(call, answer)
        return answer if answer.media_type else replace(answer, media_type=call.accepted)

    def _run(self, route: Route, edge: _Edge, call: Call) -> Answer:
        if route.takes_key and call.idempotency_key:
            again, system = route.again, edge.system
            return edge.idempotency.once(
                call,
                lambda: route.view(system, call),
                again and (lambda told: again(system, call, told)),
            )
        return route.view(edge.system, call)

    def _respond(self, make: Callable[[_Edge, _Exchange], Answer]) -> Response:
        """Make an answer and turn it, or whatever went wrong, into Chalice's response."""
        exchange = _exchange.get()
        public_url, origins = "", tuple[str, ...]()
        try:
            edge = self._edge()
            public_url, origins = edge.config.public_url, edge.config.cors_origins
            answer = make(edge, exchange)
            return _rendered(answer, exchange, origins)
        except AppError as error:
            if error.status >= 500:
                _LOGGER.error("%s [%s]", error, exchange.correlation, exc_info=error)
            failure = error
        except Exception:
            # The one place for what nobody foresaw: the log hears it whole, the client nothing.
            _LOGGER.exception("Unforeseen error [%s]", exchange.correlation)
            failure = AppError("Something went wrong here; the log knows it under `instance`")
        answer = problems.answer(failure, exchange.correlation, public_url)
        return _rendered(answer, exchange, origins)

    def _around(self, request: Any, get_response: Callable[[Any], Response]) -> Response:
        """Stand round Chalice's dispatch: give the event to the view, mend Chalice's own errors."""
        started = perf_counter()
        event = request.to_original_event() if request is not None else {}
        context = getattr(request, "lambda_context", None)
        exchange = _Exchange(event, context, correlation_of(event))
        token = _exchange.set(exchange)
        try:
            if request is None or request.path not in self._app.routes:
                response = self._fail(NotFound("There is nothing at this path"))
            else:
                response = get_response(request)
                if isinstance(response.body, dict) and "Code" in response.body:
                    response = self._fail(self._chalice_error(request, response))
        finally:
            _exchange.reset(token)
        if self._made is not None:
            elapsed_ms = (perf_counter() - started) * 1000
            self._made.access_log.write(
                event, response.status_code, elapsed_ms, exchange.correlation, exchange.workspace
            )
            if response.status_code >= 500:
                self._made.system.metrics.count("ServerErrors")
            metrics.flush(self._made.system.metrics)
        return response

    def _fail(self, error: AppError) -> Response:
        def make(edge: _Edge, exchange: _Exchange) -> Answer:
            raise error

        return self._respond(make)

    def _chalice_error(self, request: Any, response: Response) -> AppError:
        """Return our error for an answer that Chalice gave by itself."""
        match response.status_code:
            case 405:
                allowed = list(self._app.routes[request.path])
                return MethodNotAllowed(f"{request.method} is not for this path", allow=allowed)
            case 415:
                return UnsupportedMedia("This media type is not taken here")
            case status if status < 500:
                return Malformed("The request cannot be read")
        return AppError("Something went wrong here; the log knows it under `instance`")

    def _edge(self) -> _Edge:
        """Return what belongs to today's system; tests and the local runtime may change it."""
        system = self._system()
        if self._made is None or self._made.system is not system:
            self._made = _Edge(system)
        return self._made


def _conditional(call: Call, answer: Answer) -> Answer:
    """Apply If-Match and If-None-Match to a read that succeeded (RFC 9110, 13.2.2)."""
    if answer.etag is None or answer.status != 200:
        return answer
    if call.if_match is not None and not call.if_match.match_strongly(answer.etag):
        raise StaleVersion("If-Match does not name what is here now", actual=answer.etag)
    if call.if_none_match is not None and call.if_none_match.match_weakly(answer.etag):
        return Answer(304, headers=answer.headers, etag=answer.etag)
    return answer


def _rendered(answer: Answer, exchange: _Exchange, origins: tuple[str, ...]) -> Response:
    """Return Chalice's response, its body already text: nothing that Chalice has to guess."""
    headers: dict[str, str | list[str]] = {
        **_SECURITY,
        "X-Correlation-ID": exchange.correlation,
        "Vary": "Accept, Authorization, Origin" if origins else "Accept, Authorization",
        "Cache-Control": "private, no-cache" if answer.etag else "private, no-store",
        **_cors(exchange.event, origins),
        **answer.headers,
    }
    if answer.etag is not None:
        headers["ETag"] = f'"{answer.etag}"'
    if answer.body is not None:
        headers["Content-Type"] = answer.media_type or JSON
    body = ""
    if answer.body is not None and _method(exchange.event) != "HEAD":
        said = answer.body() if callable(answer.body) else answer.body
        if isinstance(said, EventStream):
            said = said.body(exchange.context)
        body = said if isinstance(said, str) else strict_json.dumps(said)
    if is_too_large(body):
        if _method(exchange.event) in _SAFE:
            raise TooLarge(
                "The answer is larger than can be sent; ask for less, by `limit` if there is one",
                limit_bytes=MAX_ANSWER_BYTES,
            )
        # What was done stays done: no error may say otherwise. A flow should have refused it.
        _LOGGER.error("Answer of %d characters left out [%s]", len(body), exchange.correlation)
        del headers["Content-Type"]
        body = ""
    return Response(body, headers, answer.status)


def _method(event: Mapping[str, Any]) -> str | None:
    request = event.get("requestContext") or {}
    method: str | None = request.get("httpMethod")
    return method


def _cors(event: Mapping[str, Any], origins: tuple[str, ...]) -> dict[str, str]:
    """Return what lets a page of an allowed origin read the answer; nothing for any other."""
    origin = Headers.of_event(event).joined("Origin")
    if not origin or (origin not in origins and "*" not in origins):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": _EXPOSED,
        "Access-Control-Allow-Headers": _REQUEST_HEADERS,
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    }
