"""What watching makes of calls: an event stream on Lambda that waits, and a move that is pushed."""

from __future__ import annotations

from bench.meter import Bill
from bench.scene import ACTOR, WORKSPACE, Scene
from chalicelib.domain.ids import Stream
from chalicelib.edge import sockets, sse, streams
from chalicelib.flows import project, push, watch, write
from chalicelib.live.connections import Connection
from chalicelib.live.posts import Posts
from chalicelib.system import System

NEVER_EXPIRES = 1 << 40


class _Unsent(Posts):
    """Posts are no calls of a table: these are not sent."""

    def post(self, endpoint: str, connection_id: str, frame: bytes) -> None:
        """Send nothing."""


def waited(at: Scene, stream: Stream) -> Bill:
    """Return the calls of a request that waits for an event of a resource, and hears of none."""
    system, resource_id = at.waiting(), stream.resource_id or ""
    seen = {resource_id: push.watermark(system, stream)}
    with at.meter.counting() as bill:
        begun = watch.begin(system, WORKSPACE, [resource_id], seen)
        source = streams.ResourceEvents(system, begun, told=True)
        answer = sse.EventStream(system, source).whole()
    assert "event:" not in answer
    return bill


def pushed(at: Scene, stream: Stream, watchers: int) -> Bill:
    """Return the calls of a push of one event to so many."""
    system = System(at.config, clock=at.clock, posts=_Unsent("us-east-1"))
    at.meter.attach(system.tables.connection.client)
    for number in range(watchers):
        one = Connection(f"c{number}", "http://127.0.0.1/x", WORKSPACE, ACTOR, NEVER_EXPIRES)
        system.connections.watch(one, stream.key)
    before = push.watermark(system, stream)
    write.change(at.system, at.request(), stream.resource_id or "", at.annotations(1, start=3))
    move = push.Move(stream, before, project.materialize(at.system, stream).version)
    with at.meter.counting() as bill:
        failed = push.push(system, [move], sockets.show(system))
    assert not failed
    return bill
