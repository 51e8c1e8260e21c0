"""The state of a stream at its head: its view, and the log's commits after it, folded in memory.

What is cached is the state *at a head*, never a bare head: a stale one is completed from the log
before it is shown, and refused by the append's condition before it can do harm.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Final

from chalicelib.domain import chain, resource, vocabulary
from chalicelib.domain.chain import Commit, Head
from chalicelib.domain.events import StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.domain.resource import Resource
from chalicelib.domain.vocabulary import Vocabulary
from chalicelib.errors import LogDamaged
from chalicelib.log import decoded

if TYPE_CHECKING:
    from chalicelib.system import System
    from chalicelib.view_items import View

MAX_HEADS: Final = 2000
"""States kept per process; a descriptor is about 1 KB."""
MAX_PENDING: Final = 200
"""Streams, and appends of each, that are watched until a view shows them."""
LONG_TAIL: Final = 200
"""With more events than this after the view, a reader materializes before it goes on."""


@dataclass(frozen=True, slots=True)
class Known:
    """The state of a stream at `head`; `state` is None where nothing was appended yet."""

    state: Resource | Vocabulary | None
    head: Head

    @property
    def resource(self) -> Resource | None:
        """Return the state of a resource's stream."""
        return self.state if isinstance(self.state, Resource) else None

    @property
    def vocabulary(self) -> Vocabulary:
        """Return the state of a system stream; empty before its first commit."""
        return self.state if isinstance(self.state, Vocabulary) else Vocabulary()


NOTHING: Final = Known(None, chain.EMPTY)


def evolve(known: Known, stream: Stream, stored: StoredEvent) -> Resource | Vocabulary:
    """Return the state after one more event of whichever kind of stream it is."""
    if stream.resource_id is None:
        return vocabulary.evolve(known.vocabulary, stored)
    return resource.evolve(known.resource, stored, stream.resource_id)


def advance(known: Known, stream: Stream, commit: Commit) -> Known:
    """Return the state after one more commit.

    Raises LogUnreadable if it cannot be read, LogDamaged if it does not fit what is before it.
    """
    try:
        for stored in decoded(stream, commit):
            known = replace(known, state=evolve(known, stream, stored))
    except ValueError as error:
        raise LogDamaged(
            f"the commit at version {commit.first} of {stream.name} does not fold: {error}",
            version=commit.first,
        ) from error
    return replace(known, head=commit.head)


@dataclass(frozen=True, slots=True)
class Tail:
    """What the log holds after a view: the commits, and the state that they lead to."""

    known: Known
    commits: tuple[Commit, ...]

    @property
    def events(self) -> int:
        """Return how many events the view does not show yet."""
        return sum(commit.count for commit in self.commits)


def tail(system: System, stream: Stream, base: Known) -> Tail:
    """Read the log after `base` and fold it on. One query."""
    commits: list[Commit] = []
    known = base
    for commit in system.log.read(stream, base.head.version):
        known = advance(known, stream, commit)
        commits.append(commit)
    system.heads.put(stream, known)
    return Tail(known, tuple(commits))


def current(system: System, stream: Stream) -> Known:
    """Return the state at the log's head: one query when cached, else one read and one query."""
    return tail(system, stream, base(system, stream)).known


def base(system: System, stream: Stream) -> Known:
    """Return the cached state, or the view's, or `NOTHING`: a state at some head, maybe old."""
    cached = system.heads.get(stream)
    system.metrics.count("ViewCacheMiss" if cached is None else "ViewCacheHit")
    return cached or viewed(system.views.get(stream))


def viewed(view: View | None) -> Known:
    """Return the state that a view shows; `NOTHING` for a stream without one."""
    return NOTHING if view is None else Known(view.state, view.head)


def folded(stream: Stream, commits: Iterable[Commit], upto: int | None = None) -> Known:
    """Return the state after the commits from the first one on, or after version `upto`."""
    known = NOTHING
    for commit in commits:
        if upto is not None and commit.first > upto:
            break
        for stored in decoded(stream, commit):
            if upto is None or stored.version <= upto:
                known = replace(known, state=evolve(known, stream, stored))
        known = replace(known, head=commit.head)
    return known


class Heads:
    """States at heads, by stream: bounded, each for a bounded time. Never shown uncompleted."""

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._held: OrderedDict[str, tuple[float, Known]] = OrderedDict()
        self.pending = Pending()
        self.graph_pending = Pending()
        self._lock = threading.Lock()

    def get(self, stream: Stream) -> Known | None:
        """Return the state last put, if it is not too old."""
        with self._lock:
            held = self._held.get(stream.key)
            if held is None:
                return None
            until, known = held
            if monotonic() > until:
                del self._held[stream.key]
                return None
            self._held.move_to_end(stream.key)
            return known

    def put(self, stream: Stream, known: Known) -> None:
        """Keep a state, unless a later one is kept already. `NOTHING` is not kept."""
        if known.state is None or self._ttl_s <= 0:
            return
        with self._lock:
            held = self._held.get(stream.key)
            if held is not None and held[1].head.version > known.head.version:
                return
            self._held[stream.key] = (monotonic() + self._ttl_s, known)
            self._held.move_to_end(stream.key)
            while len(self._held) > MAX_HEADS:
                self._held.popitem(last=False)

    def forget(self, stream: Stream) -> None:
        """Drop what is kept of a stream."""
        with self._lock:
            self._held.pop(stream.key, None)

    def appended(self, stream: Stream, commit: Commit, at_s: float) -> None:
        """Note an append of this process, for both that follow the log."""
        self.pending.appended(stream, commit.last, at_s)
        self.graph_pending.appended(stream, commit.last, at_s)

    def seen(self, stream: Stream, version: int) -> None:
        """Note that the view shows `version`."""
        self.pending.seen(stream, version)


class Pending:
    """Appends of this process that one reader of the log is not known to show yet. Bounded."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[int, float]]] = {}
        self._made: Counter[str] = Counter()
        self._lock = threading.Lock()

    def appended(self, stream: Stream, version: int, at_s: float) -> None:
        """Note an append; old ones are dropped when there are too many."""
        with self._lock:
            self._made[stream.workspace] += 1
            self._waiting.setdefault(stream.key, []).append((version, at_s))
            del self._waiting[stream.key][:-MAX_PENDING]
            while len(self._waiting) > MAX_PENDING:
                del self._waiting[next(iter(self._waiting))]

    def made(self, workspace: str) -> int:
        """Return how many appends there were in a workspace, ever."""
        with self._lock:
            return self._made[workspace]

    def streams(self, workspace: str) -> list[Stream]:
        """Return the streams of a workspace that something is pending for."""
        with self._lock:
            found = [Stream.parse(key) for key in self._waiting]
        return [stream for stream in found if stream.workspace == workspace]

    def oldest(self, workspace: str) -> tuple[Stream, float] | None:
        """Return the resource's stream of the oldest append, and when it was made."""
        prefix = Stream.of_resource(workspace, "").key
        with self._lock:
            waiting = [
                (appends[0][1], key)
                for key, appends in self._waiting.items()
                if key.startswith(prefix)
            ]
        if not waiting:
            return None
        at_s, key = min(waiting)
        return Stream.parse(key), at_s

    def seen(self, stream: Stream, version: int) -> None:
        """Note that the reader shows `version`."""
        with self._lock:
            appends = [a for a in self._waiting.get(stream.key, []) if a[0] > version]
            if appends:
                self._waiting[stream.key] = appends
            else:
                self._waiting.pop(stream.key, None)
