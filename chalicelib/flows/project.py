"""From the log to the views. The stream's record is a doorbell; the log is the truth.

A run reads the watermark, then the log after it, folds, writes each item by condition, and moves
the watermark last, by one conditional put. Duplicates, old records and overlapping runs therefore
change nothing; a crash anywhere leaves work that the next run does again. The watermark that a
process has seen minutes ago it need not read (`flows.watermarks`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

from chalicelib.domain import indexes
from chalicelib.domain import marks as marks_domain
from chalicelib.domain.chain import Commit
from chalicelib.domain.events import AnnotationAdded, StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.domain.resource import Resource
from chalicelib.errors import AppError, LogDamaged, LogUnreadable, Unavailable
from chalicelib.flows.head import Known, advance, viewed
from chalicelib.flows.keyed import kept_until
from chalicelib.flows.marks import from_log
from chalicelib.log import all_events
from chalicelib.view_items import View
from chalicelib.views import Entry, Parked

if TYPE_CHECKING:
    from chalicelib.system import System

_LOGGER: Final = logging.getLogger(__name__)

CONSUMER: Final = "view_materializer"
MAX_EVENTS: Final = 500
"""Events per move of the watermark, so that a run that times out keeps its progress."""
WRITERS: Final = 16
"""Items written at once."""
STREAMS: Final = 8
"""Streams materialized side by side."""
MAX_MOVES: Final = 1000
"""Moves of one run: half a million events."""
READER_S: Final = 2.0
"""So long a request makes moves that its answer would like to have."""
MAX_RUN_S: Final = 60.0
"""A run stops writing so long after it read its watermark: tombstones outlive it by far."""


@dataclass(frozen=True, slots=True)
class Move:
    """What one run did: events applied, the version that the view shows, and what stopped it."""

    events: int
    version: int
    unreadable: LogUnreadable | LogDamaged | None = None


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What the log has after a watermark: commits, whether more follow, and what it stopped at."""

    commits: list[Commit]
    rest: bool
    stopped: LogUnreadable | LogDamaged | None
    stored: tuple[StoredEvent, ...]

    @property
    def changed(self) -> list[str]:
        """Return the annotations that these commits change but do not add."""
        added: set[str] = set()
        changed: dict[str, None] = {}
        for event in self.stored:
            annotation_id = marks_domain.touched(event)
            if annotation_id is None:
                continue
            if isinstance(event.event, AnnotationAdded):
                added.add(annotation_id)
            elif annotation_id not in added:
                changed[annotation_id] = None
        return list(changed)


@dataclass(frozen=True, slots=True)
class _Work:
    """A watermark, what the log has after it, and the annotations that this changes, as held."""

    old: View | None
    ahead: _Ahead
    held: dict[str, Mark]


def materialize_batch(system: System, streams: Iterable[Stream]) -> dict[Stream, AppError]:
    """Materialize each stream, side by side; return those to try again, with the reason.

    A stream with a commit that cannot be read is brought up to that commit and parked; it is not
    among those to try again, for its neighbours must go on.
    """
    return bring_up(system, streams)[0]


def bring_up(
    system: System, streams: Iterable[Stream]
) -> tuple[dict[Stream, AppError], dict[Stream, AppError]]:
    """Do as `materialize_batch` says; return those to try again, and what the others stopped at."""
    wanted = list(dict.fromkeys(streams))
    attempts = [partial(_attempt, system, stream) for stream in wanted]
    again: dict[Stream, AppError] = {}
    stopped: dict[Stream, AppError] = {}
    for stream, error in zip(wanted, system.side_by_side(attempts, STREAMS), strict=True):
        if isinstance(error, (LogUnreadable, LogDamaged)):
            stopped[stream] = error
        elif error is not None:
            again[stream] = error
    return again, stopped


def materialize(system: System, stream: Stream, within_s: float = inf) -> Move:
    """Bring a stream's view to the log's head, or to the first commit that cannot be read.

    Raises Unavailable when a dependency does not answer, or when the run took too long: a move more
    than MAX_RUN_S, or all of them more than `within_s`. The moves that were made by then stay.
    """
    total, until_s = 0, system.monotonic_s() + within_s
    for _ in range(MAX_MOVES):
        started = system.monotonic_s()
        if started > until_s:
            break
        with system.metrics.timed("ViewMaterialization"):
            work = _work(system, stream)
            commits, ahead = work.ahead.commits, work.ahead
            if commits and not _apply(system, stream, work, min(until_s, started + MAX_RUN_S)):
                # Another run moved the watermark meanwhile, but perhaps not so far.
                continue
        total += len(ahead.stored)
        if not ahead.rest or ahead.stopped:
            version = commits[-1].last if commits else viewed(work.old).head.version
            system.heads.seen(stream, version)
            return Move(total, version, ahead.stopped)
    raise Unavailable("the view is far behind; the next run goes on from here")


def retry_parked(system: System) -> int:
    """Try every stream that this consumer parked; return how many can be read again."""
    parked = system.views.parked(consumer=CONSUMER)
    return sum(
        system.side_by_side([partial(_mended, system, each.stream) for each in parked], STREAMS)
    )


def _mended(system: System, stream: Stream) -> bool:
    """Materialize a parked stream and take it back; False if it stays parked, for the next time."""
    try:
        if _stopped(system, stream) is not None:
            return False
        system.views.unpark(CONSUMER, stream)
    except Unavailable:
        return False
    return True


def _attempt(system: System, stream: Stream) -> AppError | None:
    """Materialize and park what cannot be read; return that, or the error of a run to try again."""
    try:
        unreadable = _stopped(system, stream)
        if unreadable is not None:
            version = int(unreadable.extra.get("version", 0))
            system.metrics.count("Parked")
            system.views.park(Parked(CONSUMER, stream, version, unreadable.detail, system.now()))
    except Unavailable as error:
        return error
    return unreadable


def _stopped(system: System, stream: Stream) -> LogUnreadable | LogDamaged | None:
    """Materialize; return what the run stopped at, None if it reached the log's head."""
    try:
        return materialize(system, stream).unreadable
    except (LogUnreadable, LogDamaged) as error:
        return error
    except (ValueError, KeyError) as error:
        # An event that can be decoded, but does not fit the state before it.
        return LogDamaged(f"the log of {stream.name} does not fold: {error}", version=0)


def _work(system: System, stream: Stream) -> _Work:
    """Return what there is to do: after a watermark that is remembered, or else read."""
    now_s = system.now_s()
    remembered = system.watermarks.take(stream, now_s)
    if remembered is not None:
        ahead = _ahead(system, stream, viewed(remembered))
        if system.watermarks.trusted(len(ahead.commits), len(ahead.changed)):
            return _Work(remembered, ahead, {})
        old, held = system.views.watermark_and_marks(stream, remembered.generation, ahead.changed)
        if _same(old, remembered):
            if not ahead.commits:
                system.watermarks.put(stream, remembered, now_s)
            return _Work(old, ahead, held)
    old = system.views.get(stream)
    ahead = _ahead(system, stream, viewed(old))
    if old is None:
        return _Work(old, ahead, {})
    if not ahead.commits:
        system.watermarks.put(stream, old, now_s)
    changed = ahead.changed
    return _Work(old, ahead, system.views.marks(stream, old.generation, changed) if changed else {})


def _same(old: View | None, remembered: View | None) -> bool:
    """Tell whether they are one watermark, as `Views.move` compares it."""
    return (
        old is not None
        and remembered is not None
        and (old.head.version, old.generation) == (remembered.head.version, remembered.generation)
    )


def _ahead(system: System, stream: Stream, known: Known) -> _Ahead:
    """Return the readable commits after `known`, whether more follow, and what stopped it."""
    commits: list[Commit] = []
    events, rest = 0, False
    stopped: LogUnreadable | LogDamaged | None = None
    try:
        for commit in system.log.read(stream, known.head.version, page_size=MAX_EVENTS):
            if commits and events + commit.count > MAX_EVENTS:
                rest = True
                break
            known = advance(known, stream, commit)
            commits.append(commit)
            events += commit.count
    except (LogUnreadable, LogDamaged) as error:
        stopped = error
    return _Ahead(commits, rest, stopped, tuple(all_events(stream, commits)))


def _apply(system: System, stream: Stream, work: _Work, until_s: float) -> bool:
    old, commits, stored = work.old, work.ahead.commits, work.ahead.stored
    known = viewed(old)
    generation = 0 if old is None else old.generation
    held = work.held
    lost = [annotation_id for annotation_id in work.ahead.changed if annotation_id not in held]
    if lost:
        held = held | from_log(system, stream, lost, upto=known.head.version)
    marks = marks_domain.fold(held, stored)
    states = [known]
    for commit in commits:
        known = advance(known, stream, commit)
        states.append(known)
    now_s = int(system.now_s())
    writes: list[Callable[[], object]] = [
        _putting(system, stream, generation, mark, now_s) for mark in marks.values()
    ]
    writes += _references(system, stream, held, marks.values())
    writes += _keys(system, stream, commits, now_s)
    if known.resource is not None:
        writes += _entries(system, stream, [state.resource for state in states], known.resource)

    def bounded(write: Callable[[], object]) -> None:
        _in_time(system, until_s)
        write()

    system.side_by_side([partial(bounded, write) for write in writes], WRITERS)
    assert known.state is not None
    new = View(known.state, known.head, generation, system.now())
    _in_time(system, until_s)
    moved_s = system.now_s()
    moved = system.views.move(stream, old, new)
    if moved:
        system.watermarks.put(stream, new, moved_s)
        _measure(system, commits[0].at, len(stored))
        ids = list(dict.fromkeys(commit.correlation for commit in commits))
        about = {"stream": stream.key, "version": known.head.version, "correlations": ids}
        _LOGGER.info("view", extra=about)
    return moved


def _in_time(system: System, until_s: float) -> None:
    if system.monotonic_s() > until_s:
        raise Unavailable("the run took too long; the next one goes on from here")


def _putting(
    system: System, stream: Stream, generation: int, mark: Mark, now_s: int
) -> Callable[[], object]:
    return lambda: system.views.put_mark(stream, generation, mark, now_s)


def _references(
    system: System, stream: Stream, held: Mapping[str, Mark], marks: Iterable[Mark]
) -> list[Callable[[], object]]:
    """Put an entry for each reference of a changed annotation, also one that it had before.

    So each entry is as new as its annotation, and a late run cannot drop one that stands again.
    """
    workspace, own = stream.workspace, stream.resource_id or ""
    put, drop = system.views.put_entry, system.views.drop_entry
    writes: list[Callable[[], object]] = []
    for mark in marks:
        entry = Entry(f"{mark.created}#{mark.annotation.id}", own)
        before, now = indexes.referred(held.get(mark.annotation.id)), indexes.referred(mark)
        for index, value in sorted(now):
            writes.append(partial(put, workspace, index, value, entry, mark.version))
        for index, value in sorted(before - now):
            writes.append(partial(drop, workspace, index, value, entry, mark.version))
    return writes


def _keys(
    system: System, stream: Stream, commits: Sequence[Commit], now_s: int
) -> list[Callable[[], object]]:
    def putting(key: str, commit: Commit, expires: int) -> Callable[[], object]:
        return lambda: system.views.put_key(stream, key, commit.first, expires)

    writes: list[Callable[[], object]] = []
    for commit in commits:
        if commit.key is not None:
            expires = kept_until(commit)
            if expires > now_s:
                writes.append(putting(commit.key, commit, expires))
    return writes


def _entries(
    system: System, stream: Stream, states: Sequence[Resource | None], after: Resource
) -> list[Callable[[], object]]:
    """Put or drop every entry that one of the move's commits changed, though the last undid it.

    `states` holds the watermark's state and the one after each commit. A run that ended early, or
    runs beside this one, may have stopped at any of them, and dropped what stands again by now.
    """
    entry = Entry(after.created, after.id)
    workspace, version = stream.workspace, after.version
    stood = [frozenset[indexes.Place]() if s is None else indexes.places(s) for s in states]
    new, ever, always = stood[-1], frozenset.union(*stood), frozenset.intersection(*stood)

    def putting(place: indexes.Place) -> Callable[[], object]:
        return lambda: system.views.put_entry(workspace, *place, entry, version)

    def dropping(place: indexes.Place) -> Callable[[], object]:
        return lambda: system.views.drop_entry(workspace, *place, entry, version)

    return [putting(place) for place in sorted(new - always)] + [
        dropping(place) for place in sorted(ever - new)
    ]


def _measure(system: System, oldest: str, events: int) -> None:
    committed_s = datetime.fromisoformat(oldest).timestamp()
    system.metrics.milliseconds("ViewLag", max(0.0, (system.now_s() - committed_s) * 1000))
    system.metrics.count("ViewEvents", events)
