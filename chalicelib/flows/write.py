"""The write path: read the state, decide, append one commit; again if somebody was faster.

Every write is one conditional put to the log: either the commit is there and every read shows it,
or nothing happened. A refusal is believed only on a state completed from the log: what is cached
or materialized may be old, and is used to save the read, not to say no.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from chalicelib.domain import marks as marks_domain
from chalicelib.domain import resource as resource_domain
from chalicelib.domain import vocabulary as vocabulary_domain
from chalicelib.domain.actor import SYSTEM as PALIMPSEST
from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import TextPosition, TextQuote
from chalicelib.domain.chain import Commit, Head
from chalicelib.domain.commands import (
    AddAnnotations,
    AnnotationCommand,
    Creation,
    ResourceCommand,
    SystemCommand,
)
from chalicelib.domain.events import AnnotationAdded, Event, StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.errors import AppError, Conflict, Contended, StaleVersion
from chalicelib.flows.content import text_of
from chalicelib.flows.head import NOTHING, Known, advance, base, evolve, tail, viewed
from chalicelib.flows.marks import mark_at
from chalicelib.log import Intent, StaleHead, decoded

if TYPE_CHECKING:
    from chalicelib.system import System

MAX_TRIES: Final = 64
MAX_WAIT_S: Final = 10.0
"""A write that loses so often, or for so long, gives up with `Contended`; nothing was written."""


@dataclass(frozen=True, slots=True)
class Request:
    """On whose behalf a write is made. `key` makes it append-once, see `chain.Commit.key`."""

    workspace: str
    actor: Actor
    correlation: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did. `commit` is None when nothing had to change.

    `known` is the state after the commit (for a repeated request: now); `marks` holds the
    annotations that the commit added, changed or removed, by id.
    """

    stream: Stream
    known: Known
    commit: Commit | None = None
    marks: Mapping[str, Mark] = field(default_factory=dict)
    repeated: bool = False

    @property
    def version(self) -> int:
        """Return the version that the write led to, or the current one if it changed nothing."""
        return self.known.head.version if self.commit is None else self.commit.last


def create(system: System, request: Request, resource_id: str, command: Creation) -> Written:
    """Begin a resource. One put, no read: version 1 must be free.

    A repeated keyed request finds its own first commit there. Raises Conflict if the id is taken.
    """
    stream = Stream.of_resource(request.workspace, resource_id)
    intent = _intent(system, request)
    try:
        return _appended(system, stream, NOTHING, resource_domain.decide(command, None), intent, {})
    except StaleHead as stale:
        if request.key is None or stale.winner.key != request.key:
            raise Conflict("a resource with this id exists already") from stale
        return repeat(system, stream, stale.winner)


def change(
    system: System,
    request: Request,
    resource_id: str,
    command: ResourceCommand,
    expected: int | None = None,
    foreseen: Callable[[Written], object] | None = None,
) -> Written:
    """Change a resource, or annotate it. One put when its state is cached, else a read more.

    `expected` is the version that the client saw (If-Match). `foreseen` is shown what would be
    returned, before anything is appended, and refuses it by raising. Raises what that and `decide`
    raise, StaleVersion, and Contended.
    """
    stream = Stream.of_resource(request.workspace, resource_id)

    def decide(known: Known) -> tuple[Event, ...]:
        if expected is not None and known.head.version != expected:
            _refuse_stale(expected, known.head.version, known.state is not None)
        text = None
        if known.resource is not None and _needs_text(command):
            text = text_of(system, request.workspace, known.resource.content)
        new = resource_domain.decide(command, known.resource, text)
        if new and foreseen is not None:
            foreseen(_foreseen(system, request, stream, known, new))
        return new

    return _execute(system, request, stream, decide)


def change_annotation(
    system: System,
    request: Request,
    resource_id: str,
    command: AnnotationCommand,
    expected: int | None = None,
) -> Written:
    """Change or remove one annotation: reads watermark, item and tail, then appends there.

    `expected` is the annotation's own version. Raises NotFound, Conflict, StaleVersion, Contended.
    """
    stream = Stream.of_resource(request.workspace, resource_id)
    intent = _intent(system, request)
    known, mark = mark_at(system, stream, command.annotation_id)
    for wait in _tries(system):
        if expected is not None and mark is not None and not mark.removed:
            _refuse_stale_mark(expected, mark.version)
        new = marks_domain.decide(command, known.resource, mark)
        if not new:
            assert mark is not None
            return Written(stream, known, marks={command.annotation_id: mark})
        try:
            before = {} if mark is None else {command.annotation_id: mark}
            return _appended(system, stream, known, new, intent, before)
        except StaleHead:
            system.metrics.count("AppendConflicts")
            wait()
        newer = tail(system, stream, known)
        known = newer.known
        for commit in newer.commits:
            before = {} if mark is None else {command.annotation_id: mark}
            changed = marks_domain.fold(
                before, (e for e in decoded(stream, commit) if _about(e, command))
            )
            mark = changed.get(command.annotation_id, mark)
    raise _contended(stream)


def was_created(system: System, request: Request, resource_id: str) -> bool:
    """Tell whether a keyed request has begun this resource before: `create` then repeats it."""
    if request.key is None:
        return False
    stream = Stream.of_resource(request.workspace, resource_id)
    first = system.log.commits_at(stream, [1]).get(1)
    return first is not None and first.key == request.key


def extend_vocabulary(
    system: System, request: Request, command: SystemCommand, expected: int | None = None
) -> Written:
    """Add to the workspace's vocabulary, seeding it first if this is its first use.

    `expected` is the version that the client saw. Raises StaleVersion, Contended.
    """
    stream = Stream.of_system(request.workspace)
    seed_vocabulary(system, request)

    def decide(known: Known) -> tuple[Event, ...]:
        if expected is not None and known.head.version != expected:
            _refuse_stale(expected, known.head.version, known.state is not None)
        return vocabulary_domain.decide(command, known.vocabulary)

    return _execute(system, request, stream, decide)


def seed_vocabulary(system: System, request: Request) -> Known:
    """Return the vocabulary as it is; append the seed at version 1 if there is none yet."""
    stream = Stream.of_system(request.workspace)
    known = tail(system, stream, base(system, stream)).known
    if known.state is not None:
        return known
    intent = Intent(system.mint(), None, system.now(), PALIMPSEST, request.correlation)
    try:
        return _appended(system, stream, NOTHING, vocabulary_domain.SEED, intent, {}).known
    except StaleHead:
        return tail(system, stream, NOTHING).known


def repeat(system: System, stream: Stream, commit: Commit) -> Written:
    """Return what the write that made `commit` returned: the answer to a repeated request."""
    events = decoded(stream, commit)
    if commit.previous is None:
        known = advance(NOTHING, stream, commit)
    else:
        known = tail(system, stream, base(system, stream)).known
    added = marks_domain.fold({}, (e for e in events if _adds(e.event)))
    return Written(stream, known, commit, added, repeated=True)


def _execute(
    system: System,
    request: Request,
    stream: Stream,
    decide: Callable[[Known], tuple[Event, ...]],
) -> Written:
    intent = _intent(system, request)
    fresh = False
    if request.key is None:
        known = base(system, stream)
    else:
        known, done = _unless_done(system, stream, request.key)
        fresh = True
        if done is not None:
            return repeat(system, stream, done)
    for wait in _tries(system):
        try:
            new = decide(known)
        except AppError:
            if fresh:
                raise
            new = ()
        if not new and fresh:
            return Written(stream, known)
        if new:
            try:
                return _appended(system, stream, known, new, intent, {})
            except StaleHead:
                system.metrics.count("AppendConflicts")
                wait()
        newer = tail(system, stream, known)
        fresh = True
        if request.key is not None:
            for commit in newer.commits:
                if commit.key == request.key:
                    return repeat(system, stream, commit)
        known = newer.known
    raise _contended(stream)


def _unless_done(system: System, stream: Stream, key: str) -> tuple[Known, Commit | None]:
    """Return the state at the head, and the commit that carries `key` if there is one.

    The order matters: watermark, key item, tail. The materializer writes the key item before it
    moves the watermark, so a commit below the watermark that was read has its item, and one above
    is in the tail. With the item first, a move between the two reads would hide the commit.
    """
    view = system.views.get(stream)
    version = system.views.key(stream, key)
    if version is not None:
        found = system.log.commits_at(stream, [version]).get(version)
        if found is not None and found.key == key:
            return viewed(view), found
    after = tail(system, stream, viewed(view))
    for commit in after.commits:
        if commit.key == key:
            return after.known, commit
    return after.known, None


def _appended(
    system: System,
    stream: Stream,
    known: Known,
    new: Sequence[Event],
    intent: Intent,
    before: Mapping[str, Mark],
) -> Written:
    with system.metrics.timed("AppendLatency"):
        commit = system.log.append(stream, known.head, new, intent)
    known = advance(known, stream, commit)
    system.heads.put(stream, known)
    system.heads.appended(stream, commit, system.now_s())
    events = decoded(stream, commit)
    return Written(stream, known, commit, marks_domain.fold(dict(before), events))


def _foreseen(
    system: System, request: Request, stream: Stream, known: Known, new: Sequence[Event]
) -> Written:
    """Return what appending these events would return, but for the commit and its hash."""
    head = Head(known.head.version + len(new), bytes(32), max(system.now(), known.head.at))
    events = [
        StoredEvent(
            event,
            known.head.version + number,
            head.at,
            request.actor,
            request.correlation,
            known.head.version + 1,
            bytes(32),
            known.head.hash,
        )
        for number, event in enumerate(new, 1)
    ]
    state = known.state
    for stored in events:
        state = evolve(Known(state, known.head), stream, stored)
    return Written(stream, Known(state, head), marks=marks_domain.fold({}, events))


def _tries(system: System) -> list[Callable[[], None]]:
    started = system.monotonic_s()

    def waiter(number: int) -> Callable[[], None]:
        def wait() -> None:
            # Full jitter; the first retry is at once, as most conflicts are between two.
            if number:
                system.sleep(random.uniform(0, min(0.005 * 2 ** min(number, 6), 0.2)))
            if system.monotonic_s() - started > MAX_WAIT_S:
                raise Contended("other writers kept winning; nothing was written")

        return wait

    return [waiter(number) for number in range(MAX_TRIES)]


def _contended(stream: Stream) -> Contended:
    return Contended(
        f"other writers won {MAX_TRIES} times in a row on {stream.name}; nothing was written"
    )


def _intent(system: System, request: Request) -> Intent:
    return Intent(system.mint(), request.key, system.now(), request.actor, request.correlation)


def _needs_text(command: ResourceCommand) -> bool:
    return isinstance(command, AddAnnotations) and any(
        isinstance(selector, TextPosition | TextQuote)
        for annotation in command.annotations
        for selector in annotation.selectors
    )


def _refuse_stale(expected: int, actual: int, exists: bool) -> None:
    if exists:
        raise StaleVersion(
            f"If-Match names version {expected}, the current one is {actual}",
            expected=expected,
            actual=actual,
        )


def _refuse_stale_mark(expected: int, actual: int) -> None:
    if expected != actual:
        _refuse_stale(expected, actual, True)


def _about(stored: StoredEvent, command: AnnotationCommand) -> bool:
    return marks_domain.touched(stored) == command.annotation_id


def _adds(event: Event) -> bool:
    return isinstance(event, AnnotationAdded)
