"""One question, asked of the graph, and else of the views.

The graph is asked first, within a short time; where it does not answer, is not there, or does not
hold yet what is asked about, the views answer the same question, bounded, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

from chalicelib.domain.ids import Stream
from chalicelib.errors import Unavailable
from chalicelib.flows import listing, project
from chalicelib.flows.listing import After
from chalicelib.graph import Behind, Refused, Relations, walk
from chalicelib.graph.views_answer import ViewAnswers

if TYPE_CHECKING:
    from chalicelib.graph.gremlin import Gremlin
    from chalicelib.system import System

T = TypeVar("T")
Source = Literal["graph", "views"]

VIEWS_S: Final = 1.0
"""The views stop looking after that; what they have by then is `truncated`."""
BARRIER_S: Final = (0.025, 0.05, 0.1, 0.2)
"""Waits for the graph to show what the caller has just written (`after`); then the views answer."""
MAX_LAG_STREAMS: Final = 50
LAG_S: Final = 0.2
"""What may be spent on knowing the lag; else it is taken to be as long as it could be."""


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """An answer, and where it is from. `degraded`: the graph should have told it, and did not."""

    value: T
    source: Source
    degraded: bool
    lag_s: float
    truncated: bool = False


def told_by_either(
    system: System,
    workspace: str,
    question: Hashable,
    ask: Callable[[Relations], T],
    after: After | None,
) -> Told[T]:
    """Ask the graph, if it is kept, answers, and knows; else the views."""
    graph = system.graph
    if graph is not None:
        written = system.heads.graph_pending.made(workspace)
        if after is None:
            kept = system.graph_answers.get((workspace, question), written)
            system.metrics.count("GraphCacheMiss" if kept is None else "GraphCacheHit")
            if kept is not None:
                told, age_s = kept
                return Told(told.value, "graph", False, told.lag_s + age_s)
        asked = _from_graph(system, graph, workspace, ask, after)
        if asked is not None:
            system.graph_answers.put((workspace, question), written, asked)
            return asked
    if after is not None:
        _caught_up(system, workspace, after.resource_id)
    if graph is not None:
        system.metrics.count("Degraded")
    return _from_views(system, workspace, ask)


def retold(told: Told[Any], value: T, truncated: bool = False) -> Told[T]:
    """Return another value as told by the same source."""
    return Told(value, told.source, told.degraded, told.lag_s, truncated)


def _from_graph(
    system: System,
    graph: Gremlin,
    workspace: str,
    ask: Callable[[Relations], T],
    after: After | None,
) -> Told[T] | None:
    """Return what the graph says; None where the views must."""
    from chalicelib.graph.queries import GraphAnswers

    if not system.graph_breaker.allows():
        return None
    try:
        if after is not None:
            _await(system, graph, Stream.of_resource(workspace, after.resource_id), after.version)
        value = ask(GraphAnswers(graph))
        lag_s = _lag_s(system, graph, workspace)
    except (Behind, walk.Absent):
        system.graph_breaker.succeeded()
        return None
    except Unavailable:
        system.graph_breaker.failed()
        return None
    except Refused:
        system.metrics.count("GraphRefused")
        return None
    system.graph_breaker.succeeded()
    return Told(value, "graph", False, lag_s)


def _from_views(system: System, workspace: str, ask: Callable[[Relations], T]) -> Told[T]:
    try:
        value = ask(_views(system))
    except walk.Absent as absent:
        # It exists: it was looked up in the log. Its view is late.
        _caught_up(system, workspace, str(absent))
        try:
            value = ask(_views(system))
        except walk.Absent:
            raise Unavailable("the views are behind", dependency="database") from None
    return Told(value, "views", True, listing.lag_s(system, workspace))


def _caught_up(system: System, workspace: str, resource_id: str) -> None:
    """Have the views show a resource as it is. Raises Unavailable, also if that takes too long."""
    stream = Stream.of_resource(workspace, resource_id)
    project.materialize(system, stream, project.READER_S)


def _views(system: System) -> ViewAnswers:
    until = system.monotonic_s() + VIEWS_S
    return ViewAnswers(system.views, system.side_by_side, lambda: system.monotonic_s() > until)


def _await(system: System, graph: Gremlin, stream: Stream, version: int) -> None:
    """Wait, not for long, until the graph shows a version. Raises Behind."""
    for pause_s in (*BARRIER_S, None):
        if graph.shown([stream])[stream] >= version:
            return
        if pause_s is not None:
            system.sleep(pause_s)
    raise Behind(f"the graph does not show version {version} of {stream.name} yet")


def _lag_s(system: System, graph: Gremlin, workspace: str) -> float:
    """Return the age of this process's oldest append that the graph does not show."""
    pending = system.heads.graph_pending
    streams = pending.streams(workspace)[:MAX_LAG_STREAMS]
    if streams:
        with suppress(Unavailable):
            for stream, version in graph.shown(streams, LAG_S).items():
                pending.seen(stream, version)
    oldest = pending.oldest(workspace)
    return 0.0 if oldest is None else max(0.0, system.now_s() - oldest[1])
