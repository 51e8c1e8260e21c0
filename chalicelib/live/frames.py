"""Websocket frames: JSON texts of less than 32 KB, several events in one where they fit.

API Gateway closes a connection over a larger frame ("Amazon API Gateway quotas", read 2026-11).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_FRAME_BYTES: Final = 32 * 1024 - 512
"""Somewhat less than may be sent: the envelope, and what a proxy may add."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame, and the last version that who got it has; None where it says nothing of that."""

    body: bytes
    last: int | None = None


def frame(body: Json, last: int | None = None) -> Frame:
    """Return one frame."""
    return Frame(_bytes(body), last)


def live(resource_id: str, version: int) -> Frame:
    """Return that everything up to `version` has been sent."""
    return frame({"type": "live", "cursor": f"{resource_id}:{version}"})


def gap(resource_id: str, first: int, last: int) -> Frame:
    """Return that the events `first` to `last` are not sent."""
    return frame({"type": "gap", "resource": resource_id, "from": first, "to": last}, last)


def of_events(resource_id: str, events: Iterable[Json], events_url: str) -> list[Frame]:
    """Return a resource's events as few frames, in order.

    ``{"type": "event", "cursor": "<id>:8", "event": {…}}``, or ``"events"`` with a list of several
    and the cursor of the last. In an event that is too large for a frame, `href` stands for `data`.
    """
    made: list[Frame] = []
    waiting: list[tuple[int, bytes]] = []
    size = 0
    for event in events:
        version, body = int(event["version"]), _bytes(event)
        if len(body) > MAX_FRAME_BYTES - 200:
            body = _bytes(without_data(event, events_url))
        if waiting and size + len(body) + 1 > MAX_FRAME_BYTES - 200:
            made.append(_joined(resource_id, waiting))
            waiting, size = [], 0
        waiting.append((version, body))
        size += len(body) + 1
    if waiting:
        made.append(_joined(resource_id, waiting))
    return made


def without_data(event: Json, events_url: str) -> Json:
    """Return an event that is too large to be pushed: `href` says where its `data` is."""
    version = int(event["version"])
    href = f"{events_url}?cursor={version - 1}&limit=1" if version > 1 else events_url
    return {**{name: value for name, value in event.items() if name != "data"}, "href": href}


def _joined(resource_id: str, events: Sequence[tuple[int, bytes]]) -> Frame:
    """Put texts together that are JSON already: an event is written once, for all watchers."""
    last = events[-1][0]
    cursor = f"{resource_id}:{last}".encode()
    if len(events) == 1:
        body = b'{"type":"event","cursor":"%b","event":%b}' % (cursor, events[0][1])
    else:
        listed = b",".join(body for _, body in events)
        body = b'{"type":"events","cursor":"%b","events":[%b]}' % (cursor, listed)
    return Frame(body, last)


def _bytes(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
