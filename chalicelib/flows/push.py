"""From the views to whoever watches: a move of a watermark is posted to each of them.

It hangs on the views' stream, so an event is announced only after its view shows it. A record says
between which versions the watermark moved; what came between is read from the log, once, and each
watcher gets it in as few frames as it takes. Records that come twice, late or out of order send
the same events again or before others: who watches applies them by version.

A post that fails blocks nothing: the watcher is noted as behind, gets nothing more, and the sweep
goes on from the last version that had got through. That moves were left out for him is noted too,
under a condition, so that he cannot be struck off while one is being left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain.events import StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.domain.job import Job
from chalicelib.errors import AppError, Unavailable
from chalicelib.live import frames
from chalicelib.live.connections import Behind, Watcher, everything, of_job
from chalicelib.live.frames import Frame
from chalicelib.live.posts import Gone

if TYPE_CHECKING:
    from chalicelib.system import System

_LOGGER: Final = logging.getLogger(__name__)

MAX_EVENTS: Final = 1000
"""Events that one push or replay sends; beyond, it says so, and the history is there to be read."""
POSTERS: Final = 32
"""Posts at once: a watcher who does not answer holds up one of them, for 2 s, once."""
STREAMS: Final = 4
"""Streams pushed side by side."""
YOUNG_S: Final = 24 * 3600
"""A stream keeps its records for a day: a first view that comes later was made anew."""
SWEEP_S: Final = 45.0
"""A sweep starts nothing more after that: its Lambda ends at 60 s."""
ROUNDS: Final = 3

Show = Callable[[str, StoredEvent], Mapping[str, Any]]
"""Makes the JSON of an event of a resource, as clients see it."""


@dataclass(frozen=True, slots=True)
class Move:
    """A watermark that moved; `old` is None where there was no view before."""

    stream: Stream
    old: int | None
    new: int


def push(system: System, moves: Iterable[Move], show: Show) -> dict[Stream, AppError]:
    """Post each move to its watchers; return the streams to try again, with the reason.

    Moves of one stream are made one: from the lowest version to the highest.
    """
    joined = list(_joined(moves))
    attempts = [partial(_attempt, system, move, show) for move in joined]
    results = system.side_by_side(attempts, STREAMS)
    return {
        move.stream: error for move, error in zip(joined, results, strict=True) if error is not None
    }


def push_job(system: System, workspace: str, job_id: str, show_job: Callable[[Job], Frame]) -> None:
    """Post the state of a job, as it is now, to its watchers.

    A failed post is not made up for: the next state replaces it, and a client that has not heard
    of the end for a while asks `GET /jobs/{id}`.
    """
    watchers = system.connections.watchers(of_job(workspace, job_id))
    job = system.jobs.get(workspace, job_id) if watchers else None
    if job is not None:
        frame = show_job(job)
        system.side_by_side([partial(_tell, system, each, frame) for each in watchers], POSTERS)


def replay(system: System, stream: Stream, watcher: Watcher, seen: int | None, show: Show) -> None:
    """Bring a new watcher from what he has seen to what the view shows, and tell him where he is.

    He must be registered before: what the view shows later reaches him as a push.
    """
    shown = watermark(system, stream)
    sent = [] if seen is None else _frames(system, stream, seen, shown, show)
    sent.append(frames.live(stream.resource_id or "", shown))
    _deliver(system, stream, watcher, sent, shown if seen is None else seen, shown)


def sweep(system: System, show: Show) -> int:
    """Go on with everyone who is behind; return how many have caught up."""
    until = system.monotonic_s() + SWEEP_S

    def attempt(behind: Behind) -> bool:
        return system.monotonic_s() < until and _caught_up(system, behind, show)

    behind = system.connections.all_behind()
    return sum(system.side_by_side([partial(attempt, each) for each in behind], POSTERS))


def watermark(system: System, stream: Stream) -> int:
    """Return the version that the view shows, 0 if there is none."""
    view = system.views.get(stream)
    return 0 if view is None else view.head.version


def _joined(moves: Iterable[Move]) -> Iterable[Move]:
    joined: dict[Stream, Move] = {}
    for move in moves:
        held = joined.setdefault(move.stream, move)
        low = None if held.old is None or move.old is None else min(held.old, move.old)
        joined[move.stream] = Move(move.stream, low, max(held.new, move.new))
    return joined.values()


def _attempt(system: System, move: Move, show: Show) -> AppError | None:
    try:
        _push(system, move, show)
    except Unavailable as error:
        return error
    return None


def _push(system: System, move: Move, show: Show) -> None:
    stream, connections = move.stream, system.connections
    found = [
        *connections.watchers(stream.key),
        *connections.watchers(everything(stream.workspace)),
    ]
    watchers = {watcher.connection: watcher for watcher in found}
    if not watchers or move.old == move.new:
        return
    sent = _news(system, move, show)
    behind = connections.behind(stream)

    def post(watcher: Watcher) -> bool:
        late = behind.get(watcher.connection)
        if late is not None and connections.leave_out(late, move.old or 0, move.new):
            return False
        return _deliver(system, stream, watcher, sent, move.old or 0, move.new)

    with system.metrics.timed("Push"):
        told = system.side_by_side([partial(post, each) for each in watchers.values()], POSTERS)
    system.metrics.count("Posts", len(sent) * sum(told))
    system.metrics.count("NotTold", len(told) - sum(told))


def _news(system: System, move: Move, show: Show) -> list[Frame]:
    """Return what a move announces.

    A first view announces a resource that is young. An older one had a view before, which was made
    anew: whoever watches it knows its past, and is told only how far it goes.
    """
    stream = move.stream
    if move.old is None:
        first = next(system.log.read(stream, page_size=1), None)
        young_s = system.now_s() - YOUNG_S
        if first is None or datetime.fromisoformat(first.at).timestamp() < young_s:
            return [frames.live(stream.resource_id or "", move.new)]
    return _frames(system, stream, move.old or 0, move.new, show, boundary=True)


def _frames(
    system: System, stream: Stream, seen: int, shown: int, show: Show, *, boundary: bool = False
) -> list[Frame]:
    """Return the events above `seen` up to `shown`, at most `MAX_EVENTS`, and then a gap."""
    resource_id = stream.resource_id or ""
    if seen >= shown:
        return []
    upto = min(shown, seen + MAX_EVENTS)
    read = system.log.events(stream, seen, boundary=boundary, page_size=min(upto - seen, 100))
    stored = list(islice(read, upto - seen))
    ids = list(dict.fromkeys(each.correlation for each in stored))
    _LOGGER.info("push", extra={"stream": stream.key, "version": upto, "correlations": ids})
    events = [show(resource_id, each) for each in stored]
    url = f"{system.config.public_url}/resources/{resource_id}/events"
    made = frames.of_events(resource_id, events, url)
    if upto < shown:
        system.metrics.count("ReplayGaps")
        made.append(frames.gap(resource_id, upto + 1, shown))
    return made


def _deliver(
    system: System,
    stream: Stream,
    watcher: Watcher,
    sent: Sequence[Frame],
    reached: int,
    known: int,
) -> bool:
    """Post frames in order; False if they did not get through, which is noted."""
    for frame in sent:
        try:
            system.posts.post(watcher.endpoint, watcher.connection, frame.body)
        except Gone:
            system.connections.close(watcher.connection)
            return False
        except Unavailable:
            system.connections.fall_behind(stream, watcher, reached, known)
            return False
        reached = frame.last or reached
    return True


def _caught_up(system: System, behind: Behind, show: Show) -> bool:
    for _ in range(ROUNDS):
        shown = max(behind.known, watermark(system, behind.stream))
        sent = _frames(system, behind.stream, behind.version, shown, show)
        for frame in sent:
            try:
                system.posts.post(behind.watcher.endpoint, behind.watcher.connection, frame.body)
            except Gone:
                system.connections.close(behind.watcher.connection)
                system.connections.forget_behind(behind)
                return False
            except Unavailable:
                return False  # the next sweep sends all of it again; who watches knows what he has
        if system.connections.caught_up(behind):
            return True
        late = system.connections.behind(behind.stream).get(behind.watcher.connection)
        if late is None:
            return True
        behind = late
    return False


def _tell(system: System, watcher: Watcher, frame: Frame) -> None:
    try:
        system.posts.post(watcher.endpoint, watcher.connection, frame.body)
    except Gone:
        system.connections.close(watcher.connection)
    except Unavailable:
        system.metrics.count("NotTold")
