"""How soon does a watcher hear, and what does it cost to tell many?

::

    python -m bench.live            print the tables
    python -m bench.live --write    … into bench/results/live.md

Three questions. *Steps*: append, materialize, push, one after the other in one process. *Latency*:
from before a request, and from its answer, to the frame at a websocket of the running local system,
whose pumps are woken by what is written; on AWS two streams are polled, 0 to 250 ms each (AWS,
"DynamoDB Streams and Lambda", read 2026-11). *Fan-out*: moves of a watermark to 1 … 1,000 watchers,
against a stub of @connections on this machine: posts, and CPU for each beside a bare signed post,
and beside boto3's.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from bench.scene import WORKSPACE, scene
from chalicelib.domain.actor import SYSTEM
from chalicelib.domain.commands import CreateResource, UpdateResource
from chalicelib.domain.ids import Stream
from chalicelib.domain.representation import Representation
from chalicelib.edge import sockets
from chalicelib.flows import project, push, write
from chalicelib.live.connections import Connection
from chalicelib.live.posts import Posts
from chalicelib.system import System

RESULT: Final = Path(__file__).parent / "results" / "live.md"
FAN_OUT: Final = (1, 10, 100, 1000)
APPENDS: Final = 200
POSTS: Final = 1000
MOVES: Final = 3
LONG: Final = "A palimpsest is read by what was scraped away. " * 200  # 9.4 KB


class Stub:
    """Answers 200 to every post, 410 to those for whom is `gone`, and counts them."""

    def __init__(self) -> None:
        stub = self
        self.posts = 0
        self.gone: set[str] = set()
        self.told: list[str] = []
        self.frames: set[bytes] = set()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                frame = self.rfile.read(size)
                connection = self.path.rpartition("/")[2]
                stub.posts += 1
                stub.told.append(connection)
                stub.frames.add(frame)
                self.send_response(410 if connection in stub.gone else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/api"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()


def begun(system: System) -> tuple[Stream, Callable[..., None]]:
    """Create a resource; return its stream, and what changes its name, or its description."""
    resource = system.mint()
    content = Representation("0" * 64, "text/plain", 0)
    request = write.Request(WORKSPACE, SYSTEM, "bench")
    write.create(system, request, resource, CreateResource("0", content))

    def change(text: str, member: str = "name") -> None:
        write.change(system, request, resource, UpdateResource(((member, text),), None, None))

    return Stream.of_resource(WORKSPACE, resource), change


def watch(system: System, stream: Stream, count: int, endpoint: str) -> None:
    """Register so many watchers."""
    for number in range(count):
        expires = int(system.now_s()) + 7200
        one = Connection(f"c{number:04}", endpoint, WORKSPACE, SYSTEM, expires)
        system.connections.watch(one, stream.key)


def moved(system: System, stream: Stream) -> push.Move:
    """Materialize; return how the watermark moved."""
    view = system.views.get(stream)
    old = None if view is None else view.head.version
    return push.Move(stream, old, project.materialize(system, stream).version)


def cpu_ms(work: Callable[[], object]) -> float:
    """Return the CPU time of this thread."""
    start = time.thread_time()
    work()
    return (time.thread_time() - start) * 1000


def percentiles(values: Sequence[float]) -> str:
    """Return p50 and p99 in milliseconds, as cells."""
    return f"{median(values) * 1e3:.1f} | {quantiles(values, n=100)[98] * 1e3:.1f}"


def steps(system: System, stub: Stub) -> Iterator[str]:
    """Yield how long the steps from an append to its post take."""
    stream, change = begun(system)
    watch(system, stream, 1, stub.endpoint)
    push.push(system, [moved(system, stream)], sockets.show(system))
    took: list[tuple[float, float, float]] = []
    for number in range(APPENDS):
        at = [time.perf_counter()]
        change(f"n{number}")
        at.append(time.perf_counter())
        move = moved(system, stream)
        at.append(time.perf_counter())
        push.push(system, [move], sockets.show(system))
        at.append(time.perf_counter())
        took.append((at[1] - at[0], at[2] - at[1], at[3] - at[2]))
    yield "| step, ms | p50 | p99 |"
    yield "|---|--:|--:|"
    yield f"| append | {percentiles([one[0] for one in took])} |"
    yield f"| materialize | {percentiles([one[1] for one in took])} |"
    yield f"| push | {percentiles([one[2] for one in took])} |"
    yield f"| append → post | {percentiles([sum(one) for one in took])} |"


@contextmanager
def running() -> Iterator[int]:
    """Run the local system as a process of its own; yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "infra.local", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def latency() -> Iterator[str]:
    """Yield how long after a request, and after its answer, a websocket has the event."""
    import httpx
    from websockets.sync.client import connect

    asked: list[float] = []
    answered: list[float] = []
    with (
        running() as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as web,
        connect(f"ws://127.0.0.1:{port}/ws") as watcher,
    ):
        new = {"name": "A", "format": "text/plain", "content": "A"}
        resource = web.post("/resources", json=new).json()["id"]
        topics = [{"resource": resource}]
        watcher.send(json.dumps({"action": "subscribe", "topics": topics}))
        while json.loads(watcher.recv())["type"] != "live":
            pass
        for number in range(APPENDS):
            start = time.perf_counter()
            answer = web.patch(f"/resources/{resource}", json={"name": f"n{number}"})
            told = time.perf_counter()
            while json.loads(watcher.recv())["cursor"] != answer.json()["id"] + f":{number + 2}":
                pass
            heard = time.perf_counter()
            asked.append(heard - start)
            answered.append(max(0.0, heard - told))
    yield "| running local system, ms | p50 | p99 |"
    yield "|---|--:|--:|"
    yield f"| request → frame | {percentiles(asked)} |"
    yield f"| answer → frame | {percentiles(answered)} |"
    yield "| the pumps' interval: locally woken by the write; on AWS, each of two | 0 to 250 | |"


def fan_out(system: System, stub: Stub) -> Iterator[str]:
    """Yield posts and time for moves to many, in frames of less than 32 KB; one in ten is gone."""
    yield "| watchers | moves | frames of each | posts | to known-gone | ms a move |"
    yield "|--:|--:|--:|--:|--:|--:|"
    for count in FAN_OUT:
        stream, change = begun(system)
        watch(system, stream, count, stub.endpoint)
        moved(system, stream)
        stub.gone = {f"c{number:04}" for number in range(1, count, 10)}
        stub.frames.clear()
        stub.told.clear()
        took = []
        for number in range(MOVES):
            for event in range(6):
                change(f"{number}.{event} {LONG}", "description")
            move = moved(system, stream)
            start = time.perf_counter()
            push.push(system, [move], sockets.show(system))
            took.append(time.perf_counter() - start)
        frames, posts = len(stub.frames) // MOVES, len(stub.told)
        again = sum(max(0, stub.told.count(each) - 1) for each in stub.gone)
        assert posts <= count * MOVES * frames, "posts at most watchers × moves × frames"
        yield f"| {count} | {MOVES} | {frames} | {posts} | {again} | {median(took) * 1e3:.0f} |"


def cost_of_a_post(stub: Stub) -> Iterator[str]:
    """Yield the CPU of a post in the thread that makes it."""
    import http.client

    import boto3
    import botocore.session
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    frame = b"x" * 700
    posts = Posts("us-east-1")
    posts.post(stub.endpoint, "c", frame)

    def ours_all() -> None:
        for _ in range(POSTS):
            posts.post(stub.endpoint, "c", frame)

    ours = cpu_ms(ours_all)
    host, _, port = stub.endpoint.removeprefix("http://").partition("/")[0].partition(":")
    bare = http.client.HTTPConnection(host, int(port))
    credentials: Any = botocore.session.get_session().get_credentials()
    signer = SigV4Auth(credentials, "execute-api", "us-east-1")

    def signed_all() -> None:
        for _ in range(POSTS):
            signed_one()

    def signed_one() -> None:
        request = AWSRequest("POST", f"{stub.endpoint}/@connections/c", data=frame)
        signer.add_auth(request)
        bare.request("POST", "/api/@connections/c", frame, dict(request.headers.items()))
        bare.getresponse().read()

    signed = cpu_ms(signed_all)
    client = boto3.client(
        "apigatewaymanagementapi", endpoint_url=stub.endpoint, region_name="us-east-1"
    )
    boto = cpu_ms(
        lambda: [client.post_to_connection(ConnectionId="c", Data=frame) for _ in range(POSTS)]
    )
    yield "| CPU of a post, ms | |"
    yield "|---|--:|"
    for name, took in (("ours", ours), ("a bare signed one", signed), ("boto3's", boto)):
        yield f"| {name} | {took / POSTS:.2f} |"
    bare.close()


def report() -> Iterator[str]:
    """Yield the tables, as Markdown."""
    yield "# How soon a watcher hears, and what it costs"
    yield ""
    yield "Made by `python -m bench.live --write`, on two shared cores; most of the time is moto's."
    stub = Stub()
    with scene() as one:
        for table in (steps(one.system, stub), fan_out(one.system, stub), cost_of_a_post(stub)):
            yield ""
            yield from table
    stub.stop()
    yield ""
    yield from latency()


def main() -> None:
    """Measure, and print or write."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--write", action="store_true")
    chosen = arguments.parse_args()
    lines = []
    for line in report():
        print(line, flush=True)
        lines.append(line)
    if chosen.write:
        RESULT.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
