"""API Gateway (REST) and the Lambda behind it: an HTTP request becomes a proxy event for the app.

What AWS refuses is refused here: an unknown path or method, a request or an answer that is too
large for API Gateway or for Lambda. On AWS the gateway's own answers are configured to be problem
documents, so they are here.

event: {"resource": "/resources/{id}", "path": "/resources/7", "httpMethod": "GET",
        "pathParameters": {"id": "7"}, "multiValueHeaders": {"host": ["127.0.0.1:8000"]}, …}
"""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from chalice.app import Chalice

from chalicelib.edge import problems
from chalicelib.edge.gateway_answers import readable_by
from chalicelib.edge.sse import EventStream
from chalicelib.errors import AppError, MethodNotAllowed, NotFound, TooLarge
from infra.local.aws import ACCOUNT
from infra.local.functions import context

# AWS, "Amazon API Gateway quotas" and "Lambda quotas", read 2026-11.
REQUEST_BYTES: Final = 10 * 1024 * 1024
PAYLOAD_BYTES: Final = 6 * 1024 * 1024
TIMEOUT_S: Final = 29

STAGE: Final = "api"
_SURELY_FITS_BYTES: Final = PAYLOAD_BYTES // 8  # JSON needs at most 6 bytes for one, and headers
_NOT_FORWARDED: Final = frozenset(
    {"connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it came: `path` and `query` percent-encoded, header names in any case."""

    method: str
    path: str
    query: str
    headers: Pairs
    body: bytes
    source_ip: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Pairs
    body: bytes
    stream: EventStream | None = None  # in place of the body: it goes on


class Gateway:
    """Serves the HTTP API of one app. `handle` may be called from many threads at once.

    With `holds`, an event stream is handed over to be held open; else it is answered whole, as
    Lambda does. Pages of `origins` may read what it answers by itself.
    """

    def __init__(
        self, app: Chalice, public_url: str, *, holds: bool = False, origins: Collection[str] = ()
    ) -> None:
        per_thread(app)
        self._app = app
        self._holds = holds
        self._public_url = public_url
        self._readable = readable_by(origins)
        self._routes = [(_segments(route), route) for route in app.routes]

    def handle(self, request: Request) -> Answer:
        """Answer one request. Never raises."""
        request_id = str(uuid.uuid4())
        try:
            if len(request.body) > REQUEST_BYTES:
                raise too_large()
            route, parameters = self._route(request.path)
            if request.method not in self._app.routes[route]:
                return self._preflight(request, route)
            event = self._event(request, request_id, route, parameters)
            return self._invoke(request, event)
        except AppError as error:
            return self.problem(error, request_id)

    def problem(self, error: AppError, request_id: str) -> Answer:
        """Return an answer of the gateway's own."""
        made = problems.answer(error, request_id, self._public_url)
        status = 502 if made.status == 500 else made.status  # the function failed, not the gateway
        headers = {**made.headers, "Content-Type": problems.MEDIA_TYPE, **self._readable}
        body = json.dumps({**made.body, "status": status}).encode()
        return Answer(status, list(headers.items()), body)

    def _route(self, path: str) -> tuple[str, dict[str, str]]:
        """Return the route of a path; a literal segment is preferred to a parameter.

        Parameters stay percent-encoded, as Chalice gets them from API Gateway.
        """
        asked = _segments(path if path == "/" else path.removesuffix("/"))
        fitting = [
            ([part.startswith("{") for part in parts], route)
            for parts, route in self._routes
            if len(parts) == len(asked)
            and all(p == a or (p.startswith("{") and a) for p, a in zip(parts, asked, strict=True))
        ]
        if not fitting:
            raise NotFound(f"There is nothing at {path}")
        route = min(fitting)[1]
        named = zip(_segments(route), asked, strict=True)
        return route, {part[1:-1]: value for part, value in named if part.startswith("{")}

    def _event(
        self, request: Request, request_id: str, route: str, parameters: dict[str, str]
    ) -> dict[str, Any]:
        now = datetime.now(UTC)
        headers = _grouped(
            [(name, value) for name, value in request.headers if name not in _NOT_FORWARDED]
            + [("x-forwarded-for", request.source_ip), ("x-forwarded-proto", "http")]
        )
        query = _grouped(parse_qsl(request.query, keep_blank_values=True))
        host = headers.get("host", [""])[-1]
        binary = _is_binary(headers.get("content-type", []), self._app.api.binary_types)
        return {
            "resource": route,
            "path": request.path,
            "httpMethod": request.method,
            "headers": _last(headers),
            "multiValueHeaders": headers,
            "queryStringParameters": _last(query) or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": parameters or None,
            "stageVariables": None,
            "requestContext": {
                "accountId": ACCOUNT,
                "apiId": "local",
                "domainName": host,
                "domainPrefix": host.split(".")[0],
                "extendedRequestId": request_id,
                "httpMethod": request.method,
                "identity": {
                    "sourceIp": request.source_ip,
                    "userAgent": headers.get("user-agent", [None])[-1],
                },
                "path": f"/{STAGE}{request.path}",
                "protocol": "HTTP/1.1",
                "requestId": request_id,
                "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
                "requestTimeEpoch": int(now.timestamp() * 1000),
                "resourceId": "local",
                "resourcePath": route,
                "stage": STAGE,
            },
            "body": _body(request.body, binary),
            "isBase64Encoded": binary and bool(request.body),
        }

    def _invoke(self, request: Request, event: dict[str, Any]) -> Answer:
        if len(request.body) > _SURELY_FITS_BYTES and _payload_bytes(event) > PAYLOAD_BYTES:
            raise too_large()
        held: list[EventStream] = []
        about = context("api_handler", TIMEOUT_S)
        if self._holds:
            about.hold_open = held.append  # type: ignore[attr-defined]
        try:
            answer = self._app(event, about)
            size_bytes = _payload_bytes(answer)
        except Exception as error:
            self._app.log.exception("the function failed")
            raise AppError(f"The function failed: {type(error).__name__}") from error
        if size_bytes > PAYLOAD_BYTES:
            raise AppError(
                f"The answer has more than {PAYLOAD_BYTES} bytes, the most that a function returns",
                limit_bytes=PAYLOAD_BYTES,
            )
        made = self._answer(request, answer)
        return replace(made, stream=held[0]) if held else made

    def _answer(self, request: Request, answer: Mapping[str, Any]) -> Answer:
        headers = [(name, str(value)) for name, value in (answer.get("headers") or {}).items()]
        for name, values in (answer.get("multiValueHeaders") or {}).items():
            headers += [(name, str(value)) for value in values]
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/json"))
        body = (answer.get("body") or "").encode("utf-8", "replace")
        accepts = [value for name, value in request.headers if name == "accept"]
        if answer.get("isBase64Encoded") and _is_binary(accepts, self._app.api.binary_types):
            body = base64.b64decode(body)  # AWS leaves it encoded unless Accept asks for the type
        return Answer(int(answer["statusCode"]), headers, body)

    def _preflight(self, request: Request, route: str) -> Answer:
        """Answer OPTIONS where the route has CORS; any other unknown method is refused."""
        entries = self._app.routes[route]
        methods = sorted(entries)
        cors = next((entry.cors for entry in entries.values() if entry.cors is not None), None)
        if cors is None or request.method != "OPTIONS":
            allow = [*methods, *(["OPTIONS"] if cors else [])]
            raise MethodNotAllowed(f"{request.path} has no {request.method}", allow=allow)
        headers = dict(cors.get_access_control_headers())
        headers["Access-Control-Allow-Methods"] = ",".join([*methods, "OPTIONS"])
        return Answer(200, [(name, str(value)) for name, value in headers.items()], b"")


def too_large() -> TooLarge:
    """Return the refusal of a request that AWS would not carry, naming the way that there is."""
    return TooLarge(
        f"A request has at most {REQUEST_BYTES} bytes, and {PAYLOAD_BYTES} once it is encoded for "
        "the function. Send larger content by POST /uploads",
        limit_bytes=PAYLOAD_BYTES,
    )


def per_thread(app: Chalice) -> None:
    """Let `app.current_request` and `app.lambda_context` be one per thread.

    Lambda runs one request at a time and Chalice relies on it: called from several threads as it
    is, nearly every request sees another's.
    """
    if not isinstance(app, _PerThread):
        app.__class__ = type("LocalApp", (_PerThread, type(app)), {})


class _PerThread(Chalice):
    _current = threading.local()

    @property
    def current_request(self) -> Any:
        return getattr(self._current, "request", None)

    @current_request.setter
    def current_request(self, request: Any) -> None:
        self._current.request = request

    @property
    def lambda_context(self) -> Any:
        return getattr(self._current, "context", None)

    @lambda_context.setter
    def lambda_context(self, made: Any) -> None:
        self._current.context = made


def _payload_bytes(payload: Any) -> int:
    """Return the size of what goes to or comes from Lambda; raises for what is no JSON."""
    return len(json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _segments(path: str) -> list[str]:
    return path.split("/")


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def _last(grouped: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in grouped.items()}


def _is_binary(values: Sequence[str], binary_types: Sequence[str]) -> bool:
    if not values:
        return False
    return values[-1].split(",")[0].split(";")[0].strip().lower() in binary_types


def _body(body: bytes, binary: bool) -> str | None:
    if not body:
        return None
    return base64.b64encode(body).decode() if binary else body.decode("utf-8", "replace")
