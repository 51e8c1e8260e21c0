"""`python -m infra.local`: the whole system in one process. `make run` starts it."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn
from chalice.app import Chalice

from chalicelib.flows import jobs
from chalicelib.system import system
from infra import gremlin
from infra.local import control, keys, presigned, sockets
from infra.local.aws import REGION, aws
from infra.local.awsport import AwsPort
from infra.local.door import DOOR, UnknownMotoError
from infra.local.front import Front, Part
from infra.local.gateway import Gateway
from infra.local.held import BELL
from infra.local.housekeeping import Housekeeping
from infra.local.journal import DataError, SqliteJournal
from infra.local.metrics import Metrics, Tap
from infra.local.pumps import Pumps
from infra.local.settings import settings

HOST = "127.0.0.1"


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted; 2 and one sentence if it cannot start."""
    began = time.monotonic()
    asked = _arguments(arguments)
    signal.signal(signal.SIGTERM, _leave)
    logging.basicConfig(format="%(asctime)s  %(message)s", datefmt="%H:%M:%S")
    _allow_many_files()
    try:
        with _listening(asked.port) as listener, _system(asked) as (front, banner):
            print(
                f"{banner}\nReady in {time.monotonic() - began:.1f} s. Ctrl-C ends it.\n",
                flush=True,
            )
            server = uvicorn.Server(
                uvicorn.Config(
                    front,
                    lifespan="off",
                    ws="websockets-sansio",
                    ws_max_size=(sockets.MESSAGE_BYTES, sockets.FRAME_BYTES),  # type: ignore[arg-type]
                    ws_ping_interval=None,  # API Gateway does not ask whether a client is there
                    ws_per_message_deflate=False,
                    log_level="error",
                    access_log=False,
                    timeout_graceful_shutdown=2,
                )
            )
            server.run(sockets=[listener])
    except (DataError, UnknownMotoError, PortTakenError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


class PortTakenError(Exception):
    """The port is in use; the message says what to do."""


@contextlib.contextmanager
def _system(asked: argparse.Namespace) -> Iterator[tuple[Front, str]]:
    """Put everything together, run it, and take it apart at the end."""
    public_url = f"http://{HOST}:{asked.port}"
    metrics, journal = Metrics(), None
    with aws() as names, contextlib.ExitStack() as cleanup:
        if asked.data:
            journal = SqliteJournal(asked.data)
            cleanup.callback(journal.close)
            journal.restore()
            DOOR.journal = journal
        os.environ.update({**names, **settings(public_url)})
        if os.environ["GRAPH"] == gremlin.url():
            try:
                gremlin.empty()  # of what another run has left; it is filled from this one's log
            except gremlin.NoGremlinError:
                os.environ["GRAPH"] = "none"  # something else listens there
        stdout, sys.stdout = sys.stdout, Tap(sys.stdout, metrics)
        cleanup.callback(setattr, sys, "stdout", stdout)
        app: Chalice = importlib.import_module(asked.app).app
        pumps = Pumps(app, names)
        port = AwsPort(asked.port + 1)
        port.start()
        cleanup.callback(port.stop)
        about = {
            **names,
            "AWS_ENDPOINT_URL": port.url,
            "GRAPH": os.environ["GRAPH"],
            "DATA": asked.data and str(asked.data),
        }
        own = control.Control(pumps, metrics, keys.jwks(keys.key()), about)
        origins = system().config.cors_origins
        content = partial(presigned.serve, origins=origins)
        parts: dict[str, Part] = {control.PREFIX: own.serve, presigned.PREFIX: content}
        limits = sockets.Limits(asked.socket_idle, asked.socket_life)
        live = sockets.Sockets(app, f"{HOST}:{asked.port}", _print, limits)
        parts |= dict.fromkeys(sockets.PREFIXES, live.serve)
        keeper = Housekeeping(pumps, names, journal)
        cleanup.callback(keeper.stop)
        if journal:  # the workers of the last process are gone, and so are the queues' messages
            jobs.resume(system())
        pumps.start()
        cleanup.callback(pumps.stop)  # before the keeper notes how far they came
        keeper.start()
        DOOR.watchers.append(BELL.ring)
        gateway = Gateway(app, public_url, holds=True, origins=origins)
        front = Front(gateway, parts, _print, live)
        yield front, _banner(public_url, port.url, asked.data)


def _print(line: str) -> None:
    if "/@connections/" not in line:  # between the pusher and the gateway: nobody asked for it
        print(line, flush=True)


def _banner(public_url: str, aws_url: str, data: Path | None) -> str:
    user, workspace = os.environ["LOCAL_USER"], os.environ["LOCAL_WORKSPACE"]
    kept = f"kept in {data}" if data else "in memory only: nothing is kept (use DATA=DIR)"
    graph = os.environ["GRAPH"]
    told = graph if graph != "none" else "none: the views answer (`make gremlin`, then start again)"
    new = '{"name": "Hello", "format": "text/plain", "content": "Hello, palimpsest."}'
    return f"""
Palimpsest   {public_url}
data         {kept}
graph        {told}
caller       a request without a token acts as user {user} in workspace {workspace} (make token)
AWS          AWS_ENDPOINT_URL={aws_url} AWS_DEFAULT_REGION={REGION} AWS_ACCESS_KEY_ID=local \
AWS_SECRET_ACCESS_KEY=local aws dynamodb list-tables

Try:
  curl -s {public_url}/
  curl -si {public_url}/resources -H 'Content-Type: application/json' -d '{new}'
  curl -s {public_url}/resources
"""


@contextlib.contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    """Take the port at once: whoever cannot have it should not wait to hear so."""
    # asyncio sets TCP_NODELAY only on sockets that say TCP; without it every second answer on a
    # connection waits 40 ms for a delayed acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(128)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise PortTakenError(f"Port {port} cannot be used: {error.strerror}.") from None
            raise PortTakenError(
                f"Port {port} is taken; `make run PORT={port + 123}` takes another."
            ) from None
        yield listener


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument("--data", type=Path, help="folder to keep everything in; default: memory")
    parser.add_argument("--app", default="app", help="module that holds the Chalice `app`")
    parser.add_argument(
        "--socket-idle",
        type=float,
        metavar="S",
        default=600,
        help="seconds after which an idle websocket is closed (API Gateway: %(default)s)",
    )
    parser.add_argument(
        "--socket-life",
        type=float,
        metavar="S",
        default=7200,
        help="seconds after which any websocket is closed (API Gateway: %(default)s)",
    )
    return parser.parse_args(arguments)


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _allow_many_files() -> None:
    """An object above 16 MB is an open file in moto; a shell's usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536) if hard > 0 else soft, hard))


if __name__ == "__main__":
    sys.exit(main())
