"""How soon does a watcher hear, and what does it cost to tell many?

    python -m bench.live

Two questions. *Latency*: from before an append to the post, beside the steps on the way (append,
materialize, push), in one process with the pumps stepped at once; on AWS the polling of two streams
comes on top (0 to 250 ms each; AWS, "DynamoDB Streams and Lambda", read 2026-11). *Fan-out*: one
move of a watermark to 1 … 1,000 watchers, against a stub of @connections on this machine: posts,
and CPU for each beside a bare signed post, and beside boto3's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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

FAN_OUT: Final = (1, 10, 100, 1000)
APPENDS: Final = 200
POSTS: Final = 1000


class Stub:
    """Answers 200 to every post, and counts them."""

    def __init__(self) -> None:
        stub = self
        self.posts = 0
        self.bytes = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                self.rfile.read(size)
                stub.posts += 1
                stub.bytes = max(stub.bytes, size)
                self.send_response(200)
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


def begun(system: System) -> tuple[Stream, Callable[[str], None]]:
    """Create a resource; return its stream, and what changes its name."""
    resource = system.mint()
    content = Representation("0" * 64, "text/plain", 0)
    request = write.Request(WORKSPACE, SYSTEM, "bench")
    write.create(system, request, resource, CreateResource("0", content))

    def rename(name: str) -> None:
        write.change(system, request, resource, UpdateResource((("name", name),), None, None))

    return Stream.of_resource(WORKSPACE, resource), rename


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


def latency(system: System, stub: Stub) -> None:
    """Print how long an append takes to be posted."""
    stream, rename = begun(system)
    watch(system, stream, 1, stub.endpoint)
    push.push(system, [moved(system, stream)], sockets.show(system))
    steps: list[tuple[float, float, float]] = []
    for number in range(APPENDS):
        at = [time.perf_counter()]
        rename(f"n{number}")
        at.append(time.perf_counter())
        move = moved(system, stream)
        at.append(time.perf_counter())
        push.push(system, [move], sockets.show(system))
        at.append(time.perf_counter())
        steps.append((at[1] - at[0], at[2] - at[1], at[3] - at[2]))
    print("append → post, ms      p50    p99")
    for name, values in (
        ("append", [s[0] for s in steps]),
        ("materialize", [s[1] for s in steps]),
        ("push", [s[2] for s in steps]),
        ("all", [sum(s) for s in steps]),
    ):
        print(f"  {name:<16} {median(values) * 1e3:8.1f} {quantiles(values, n=100)[98] * 1e3:6.1f}")


def fan_out(system: System, stub: Stub) -> None:
    """Print posts and time for one move to many."""
    print("watchers   posts   frames   wall ms")
    for count in FAN_OUT:
        stream, rename = begun(system)
        watch(system, stream, count, stub.endpoint)
        moved(system, stream)
        rename("B")
        move, before = moved(system, stream), stub.posts
        start = time.perf_counter()
        push.push(system, [move], sockets.show(system))
        wall_ms = (time.perf_counter() - start) * 1e3
        posts = stub.posts - before
        assert posts <= count, "posts at most watchers × moves × frames"
        print(f"{count:>8} {posts:>7} {1:>8} {wall_ms:>9.1f}")


def cost_of_a_post(stub: Stub) -> None:
    """Print the CPU of a post in the thread that makes it."""
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
    print("CPU of a post, ms      ours   bare signed   boto3")
    print(f"                     {ours / POSTS:6.3f} {signed / POSTS:13.3f} {boto / POSTS:7.3f}")


def main() -> None:
    """Run the benches one after the other."""
    stub = Stub()
    with scene() as one:
        latency(one.system, stub)
        fan_out(one.system, stub)
        cost_of_a_post(stub)
    stub.stop()


if __name__ == "__main__":
    main()
