"""Event streams of resources, and the tickets that open them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from chalicelib.edge import answers, requests, sse, tickets
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import Call
from chalicelib.errors import Malformed
from chalicelib.flows import watch
from chalicelib.live import cursors, frames
from chalicelib.system import System, iso

LIVE: Final = "live"
"""The event that tells a client without a position where it stands. Its `data`: {"cursor": …}."""


def of_resource(system: System, call: Call) -> Answer:
    """Return the events of one resource, from now on or from what was seen."""
    return _watching(system, call, [requests.resource_id(call)])


def of_resources(system: System, call: Call) -> Answer:
    """Return the events of several resources."""
    wanted = list(dict.fromkeys(call.args["resource"]))
    if not 0 < len(wanted) <= cursors.MAX_RESOURCES:
        raise Malformed(
            f"Name 1 to {cursors.MAX_RESOURCES} resources, as ?resource=A&resource=B",
            parameters=["resource"],
        )
    return _watching(system, call, wanted)


def ticket(system: System, call: Call) -> Answer:
    """Return a ticket for one websocket or one event stream."""
    made, expires = tickets.issue(system, call.caller)
    return Answer(201, {"ticket": made, "expires": iso(expires)})


class ResourceEvents:
    """Events of resources. Who comes without a position is told one before anything else."""

    def __init__(self, system: System, watching: watch.Watch, *, told: bool) -> None:
        self._watch = watching
        self._base_url = system.config.public_url
        self._told = told

    @property
    def wakes_on(self) -> frozenset[str]:
        """Return the keys of the watched resources' views."""
        return frozenset(stream.key for stream in self._watch.streams)

    @property
    def ended(self) -> bool:
        """Return False: there may always be more."""
        return False

    def look(self) -> Sequence[sse.Event]:
        """Return what is new."""
        if not self._told:
            self._told = True
            return [sse.Event(LIVE, {"cursor": self._watch.cursor}, self._watch.cursor)]
        return list(map(self._told_of, self._watch.look()))

    def _told_of(self, change: watch.Change) -> sse.Event:
        of, base_url = change.resource_id, self._base_url
        told = answers.event(change.event, of, base_url)
        brief = frames.without_data(told, f"{base_url}/resources/{of}/events")
        return sse.Event(change.event.event.type, told, change.cursor, brief)


def _watching(system: System, call: Call, resource_ids: Sequence[str]) -> Answer:
    seen = _seen(call, resource_ids)
    watching = watch.begin(system, requests.workspace(call), resource_ids, seen)
    told = all(each in seen for each in resource_ids)
    stream = sse.EventStream(system, ResourceEvents(system, watching, told=told))
    return Answer(200, stream, media_type=sse.MEDIA_TYPE)


def _seen(call: Call, resource_ids: Sequence[str]) -> Mapping[str, int]:
    """Return what the client has seen: Last-Event-ID, which is newer than the URL, else `from`."""
    text = call.headers.one("Last-Event-ID") or call.args["from"]
    if text is None:
        return {}
    seen = cursors.parse_for(resource_ids[0], text) if len(resource_ids) == 1 else None
    seen = cursors.parse(text) if seen is None else seen
    if not seen.keys() <= set(resource_ids):
        raise Malformed("The cursor names a resource that this stream is not about")
    return seen
