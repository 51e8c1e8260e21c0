"""API Gateway's websockets: connections at `/ws`, and `@connections`, which frames are posted to.

::

    GET    /ws                        a websocket; each message invokes a function
    POST   /ws/@connections/{id}      send a frame; 410 for who is gone, 429 for who does not read
    GET    /ws/@connections/{id}      since when it is open
    DELETE /ws/@connections/{id}      end it

What waits for a client to read is bounded: then posts to it are refused, as API Gateway refuses
them, and nobody else waits. Close codes: 1000 ended by us or by the client, 1001 idle for too long,
open for too long, or the system stops, 1003 a binary message, 1009 a frame or message too large.

event: {"requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "…", …},
        "headers": {…}, "queryStringParameters": {…}, "isBase64Encoded": false}
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from chalice.app import Chalice
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from infra.local.control import from_this_machine
from infra.local.functions import Function

log = logging.getLogger(__name__)

PATH: Final = "/ws"
# As boto3 writes it, and as others do.
PREFIXES: Final = (f"{PATH}/@connections/", f"{PATH}/%40connections/")

# AWS, "Amazon API Gateway quotas", read 2026-11.
FRAME_BYTES: Final = 32 * 1024
MESSAGE_BYTES: Final = 128 * 1024

_THREADS: Final = 16
_CLOSING_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """API Gateway's; shorter ones let tests reach them."""

    idle_s: float = 600.0
    life_s: float = 7200.0
    unread_bytes: int = 256 * 1024  # per connection, besides what the kernel holds


@dataclass(slots=True)
class _Connection:
    id: str
    about: dict[str, Any]
    opened: datetime
    unread: deque[bytes] = field(default_factory=deque)
    unread_bytes: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ending: tuple[int, str] | None = None
    active: float = field(default_factory=time.monotonic)

    def end(self, code: int, reason: str) -> None:
        """Have it closed once what was sent before is out."""
        self.ending = self.ending or (code, reason)
        self.news.set()


class Sockets:
    """Serves the websockets of one app. Everything but the handlers runs in the event loop."""

    def __init__(
        self,
        app: Chalice,
        host: str,
        log: Callable[[str], None],
        limits: Limits | None = None,
    ) -> None:
        self._host = host
        self._log = log
        self._limits = limits or Limits()
        self._open: dict[str, _Connection] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="socket")
        self._handlers = {
            route: Function(handler.name, app.handler_map[handler.name])
            for route, handler in app.websocket_handlers.items()
        }

    @property
    def count(self) -> int:
        """Return how many connections are open."""
        return len(self._open)

    # -- the websocket ------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one websocket from its request to its end."""
        await receive()  # websocket.connect
        if scope["path"] != PATH or "$connect" not in self._handlers:
            await _refuse(send, 403)
            return
        connection = _Connection(_new_id(), _about(scope), datetime.now(UTC))
        # Known at once: a frame that is posted before the answer is out waits for it.
        self._open[connection.id] = connection
        status = await self._invoke("$connect", connection, connection.about)
        if status != 200:
            del self._open[connection.id]
            await _refuse(send, status)
            self._log(self._line(connection, str(status)))
            return
        code = 1006
        try:
            await send({"type": "websocket.accept"})
            code = await self._serve(connection, receive, send)
        finally:
            del self._open[connection.id]
            gone = {"disconnectStatusCode": code, "disconnectReason": ""}
            about = {**connection.about, "requestContext": gone}
            await asyncio.shield(self._invoke("$disconnect", connection, about))
            self._log(self._line(connection, f"101 {code}"))

    async def _serve(self, connection: _Connection, receive: Receive, send: Send) -> int:
        """Read and write until either ends; return the close code."""
        reading = asyncio.ensure_future(self._read(connection, receive))
        writing = asyncio.ensure_future(self._write(connection, send))
        watching = asyncio.ensure_future(self._watch(connection))
        tasks = (reading, writing, watching)
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reading, writing):
                if task.done() and task.exception() is None:
                    return task.result()
            return 1006
        except asyncio.CancelledError:  # the server stops
            with contextlib.suppress(Exception):
                await asyncio.wait_for(send({"type": "websocket.close", "code": 1001}), _CLOSING_S)
            raise
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, connection: _Connection, receive: Receive) -> int:
        while True:
            message: Message = await receive()
            if message["type"] == "websocket.disconnect":
                return int(message.get("code") or 1005)
            connection.active = time.monotonic()
            text = message.get("text")
            if text is None:
                connection.end(1003, "Text is expected")
                continue
            status = await self._invoke("$default", connection, {"body": text})
            if status == 500:
                said = {"message": "Internal server error", "connectionId": connection.id}
                connection.unread.append(JSONResponse(said).body)  # type: ignore[arg-type]
                connection.news.set()

    async def _write(self, connection: _Connection, send: Send) -> int:
        while True:
            await connection.news.wait()
            connection.news.clear()
            while connection.unread:
                frame = connection.unread[0]
                await send({"type": "websocket.send", "text": frame.decode()})
                connection.unread.popleft()
                connection.unread_bytes -= len(frame)
                connection.active = time.monotonic()
            if connection.ending is not None:
                code, reason = connection.ending
                closing = send({"type": "websocket.close", "code": code, "reason": reason})
                await asyncio.wait_for(closing, _CLOSING_S)
                return code

    async def _watch(self, connection: _Connection) -> None:
        """End it when it was idle or open for too long; one that does not read is idle."""
        until = time.monotonic() + self._limits.life_s
        while True:
            now = time.monotonic()
            idle = connection.active + self._limits.idle_s
            if now >= min(idle, until):
                connection.unread.clear()
                connection.end(1001, "Going away")
                return
            await asyncio.sleep(min(idle, until) - now)

    async def _invoke(self, route: str, connection: _Connection, more: Mapping[str, Any]) -> int:
        event = self._event(route, connection, more)
        handler = self._handlers.get(route)
        if handler is None:
            return 200
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(self._threads, handler, event)
        except Exception:
            log.exception("%s failed", handler.name)
            return 500
        return int(answer.get("statusCode", 200))

    def _event(self, route: str, connection: _Connection, more: Mapping[str, Any]) -> Any:
        now = datetime.now(UTC)
        kind = {"$connect": "CONNECT", "$disconnect": "DISCONNECT"}.get(route, "MESSAGE")
        context = {
            "routeKey": route,
            "eventType": kind,
            "messageDirection": "IN",
            "connectionId": connection.id,
            "connectedAt": int(connection.opened.timestamp() * 1000),
            "requestId": str(uuid.uuid4()),
            "extendedRequestId": secrets.token_urlsafe(12),
            "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "requestTimeEpoch": int(now.timestamp() * 1000),
            "apiId": "local",
            "stage": PATH.removeprefix("/"),
            "domainName": self._host,
            "identity": connection.about["identity"],
        }
        rest = {name: value for name, value in more.items() if name != "identity"}
        context |= rest.pop("requestContext", {})
        return {"requestContext": context, **rest, "isBase64Encoded": False}

    # -- @connections -------------------------------------------------------------------------

    async def serve(self, request: Request) -> Response:
        """Answer one call of `@connections`."""
        from_this_machine(request)
        connection_id = unquote(request.url.path).rpartition("/@connections/")[2]
        frame = await request.body()  # before the look: the connection may end meanwhile
        connection = self._open.get(connection_id)
        if connection is None or connection.ending is not None:
            return _error(410, "GoneException")
        match request.method:
            case "POST":
                return self._post(connection, frame)
            case "DELETE":
                connection.end(1000, "")
                return Response(status_code=204)
            case "GET":
                active = datetime.fromtimestamp(
                    time.time() - (time.monotonic() - connection.active), UTC
                )
                told = {
                    "connectedAt": connection.opened.isoformat(),
                    "lastActiveAt": active.isoformat(),
                    "identity": connection.about["identity"],
                }
                return JSONResponse(told)
        return _error(403, "ForbiddenException")

    def _post(self, connection: _Connection, frame: bytes) -> Response:
        if len(frame) > MESSAGE_BYTES:
            return _error(413, "PayloadTooLargeException")
        if connection.unread_bytes + len(frame) > self._limits.unread_bytes and connection.unread:
            return _error(429, "LimitExceededException")
        connection.unread.append(frame)
        connection.unread_bytes += len(frame)
        connection.news.set()
        return Response(status_code=200)

    def _line(self, connection: _Connection, how: str) -> str:
        took_s = (datetime.now(UTC) - connection.opened).total_seconds()
        return f"{time.strftime('%H:%M:%S')}  {how} WS      {PATH}  {took_s:.1f} s"


def _about(scope: Scope) -> dict[str, Any]:
    """Return what the $connect event says of the request."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    client = scope.get("client")
    headers: dict[str, list[str]] = {}
    for name, value in pairs:
        headers.setdefault(name, []).append(value)
    queries: dict[str, list[str]] = {}
    for name, value in query:
        queries.setdefault(name, []).append(value)
    return {
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {n: values[-1] for n, values in queries.items()} or None,
        "multiValueQueryStringParameters": queries or None,
        "identity": {
            "sourceIp": client[0] if client else "127.0.0.1",
            "userAgent": headers.get("user-agent", [None])[-1],
        },
    }


def _new_id() -> str:
    """Return an id as API Gateway's: ``L0SM9cOFvHcCIhw=``."""
    return base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()


async def _refuse(send: Send, status: int) -> None:
    """Answer the upgrade with a status, as API Gateway does with what $connect returned."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    body = b'{"message": "Forbidden"}' if status == 403 else b"{}"
    await send({"type": "websocket.http.response.body", "body": body})


def _error(status: int, name: str) -> Response:
    return JSONResponse({"message": name}, status, headers={"x-amzn-ErrorType": name})
