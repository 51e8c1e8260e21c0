"""The view of one stream, made anew from the log beside the live one, while writers write.

A rebuild writes the annotations into a generation of its own, up to the log's head, and then makes
it the live one by one conditional put of the watermark. Readers and materializer go on meanwhile
with the generation that they read from the watermark; the old one stays for ten minutes more, for
readers that took it before. So no read shows less at any moment.

The new watermark stands at the same version as the old one, though the items beside it may be
ahead: a read folds the log's tail only over what is older than it. So the flip announces nothing
and skips no announcement; the doorbell that follows it does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from chalicelib.domain import indexes
from chalicelib.domain import marks as marks_domain
from chalicelib.domain import resource as resource_domain
from chalicelib.domain.chain import Commit, Head
from chalicelib.domain.events import StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.domain.indexes import Place
from chalicelib.domain.marks import Mark
from chalicelib.domain.resource import Resource
from chalicelib.domain.vocabulary import Vocabulary
from chalicelib.errors import AppError, Contended, LogDamaged, LogUnreadable, NotFound, Unavailable
from chalicelib.flows import project
from chalicelib.flows.head import NOTHING, Known, evolve
from chalicelib.flows.keyed import kept_until
from chalicelib.flows.project import WRITERS
from chalicelib.log import decoded
from chalicelib.system import iso
from chalicelib.upkeep.tables import Due, Watermark
from chalicelib.view_items import View
from chalicelib.views import TOMBSTONE_S, Entry

if TYPE_CHECKING:
    from chalicelib.system import System

KEPT_S: Final = 600
"""An old generation stays so long after the flip: far longer than a request may take (30 s)."""
MAX_REBUILD_S: Final = 6 * 3600.0
"""One stream's rebuild writes nothing and flips nothing after so long."""
ABANDONED_S: Final = 24 * 3600
"""A generation that no flip has made live by then is deleted."""
MAX_TRIES: Final = 200
"""Flips tried while the materializer keeps moving the watermark."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did. `stopped` says why it ends below the log's head, None if it does not."""

    stream: Stream
    generation: int
    version: int
    events: int
    annotations: int
    stopped: str | None = None


def rebuild_view(system: System, stream: Stream) -> Rebuilt:
    """Make a stream's view anew, and delete the old one's items later.

    May be repeated at any time, and run beside others of itself. Raises NotFound when the log does
    not have the stream; LogDamaged when the view is further than the log reaches, for then the log
    has lost something, and the view is the witness; Unavailable.
    """
    started = system.monotonic_s()
    held = _watermark(system, stream)
    # Above every earlier generation, broken off ones too: nothing is there to be in the way.
    now_ms = int(system.now_s() * 1000)
    generation = now_ms if held is None else max(now_ms, held.generation + 1)
    begun = Due(
        iso(system.now_s() + ABANDONED_S),
        stream,
        generation,
        _live(held),
    )
    system.upkeep.note(begun)
    fold = Fold(stream, keep_from=0 if held is None else held.version)
    _write(system, fold, generation, started, fold.catch_up(system))
    if fold.known.state is None:
        system.upkeep.settle(begun)
        raise NotFound(fold.stopped or f"the log does not have {stream.key}")
    for _ in range(MAX_TRIES):
        held = _watermark(system, stream)
        if held is not None and held.generation >= generation:
            break  # another rebuild, which began after this one, was faster
        if held is not None and held.version > fold.known.head.version:
            _write(system, fold, generation, started, fold.catch_up(system))
            if held.version > fold.known.head.version:
                raise LogDamaged(
                    f"the view of {stream.name} is at version {held.version}, the log ends at "
                    f"{fold.known.head.version}"
                    + (f" ({fold.stopped})" if fold.stopped else ": its tail may have been cut"),
                    version=fold.known.head.version,
                )
        if _live(held) != begun.before:
            # Whoever finds that this run was cut off after its flip must know what it replaced.
            begun = replace(begun, before=_live(held))
            system.upkeep.note(begun)
        known = fold.known if held is None else fold.at(system, held.version)
        assert known.state is not None
        old = None if held is None else _view(known, held)
        new = View(known.state, known.head, generation, system.now())
        _in_time(system, started)
        if system.views.move(stream, old, new):
            system.upkeep.note(Due(iso(system.now_s() + KEPT_S), stream, _live(held)))
            system.upkeep.settle(begun)
            break
        _write(system, fold, generation, started, fold.catch_up(system))
    else:
        raise Contended(f"the view of {stream.name} kept moving; the old one is live as before")
    system.heads.forget(stream)
    stopped = _ring(system, stream) or fold.stopped
    live = sum(not mark.removed for mark in fold.marks.values())
    return Rebuilt(stream, generation, fold.known.head.version, fold.events, live, stopped)


def sweep(system: System, limit: int = 100) -> int:
    """Delete the items of generations whose time has come; return how many items there were.

    Never those of the live one. What a wiped view table does not say is left for another day, and
    keeps nothing else waiting.
    """
    dropped = 0
    for due in system.upkeep.due(system.now(), limit):
        held = system.upkeep.watermark(due.stream)
        if held is None:
            system.upkeep.note(replace(due, at=iso(system.now_s() + ABANDONED_S)))
            system.upkeep.settle(due)
            continue
        left = {due.generation} if due.before is None else {due.generation, due.before}
        for generation in left - {held.generation}:
            if due.before is not None and generation < held.generation:
                # Left by a rebuild that broke off a day ago. Another may have replaced it a moment
                # ago, and who read its watermark before still reads what is here.
                system.upkeep.note(Due(iso(system.now_s() + KEPT_S), due.stream, generation))
            elif generation < held.generation or generation == due.generation:
                # One above the live one was given up a day ago, or lived before a wipe: it cannot
                # become live, for a flip goes to a generation that is newer than its rebuild.
                dropped += system.upkeep.drop_generation(due.stream, generation)
        system.upkeep.settle(due)
    return dropped


class Fold:
    """fold(log) of one stream, as far as it was read: state, annotations, places, keyed commits.

    States at the ends of commits are kept from version `keep_from` on.
    """

    def __init__(self, stream: Stream, keep_from: int = 0) -> None:
        self.stream = stream
        self.known = NOTHING
        self.marks: dict[str, Mark] = {}
        self.events = 0
        self.stopped: str | None = None
        self.places: set[Place] = set()
        self.references: dict[str, frozenset[Place]] = {}
        self._keep_from = keep_from
        self._states: dict[int, Known] = {}

    def catch_up(self, system: System) -> Changes:
        """Read what the log has more, up to its head or to what cannot be read."""
        changes = Changes()
        self.stopped = None
        try:
            for commit in system.log.read(self.stream, self.known.head.version):
                self.apply(commit, changes)
        except (LogUnreadable, LogDamaged) as error:
            self.stopped = error.detail
        except (ValueError, KeyError) as error:
            # An event that can be decoded, but does not fit the state before it.
            self.stopped = f"the log of {self.stream.name} does not fold: {error}"
        return changes

    def at(self, system: System, version: int) -> Known:
        """Return the state at the end of the first commit that reaches `version`."""
        found = self._states.get(version)
        if found is not None:
            return found
        known = NOTHING
        for commit in system.log.read(self.stream):
            known = _advanced(known, self.stream, commit)
            if known.head.version >= version:
                return known
        raise LogDamaged(f"the log of {self.stream.name} ends before {version}", version=version)

    def apply(self, commit: Commit, changes: Changes) -> None:
        """Fold one more commit. Raises LogUnreadable, or ValueError where it does not fit."""
        stored = decoded(self.stream, commit)
        state = evolved(self.known, self.stream, stored)
        changed = marks_domain.fold(self.marks, stored)
        about_itself = commit.count > len(changed) and any(
            marks_domain.touched(event) is None for event in stored
        )
        for mark_id, mark in changed.items():
            places = indexes.referred(mark)
            if places:
                self.references[mark_id] = places | self.references.get(mark_id, frozenset())
        self.marks |= changed
        self.known = Known(state, commit.head)
        self.events += commit.count
        if about_itself and self.known.resource is not None:
            self.places |= indexes.places(self.known.resource)
        if commit.last >= self._keep_from:
            self._states[commit.last] = self.known
        changes.add(changed, commit, about_itself)


def evolved(
    known: Known, stream: Stream, stored: Sequence[StoredEvent]
) -> Resource | Vocabulary | None:
    """Return the state after some more events. Raises ValueError where one does not fit."""
    if stream.resource_id is not None:
        return resource_domain.fold(known.resource, stored, stream.resource_id)
    state = known.state
    for event in stored:
        state = evolve(Known(state, known.head), stream, event)
    return state


class Changes:
    """What a fold has learnt since it was last written down."""

    def __init__(self) -> None:
        self.marks: dict[str, Mark] = {}
        self.keyed: list[Commit] = []
        self.itself = False

    def add(self, marks: dict[str, Mark], commit: Commit, itself: bool) -> None:
        """Add what one more commit brought."""
        self.marks |= marks
        self.itself = self.itself or itself
        if commit.key is not None:
            self.keyed.append(commit)


def referring(mark: Mark, resource_id: str) -> Entry:
    """Return the entry of an annotation where it refers to others."""
    return Entry(f"{mark.created}#{mark.annotation.id}", resource_id)


def _write(system: System, fold: Fold, generation: int, started: float, changes: Changes) -> None:
    """Write down what is new in a fold: annotations into the generation, entries, keys."""
    stream, now_s = fold.stream, int(system.now_s())
    put_mark, put_key = system.views.put_mark, system.views.put_key
    writes: list[Callable[[], object]] = [
        partial(put_mark, stream, generation, mark, now_s)
        for mark in changes.marks.values()
        if _kept(mark, now_s)
    ]
    for commit in changes.keyed:
        until = kept_until(commit)
        if until > now_s and commit.key is not None:
            writes.append(partial(put_key, stream, commit.key, commit.first, until))
    writes += _referring(system, fold, changes.marks.values())
    if changes.itself:
        writes += _standing(system, fold)

    def bounded(write: Callable[[], object]) -> None:
        _in_time(system, started)
        write()

    system.side_by_side([partial(bounded, write) for write in writes], WRITERS)


def _kept(mark: Mark, now_s: int) -> bool:
    """Tell whether an annotation has an item: a removed one has for a day."""
    if not mark.removed or mark.modified is None:
        return not mark.removed
    return datetime.fromisoformat(mark.modified).timestamp() + TOMBSTONE_S > now_s


def _referring(system: System, fold: Fold, marks: Iterable[Mark]) -> Iterable[Callable[[], object]]:
    workspace, own = fold.stream.workspace, fold.stream.resource_id or ""
    put, drop = system.views.put_entry, system.views.drop_entry
    for mark in marks:
        entry, now = referring(mark, own), indexes.referred(mark)
        ever = fold.references.get(mark.annotation.id, frozenset())
        for place in sorted(now):
            yield partial(put, workspace, *place, entry, mark.version)
        for place in sorted(ever - now):
            yield partial(drop, workspace, *place, entry, mark.version)


def _standing(system: System, fold: Fold) -> Iterable[Callable[[], object]]:
    resource = fold.known.resource
    if resource is None:
        return
    workspace, entry = fold.stream.workspace, Entry(resource.created, resource.id)
    now = indexes.places(resource)
    for place in sorted(now):
        yield partial(system.views.put_entry, workspace, *place, entry, resource.version)
    for place in sorted(fold.places - now):
        yield partial(system.views.drop_entry, workspace, *place, entry, resource.version)


def _watermark(system: System, stream: Stream) -> Watermark | None:
    held = system.upkeep.watermark(stream)
    if held is None:
        system.upkeep.discard_watermark(stream)
    return held


def _live(held: Watermark | None) -> int:
    """Return the generation that is written to: without a watermark, the first."""
    return 0 if held is None else held.generation


def _view(known: Known, held: Watermark) -> View:
    """Return the view that stands at a watermark, as far as `Views.move` compares it."""
    assert known.state is not None
    return View(known.state, Head(held.version, held.hash, ""), held.generation, "")


def _ring(system: System, stream: Stream) -> str | None:
    try:
        stopped = project.materialize(system, stream).unreadable
    except AppError as error:
        return error.detail
    except (ValueError, KeyError) as error:
        return f"the log of {stream.name} does not fold: {error}"
    return None if stopped is None else stopped.detail


def _advanced(known: Known, stream: Stream, commit: Commit) -> Known:
    return Known(evolved(known, stream, decoded(stream, commit)), commit.head)


def _in_time(system: System, started: float) -> None:
    if system.monotonic_s() - started > MAX_REBUILD_S:
        raise Unavailable("the rebuild took too long; the old view is live as before")
