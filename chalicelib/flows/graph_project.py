"""From the log to the graph. The stream's record is a doorbell; the log is the truth.

A run asks the graph how far it has each stream, reads the log after that, and sends the mutations
in full requests, many streams in one. The checkpoint is moved by the same transaction as what it
vouches for, so duplicates, old records and overlapping runs change nothing, and a crash anywhere
leaves work that the next run does again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import mutations
from chalicelib.errors import AppError, LogDamaged, LogUnreadable, Unavailable
from chalicelib.graph import Graph, Part, Refused
from chalicelib.graph.packing import Work, packed
from chalicelib.log import decoded
from chalicelib.views import Parked

if TYPE_CHECKING:
    from chalicelib.system import System

CONSUMER: Final = "graph_projector"
MAX_EVENTS: Final = 200
"""Events of one stream per round, so that a long one leaves room for its neighbours."""
MAX_ROUNDS: Final = 10_000
READERS: Final = 8
"""Streams read side by side."""
BATCH: Final = 100
"""Streams that are projected at a time: as many as a batch of the log's stream has at most."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a stream stopped, and why: the version that nothing passes."""

    version: int
    reason: str


def project_batch(system: System, streams: Iterable[Stream]) -> dict[Stream, AppError]:
    """Bring each stream's part of the graph to the log's head; return those to try again.

    A stream that holds what this code cannot read, or what the graph refuses, is brought up to
    there and parked; it is not among those to try again, for its neighbours must go on. What is to
    be tried again is parked too: an outage may outlast the record that rang. Without a graph there
    is nothing to do.
    """
    return bring_up(system, streams)[0]


def bring_up(
    system: System, streams: Iterable[Stream]
) -> tuple[dict[Stream, AppError], dict[Stream, Stop]]:
    """Do as `project_batch` says; return those to try again, and where the others stopped."""
    if system.graph is None:
        return {}, {}
    run = _Run(system, system.graph)
    run.project(list(dict.fromkeys(streams)))
    run.park()
    return run.failed, run.stopped


def project(system: System, stream: Stream) -> None:
    """Bring one stream's part of the graph to the log's head. Raises Unavailable."""
    for error in project_batch(system, [stream]).values():
        raise error


def retry_parked(system: System) -> int:
    """Try every stream that this consumer parked; return how many were brought to their heads."""
    graph, mended = system.graph, 0
    if graph is None:
        return 0
    parked = [each.stream for each in system.views.parked(consumer=CONSUMER)]
    for start in range(0, len(parked), BATCH):
        batch = parked[start : start + BATCH]
        run = _Run(system, graph)
        run.project(batch)
        done = [each for each in batch if each not in run.failed and each not in run.stopped]
        for stream in done:
            system.views.unpark(CONSUMER, stream)
        mended += len(done)
        if len(run.failed) == len(batch):
            break  # it is the graph: each further batch would wait for it
    return mended


def mend(system: System) -> int:
    """Fill a graph that is not whole, and try again what was parked; return how many were.

    A graph that does not answer is for the next time.
    """
    try:
        fill(system)
        return retry_parked(system)
    except Unavailable:
        system.metrics.count("Degraded")
        return 0


def catch_up(system: System, reach: Mapping[Stream, int]) -> int:
    """Project the streams that the graph has not up to the given versions; return how many.

    What a lost stream record left behind is found so. A graph that is not there is no fault.
    """
    graph, behind = system.graph, 0
    streams = list(reach)
    for start in range(0, len(streams), BATCH):
        if graph is None:
            break
        batch = streams[start : start + BATCH]
        try:
            standing = graph.checkpoints(batch)
        except Unavailable:
            break
        late = [stream for stream in batch if standing[stream] < reach[stream]]
        behind += len(late)
        project_batch(system, late)
    return behind


def fill(system: System) -> bool:
    """Project every stream of the log unless that was done before; return whether it was done now.

    For a graph that is new, or lost what it held. It may be repeated after it broke off: what the
    graph holds already costs one question per hundred streams. Until it is done, nobody is told
    that the graph knows something. Raises Unavailable.
    """
    graph = system.graph
    if graph is None or graph.complete():
        return False
    token = graph.begin(system.mint())
    batch: list[Stream] = []
    for stream in system.log.streams():
        batch.append(stream)
        if len(batch) == BATCH:
            _all(system, batch)
            batch = []
    _all(system, batch)
    if not graph.finish(token):
        raise Unavailable("the graph was emptied while it was filled", dependency="graph")
    return True


def _all(system: System, streams: Sequence[Stream]) -> None:
    for error in project_batch(system, streams).values():
        raise error


class _Run:
    """One run over some streams: where each stands, which failed, and which stopped for good."""

    def __init__(self, system: System, graph: Graph) -> None:
        self._system = system
        self._graph = graph
        self._standing: dict[Stream, int] = {}
        self.failed: dict[Stream, AppError] = {}
        self.stopped: dict[Stream, Stop] = {}

    def project(self, streams: Sequence[Stream]) -> None:
        """Read and apply, a round of each stream after another, until all are at their heads."""
        if not streams:
            return
        try:
            self._standing = self._graph.checkpoints(streams)
        except Unavailable as error:
            self.failed = dict.fromkeys(streams, error)
            return
        going = list(streams)
        for _ in range(MAX_ROUNDS):
            reads = self._system.side_by_side(
                [partial(self._read, stream, self._standing[stream]) for stream in going], READERS
            )
            self._apply([work for read in reads for work in read.work])
            more: list[Stream] = []
            for stream, read in zip(going, reads, strict=True):
                if stream in self.failed or stream in self.stopped:
                    continue
                if isinstance(read.error, Stop):
                    self.stopped[stream] = read.error
                elif read.error is not None:
                    self.failed[stream] = read.error
                elif read.rest:
                    more.append(stream)
            if not more:
                return
            going = more
        for stream in going:
            self.failed[stream] = Unavailable("the graph is far behind; the next run goes on")

    def park(self) -> None:
        """Set aside, where an operator sees it, what stopped and what is to be tried again."""
        for stream, stop in self.stopped.items():
            self._park(stream, stop)
        with suppress(Unavailable):  # then the record that rang keeps it in mind
            for stream, error in self.failed.items():
                self._park(stream, Stop(self._standing.get(stream, 0) + 1, error.detail))

    def _park(self, stream: Stream, stop: Stop) -> None:
        self._system.metrics.count("Parked")
        parked = Parked(CONSUMER, stream, stop.version, stop.reason, self._system.now())
        self._system.views.park(parked)

    def _read(self, stream: Stream, after: int) -> _Read:
        """Return what follows `after`: whole commits, up to one that cannot be read."""
        work: list[Work] = []
        events = 0
        try:
            for commit in self._system.log.read(stream, after):
                if work and events + commit.count > MAX_EVENTS:
                    return _Read(tuple(work), rest=True)
                done = tuple(
                    mutation
                    for stored in decoded(stream, commit)
                    for mutation in mutations(stream, stored)
                )
                work.append(Work(stream, commit.last, done, commit.at))
                events += commit.count
        except (LogUnreadable, LogDamaged) as error:
            stop = Stop(int(error.extra.get("version", 0)), error.detail)
            return _Read(tuple(work), error=stop)
        except Unavailable as error:
            return _Read(tuple(work), error=error)
        return _Read(tuple(work))

    def _apply(self, work: Sequence[Work]) -> None:
        oldest = {each.stream: each.at for each in reversed(work)}
        requests = list(packed(work, self._standing))
        for number, request in enumerate(requests):
            parts = tuple(part for part in request if part.stream not in self.stopped)
            try:
                self._send(parts)
            except Unavailable as error:
                for part in (part for each in requests[number:] for part in each):
                    if part.stream not in self.stopped:
                        self.failed.setdefault(part.stream, error)
                return
            for part in parts:
                if part.stream not in self.stopped and part.upto is not None:
                    self._standing[part.stream] = part.upto
                    self._system.heads.graph_pending.seen(part.stream, part.upto)
                    self._measure(oldest[part.stream])

    def _send(self, parts: tuple[Part, ...]) -> None:
        """Carry out the parts; narrow a refusal down to the one mutation that it is about."""
        if not parts:
            return
        try:
            self._graph.apply(parts)
        except Refused as error:
            if len(parts) > 1:
                for part in parts:
                    self._send((part,))
                return
            (part,) = parts
            if len(part.mutations) <= 1:
                version = part.mutations[0].version if part.mutations else part.after + 1
                self.stopped[part.stream] = Stop(version, str(error))
                return
            half = len(part.mutations) // 2
            self._send((replace(part, mutations=part.mutations[:half], upto=None),))
            if part.stream not in self.stopped:
                self._send((replace(part, mutations=part.mutations[half:]),))
            return
        self._system.metrics.count("GraphRequests")
        self._system.metrics.count("GraphMutations", sum(len(part.mutations) for part in parts))

    def _measure(self, at: str) -> None:
        committed_s = datetime.fromisoformat(at).timestamp()
        lag_ms = max(0.0, (self._system.now_s() - committed_s) * 1000)
        self._system.metrics.milliseconds("GraphLag", lag_ms)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of one stream; `rest`: there is more; `error`: why there is no more."""

    work: tuple[Work, ...]
    rest: bool = False
    error: AppError | Stop | None = None
