"""The local system in this process: its gateway on a port of its own, its pumps to be paused.

The gateway can be restarted under its clients, on the same port, while the tables stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import uvicorn

from app import app
from chalicelib import system as systems
from chalicelib.config import Config
from chalicelib.system import System
from infra.local import control, keys, presigned, sockets
from infra.local.aws import aws
from infra.local.door import DOOR
from infra.local.front import Front, Part
from infra.local.gateway import Gateway
from infra.local.held import BELL
from infra.local.metrics import Metrics
from infra.local.pumps import Pumps
from infra.local.settings import settings

HOST = "127.0.0.1"


class Local:
    """A running system: `url`, `ws_url`, `pumps`, and `web` to call it with."""

    def __init__(
        self, port: int, system: System, pumps: Pumps, limits: sockets.Limits | None = None
    ) -> None:
        self.port = port
        self.system = system
        self.pumps = pumps
        self.url = f"http://{HOST}:{port}"
        self.ws_url = f"ws://{HOST}:{port}/ws"
        self.web = httpx.Client(base_url=self.url, timeout=20)
        self._limits = limits
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.sockets: sockets.Sockets | None = None
        self.extra: dict[str, Part] = {}
        self.holds = True  # whether streams go on, or are whole answers, as a Lambda's are

    def start_gateway(self) -> None:
        """Listen, and serve in a thread."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Little is kept by the kernel, so that who does not read is noticed soon.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        listener.bind((HOST, self.port))
        listener.listen(2048)
        live = sockets.Sockets(app, f"{HOST}:{self.port}", lambda line: None, self._limits)
        self.sockets = live
        own = control.Control(self.pumps, Metrics(), keys.jwks(keys.key()), {})
        parts = {control.PREFIX: own.serve, **dict.fromkeys(sockets.PREFIXES, live.serve)}
        origins = self.system.config.cors_origins
        content = partial(presigned.serve, origins=origins)
        parts |= {presigned.PREFIX: content, **self.extra}
        gateway = Gateway(app, self.url, holds=self.holds, origins=origins)
        front = Front(gateway, parts, lambda line: None, live)
        config = uvicorn.Config(
            front,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=(sockets.MESSAGE_BYTES, sockets.FRAME_BYTES),  # type: ignore[arg-type]
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=0,
        )
        server = self._server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]

        async def run() -> None:
            await server.serve(sockets=[listener])
            # One whose client has stopped reading is not closed before what is written has gone.
            for connection in list(server.server_state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)  # it is closed in the loop's next turn

        def serve() -> None:
            asyncio.run(run())
            listener.close()

        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()
        while not server.started:
            self._thread.join(0.005)

    def stop_gateway(self) -> None:
        """Stop serving; every connection ends."""
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join(10)

    def restart_gateway(self) -> None:
        self.stop_gateway()
        self.start_gateway()

    # -- what tests do to it ------------------------------------------------------------------

    def created(self, **members: Any) -> str:
        """Create a text resource and return its id."""
        body = {"name": "A", "format": "text/plain", "content": "abc", **members}
        answer = self.web.post("/resources", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def rename(self, resource_id: str, name: str) -> int:
        """Change a resource by one event; return its version."""
        answer = self.web.patch(f"/resources/{resource_id}", json={"name": name})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["version"])

    def annotate(self, resource_id: str, count: int, text: str = "x") -> int:
        """Add annotations in one commit; return the resource's version."""
        body = {"type": "TextualBody", "value": text}
        note = {"motivation": "commenting", "target": {}, "body": body}
        answer = self.web.post(
            f"/resources/{resource_id}/annotations", json={"items": [note] * count}
        )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["version"])

    def history(self, resource_id: str) -> list[Any]:
        """Return everything that GET …/events says."""
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            answer = self.web.get(
                f"/resources/{resource_id}/events", params={"limit": "200", **cursor}
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}

    def pause(self, name: str, paused: bool = True) -> None:
        self.pumps[name].pause(paused)


@contextlib.contextmanager
def running(limits: sockets.Limits | None = None, **changes: Any) -> Iterator[Local]:
    """Run a system; `changes` are to its configuration."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    with aws() as names:
        kept = {name: os.environ.get(name) for name in ("POWERTOOLS_METRICS_NAMESPACE",)}
        config = Config.from_env({**names, **settings(f"http://{HOST}:{port}")})
        system = System(replace(config, **changes))
        # Its threads print between tests, too, when nobody catches it: to nobody, then.
        system.metrics.outlet = lambda name, value, unit: None
        systems.use(system)
        pumps = Pumps(app, names)
        DOOR.watchers.append(BELL.ring)
        local = Local(port, system, pumps, limits)
        local.start_gateway()
        pumps.start()
        try:
            yield local
        finally:
            pumps.stop()
            local.stop_gateway()
            local.web.close()
            system.posts.stop()
            systems.use(None)
            for name, value in kept.items():
                if value is not None:
                    os.environ[name] = value
