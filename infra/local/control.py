"""The local system's own paths, under `/_local`: pumps, metrics, the keys of local tokens.

::

    GET  /_local/               {"AWS_ENDPOINT_URL": "http://127.0.0.1:8001", "data": null, …}
    GET  /_local/pumps          {"items": [{"name": "view_materializer", "paused": false, …}]}
    POST /_local/pumps/{name}   {"paused": true}    waits until nothing is in flight
    GET  /_local/metrics        {"metrics": {"AppendLatency": {"count": 3, "p50": 2.9, …}}}
    GET  /_local/jwks.json      {"keys": […]}

Whoever can reach them may use them, so only this machine can: the `Host` must be a loopback name
(no other site's name can be made to lead here), and a page of another origin is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chalicelib.errors import Forbidden, Invalid, Malformed, MethodNotAllowed, NotFound
from infra.local.metrics import Metrics
from infra.local.pumps import Pumps

PREFIX: Final = "/_local/"

_LOOPBACK: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\Z", re.IGNORECASE)


class Control:
    """Answers what is under `/_local`; raises `AppError` for what it refuses."""

    def __init__(
        self, pumps: Pumps, metrics: Metrics, jwks: Mapping[str, Any], about: Mapping[str, Any]
    ) -> None:
        self._pumps = pumps
        self._metrics = metrics
        self._jwks = jwks
        self._about = about

    async def serve(self, request: Request) -> Response:
        """Answer one request."""
        from_this_machine(request)
        match request.method, request.url.path.removeprefix(PREFIX).split("/"):
            case "GET" | "HEAD", [""]:
                return JSONResponse(self._about)
            case "GET" | "HEAD", ["pumps"]:
                pumps = [await run_in_threadpool(pump.status) for pump in self._pumps.values()]
                return JSONResponse({"items": pumps})
            case "POST", ["pumps", name]:
                if name not in self._pumps:
                    raise NotFound(f"There is no pump {name}; there are {', '.join(self._pumps)}")
                pump = self._pumps[name]
                if _paused(await request.body()):
                    await run_in_threadpool(pump.pause, True)
                else:
                    await run_in_threadpool(self._pumps.resume, name)
                return JSONResponse(await run_in_threadpool(pump.status))
            case "GET" | "HEAD", ["metrics"]:
                return JSONResponse({"metrics": self._metrics.summary()})
            case "GET" | "HEAD", ["jwks.json"]:
                return JSONResponse(self._jwks)
            case _, ["pumps", _]:
                raise MethodNotAllowed("A pump takes POST", allow=["POST"])
            case _, ["" | "pumps" | "metrics" | "jwks.json"]:
                raise MethodNotAllowed("This is only read", allow=["GET", "HEAD"])
        raise NotFound(f"There is nothing at {request.url.path}")


def from_this_machine(request: Request) -> None:
    """Raise `Forbidden` unless the request names this machine and no foreign page sent it."""
    host = request.headers.get("host", "")
    origin = request.headers.get("origin")
    if not _LOOPBACK.match(host):
        raise Forbidden("The Host header does not name this machine")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        raise Forbidden(f"A page of {origin} may not use this path")


def _paused(body: bytes) -> bool:
    try:
        asked = json.loads(body)
    except ValueError:
        raise Malformed('The body is JSON: {"paused": true} or {"paused": false}') from None
    match asked:
        case {"paused": bool(paused)} if len(asked) == 1:
            return paused
    raise Invalid(
        "A pump can be paused or resumed",
        errors=({"pointer": "/paused", "detail": "must be true or false"},),
    )
