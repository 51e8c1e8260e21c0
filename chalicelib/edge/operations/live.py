"""Watching: server-sent events, and the tickets for who cannot send headers."""

from __future__ import annotations

from chalicelib.edge import parameters as query
from chalicelib.edge import streams
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import Call
from chalicelib.edge.route import operation
from chalicelib.edge.sse import MEDIA_TYPE as EVENT_STREAM
from chalicelib.system import System


@operation(query=(query.SEEN, query.TICKET), answers={200: None}, offers=(EVENT_STREAM,))
def watch_resource(system: System, call: Call) -> Answer:
    """Watch a resource: its events as server-sent events, from now on or from what was seen."""
    return streams.of_resource(system, call)


@operation(
    query=(query.WATCHED, query.SEEN, query.TICKET), answers={200: None}, offers=(EVENT_STREAM,)
)
def watch_resources(system: System, call: Call) -> Answer:
    """Watch up to 20 resources in one stream; an event's `id` is a cursor of all of them."""
    return streams.of_resources(system, call)


@operation(answers={201: "Ticket"}, keyed=False)
def create_ticket(system: System, call: Call) -> Answer:
    """Get a ticket for one websocket or event stream, for who cannot send headers; lives 30 s."""
    return streams.ticket(system, call)
