"""Whether a stream's part of the graph is what the log says: each difference, by name.

Good while writers write: the graph's checkpoint is read first, then the log, then the vertices, and
a vertex may stand as at the checkpoint or as after any later event about it. Nothing is mended
here; `flows.graph_rebuild` does that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import mutations, vertex_of
from chalicelib.domain.standing import Standing, evolve
from chalicelib.errors import LogDamaged, LogUnreadable, Unavailable
from chalicelib.flows.faults import AT_ONCE, GRACE_S, TRIES, Fault, Progress
from chalicelib.graph import Refused
from chalicelib.graph.upkeep import CHECKPOINT, Found, GraphUpkeep
from chalicelib.log import decoded

if TYPE_CHECKING:
    from chalicelib.system import System

NO_NAMES: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Around:
    """The names of all that a graph shows, `of` each stream, and of none."""

    of: Mapping[Stream, set[str]] = field(default_factory=dict)
    strays: Sequence[str] = ()

    def faults(self) -> list[Fault]:
        """Return what is of no stream."""
        detail = "the vertex is of no stream"
        return [Fault("graph", name, None, detail) for name in self.strays]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A vertex that does not stand as it may. `wanted` is None where nothing should stand."""

    id: str
    wanted: Standing | None
    found: Found | None
    details: tuple[str, ...]


@dataclass(slots=True)
class Looked:
    """One look at a stream. `shown` is the graph's checkpoint, `head` how far the log was read.

    `checkpoint` holds what stands as the checkpoint if that is no version that the log can have;
    `stopped` says why the log could not be read further, None if it could.
    """

    stream: Stream
    shown: int = 0
    head: int = 0
    late_s: float = 0.0
    wrong: list[Wrong] = field(default_factory=list)
    checkpoint: tuple[Any, ...] = ()
    stopped: str | None = None

    def details(self) -> Iterator[tuple[int | None, str]]:
        """Yield every fault with the version that it is about."""
        if self.checkpoint:
            shown = " and ".join(map(str, self.checkpoint))
            yield None, f"the graph shows version {shown}, the log ends at {self.head}"
        for each in self.wrong:
            version = None if each.wanted is None else each.wanted.version
            for detail in each.details:
                yield version, f"{each.id}: {detail}"
        if self.late_s > GRACE_S:
            detail = f"the graph has been behind for {self.late_s:.0f} s"
            yield self.shown, f"{detail}; the log ends at {self.head}"


def around(upkeep: GraphUpkeep, workspace: str | None = None) -> Around:
    """Return what a graph shows, of all workspaces or of one. Raises Unavailable."""
    streams: dict[Stream, set[str]] = {}
    strays: list[str] = []
    for name in upkeep.names():
        owner = name.partition("/annotation#")[0]
        before, of_type, _ = name.partition("/type#")
        try:
            stream = Stream.parse(f"{before}/system" if of_type else owner)
        except ValueError:
            strays.append(name)
            continue
        if workspace in (None, stream.workspace):
            streams.setdefault(stream, set()).add(name)
    return Around(streams, strays)


def faults(
    system: System,
    streams: Sequence[Stream],
    workspace: str | None = None,
    progress: Progress = lambda what, done, of: None,
) -> list[Fault]:
    """Return where the graph is not what the log says; that of all workspaces, or of one.

    A graph that does not answer, or is not whole, is one fault, for nobody knows what it holds.
    """
    if system.graph is None:
        return []
    try:
        held = around(GraphUpkeep(system.graph.submit), workspace)
    except (Unavailable, Refused) as error:
        return [_silent(error)]
    every = sorted({*streams, *held.of}, key=lambda stream: stream.key)
    return [*held.faults(), *faults_of(system, every, held, progress)]


def faults_of(
    system: System,
    streams: Sequence[Stream],
    held: Around,
    progress: Progress = lambda what, done, of: None,
) -> list[Fault]:
    """Return where the graph is not what the log says of these streams."""
    if system.graph is None:
        return []
    upkeep, done = GraphUpkeep(system.graph.submit), 0

    def one(stream: Stream) -> list[Fault]:
        nonlocal done
        for _ in range(TRIES):
            looked = look(system, upkeep, stream, held.of.get(stream, NO_NAMES))
            details = list(looked.details())
            if not details:
                break
        done += 1
        progress("graph", done, len(streams))
        return [Fault("graph", stream.key, version, text) for version, text in details]

    try:
        if not system.graph.complete():
            return [Fault("graph", "palimpsest", None, "it was emptied, or is being filled")]
        progress("graph", 0, len(streams))
        found = system.side_by_side([partial(one, stream) for stream in streams], AT_ONCE)
        return [fault for faults in found for fault in faults]
    except (Unavailable, Refused) as error:
        return [_silent(error)]


def _silent(error: Exception) -> Fault:
    detail = f"it cannot be looked at: {getattr(error, 'detail', error)}"
    return Fault("graph", "palimpsest", None, detail)


def look(system: System, graph: GraphUpkeep, stream: Stream, more: Collection[str] = ()) -> Looked:
    """Compare the graph's part of a stream with the log; `more` are ids to look at besides."""
    own = vertex_of(stream).id
    held = graph.read([own]).get(own)
    told = () if held is None else held.properties.get(CHECKPOINT, ())
    shown = told[0] if len(told) == 1 and isinstance(told[0], int) and told[0] >= 0 else 0
    fold = _Fold(system, stream, shown)
    looked = Looked(stream, shown)
    fold.catch_up()
    found = graph.read({own, *fold.standings, *graph.around(stream), *more})
    if any(_number(each) > fold.head for each in found.values()):
        fold.catch_up()
    looked.head, looked.stopped = fold.head, fold.stopped
    if (told and told != (shown,)) or (shown > fold.head and fold.stopped is None):
        looked.checkpoint = told
    elif fold.waiting_since is not None:
        looked.late_s = system.now_s() - datetime.fromisoformat(fold.waiting_since).timestamp()
    for name in sorted({*fold.standings, *found}):
        at = found.get(name)
        if fold.stopped is not None and at is not None and _number(at) > fold.head:
            continue  # it stands beyond what can be read of the log, which is a fault of its own
        wrong = _compare(name, fold.standings.get(name, []), at, looked.shown)
        if wrong is not None:
            looked.wrong.append(wrong)
    return looked


class _Fold:
    """How each vertex of a stream may stand: as at `shown`, or as after each event since."""

    def __init__(self, system: System, stream: Stream, shown: int) -> None:
        self._system = system
        self._stream = stream
        self._shown = shown
        self.standings: dict[str, list[Standing]] = {}
        self.head = 0
        self.waiting_since: str | None = None
        self.stopped: str | None = None

    def catch_up(self) -> None:
        """Fold what the log has beyond `head`."""
        try:
            for commit in self._system.log.read(self._stream, self.head):
                for stored in decoded(self._stream, commit):
                    for mutation in mutations(self._stream, stored):
                        held = self.standings.setdefault(mutation.vertex.id, [])
                        after = evolve(held[-1] if held else None, mutation)
                        if mutation.version <= self._shown:
                            held[:] = [after]
                        else:
                            held.append(after)
                self.head = commit.last
                if commit.last > self._shown:
                    self.waiting_since = self.waiting_since or commit.at
        except (LogUnreadable, LogDamaged) as error:
            self.stopped = error.detail


def _compare(name: str, right: list[Standing], found: Found | None, shown: int) -> Wrong | None:
    if found is None or found.version is None:
        if right and right[0].version <= shown:
            return Wrong(name, right[-1], found, ("the vertex is missing",))
        return None
    if not right:
        return Wrong(name, None, found, ("the log knows nothing of it",))
    for standing in right:
        if (standing.version,) == found.properties["version"]:
            details = tuple(_different(standing, found))
            return Wrong(name, right[-1], found, details) if details else None
    version = " and ".join(map(str, found.properties["version"]))
    detail = f"it stands at version {version}, the log says {right[0].version}"
    return Wrong(name, right[-1], found, (detail,))


def _different(wanted: Standing, found: Found) -> Iterator[str]:
    if found.label != wanted.vertex.label:
        yield f"its label is {found.label}"
    for prop, value in sorted(wanted.properties.items()):
        if found.properties.get(prop) != (value,):
            yield f"the property {prop} is not the log's"
    for extra in sorted({*found.properties} - {*wanted.properties, "version", CHECKPOINT}):
        yield f"the property {extra} is in no event"
    edges: dict[tuple[str, str], list[Any]] = {}
    for edge in found.edges:
        edges.setdefault((edge.label, edge.to), []).append(edge.version)
    for expected, version in wanted.edges.items():
        held = edges.pop((expected.label, expected.to.id), [])
        named = f"the edge {expected.label} to {expected.to.id}"
        if not held:
            yield f"{named} is missing"
        elif len(held) > 1:
            yield f"{named} is there {len(held)} times"
        elif held != [version]:
            yield f"{named} stands at version {held[0]}, the log says {version}"
    for label, to in sorted(edges):
        yield f"the edge {label} to {to} is in no event"


def _number(found: Found) -> int:
    return found.version if isinstance(found.version, int) else 0
