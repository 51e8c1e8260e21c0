"""The HTTP front: one ASGI app before the gateway, the presigned URLs and the control paths.

An event stream comes out of the gateway as a stream that goes on; what else holds a connection open
(websockets) cannot go through it, and is given to `Front` as `sockets`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from chalicelib.errors import AppError
from infra.local.gateway import REQUEST_BYTES, Answer, Gateway, too_large
from infra.local.gateway import Request as GatewayRequest
from infra.local.held import Held

THREADS: Final = 16  # requests handled at once, as Lambda would run so many functions
SHOWN_CHARS: Final = 90
DRAINED_BYTES: Final = 256 * 1024 * 1024

Part = Callable[[Request], Awaitable[Response]]
Sockets = Callable[[Scope, Receive, Send], Awaitable[None]]


class Front:
    """An ASGI app. `parts`, by path prefix, come before the gateway; `log` gets each request."""

    def __init__(
        self,
        gateway: Gateway,
        parts: Mapping[str, Part],
        log: Callable[[str], None],
        sockets: Sockets | None = None,
    ) -> None:
        self._gateway = gateway
        self._sockets = sockets
        self._parts = parts
        self._log = log
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or one websocket for as long as it lasts."""
        if scope["type"] == "websocket" and self._sockets is not None:
            await self._sockets(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        status = size = 0

        async def counted(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        body = _Body(receive)
        request = Request(scope, body.receive)
        try:
            response = await self._respond(request)
            if "expect" not in request.headers:  # else the client waits for our word
                await body.drain()
            await response(scope, receive, counted)
        except ClientDisconnect:
            status = 499
        took_ms = (time.perf_counter() - began) * 1000
        self._log(line(request.method, _shown(scope), status, took_ms, size))

    async def _respond(self, request: Request) -> Response | Held:
        path = _path(request.scope)
        try:
            for prefix, part in self._parts.items():
                if path.startswith(prefix):
                    return await part(request)
            return await self._through_the_gateway(request, path)
        except AppError as error:
            return _response(self._gateway.problem(error, str(uuid.uuid4())))

    async def _through_the_gateway(self, request: Request, path: str) -> Response | Held:
        asked = GatewayRequest(
            request.method,
            path,
            request.scope["query_string"].decode("latin-1"),
            [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers.raw],
            await _body(request),
            request.client.host if request.client else "127.0.0.1",
        )
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._gateway.handle, asked)
        if answer.stream is not None:
            return Held(answer, answer.stream)
        response = _response(answer)
        if request.method == "HEAD":  # 0 would be wrong, and what GET has was not made
            del response.headers["content-length"]
        return response


class _Body:
    """What a client sends. A client that is still sending when it is refused sees no answer."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._complete = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._complete = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read what is left, within reason, and throw it away."""
        size = 0
        while not self._complete and size < DRAINED_BYTES:
            size += len((await self.receive()).get("body", b""))


async def _body(request: Request) -> bytes:
    """Return the body; raise `TooLarge` when it is more than API Gateway takes."""
    named = request.headers.get("content-length", "")
    if named.isdigit() and int(named) > REQUEST_BYTES:
        raise too_large()
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > REQUEST_BYTES:
            raise too_large()
    return bytes(body)


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    for name, value in answer.headers:
        if name.lower() != "content-length":
            response.raw_headers.append(
                (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
            )
    return response


def _path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _shown(scope: Scope) -> str:
    """Return the path for the log: without a presigned URL's signature, and not too long."""
    path, query = _path(scope), scope["query_string"].decode("latin-1")
    if query and "X-Amz-Signature=" not in query:
        path = f"{path}?{query}"
    return path if len(path) <= SHOWN_CHARS else f"{path[:40]}…{path[41 - SHOWN_CHARS :]}"


def line(method: str, path: str, status: int, took_ms: float, size_bytes: int) -> str:
    """Return the access log's line: `09:35:00  201 POST    /resources  14 ms  312 B`."""
    size = f"{size_bytes} B"
    for unit in ("kB", "MB"):
        if size_bytes >= 10_000:
            size_bytes //= 1000
            size = f"{size_bytes} {unit}"
    at = time.strftime("%H:%M:%S")
    return f"{at}  {status} {method:<7} {path}  {took_ms:.0f} ms  {size}"
