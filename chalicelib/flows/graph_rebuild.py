"""The graph made to equal the log again, while writers write and projectors project.

A graph that was emptied is filled (`graph_project.fill`). One that is there is compared with the
log, a stream at a time, and only what differs is written: nothing is taken away first, so no answer
shows less at any moment. Each repair is carried out only if its vertex still stands at the version
that was read, in the transaction that writes it; what moved meanwhile is looked at again. So a
rebuild never puts an older state over what a projector wrote, and may run beside others of itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain.ids import Stream
from chalicelib.errors import AppError, Contended, Unavailable
from chalicelib.flows import graph_project
from chalicelib.flows.faults import AT_ONCE, Progress
from chalicelib.flows.graph_check import NO_NAMES, Around, Looked, Wrong, around, look
from chalicelib.graph import DEPENDENCY, Graph, Refused
from chalicelib.graph.upkeep import GraphUpkeep, Repair

if TYPE_CHECKING:
    from chalicelib.system import System

MAX_TRIES: Final = 50
"""Looks at a stream whose vertices keep moving under the repairs."""


@dataclass(slots=True)
class Mended:
    """What rebuilding one stream's part did. `stopped` says why it ends below the log's head."""

    stream: Stream
    vertices: int = 0
    stopped: str | None = None


@dataclass(slots=True)
class GraphRebuild:
    """What a rebuild of the graph did. `failed` and `stopped` hold streams and why."""

    filled: bool = False
    streams: int = 0
    vertices: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    stopped: list[tuple[str, str]] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "ok": not (self.failed or self.stopped or self.strays),
            "filled": self.filled,
            "streams": self.streams,
            "verticesMended": self.vertices,
            "failed": [{"stream": stream, "detail": why} for stream, why in self.failed],
            "stopped": [{"stream": stream, "detail": why} for stream, why in self.stopped],
            "verticesOfNoStream": self.strays,
        }


def rebuild_graph(
    system: System,
    streams: Sequence[Stream],
    held: Around | None = None,
    *,
    at_once: int = AT_ONCE,
    progress: Progress = lambda what, done, of: None,
) -> GraphRebuild:
    """Make the streams' part of the graph equal the log.

    `held` is what the graph shows (`graph_check.around`); without it, of each resource only what
    hangs on it is looked at. May be repeated at any time: what is right already costs its reading.
    Nothing is raised for a single stream; the report names it. Raises Unavailable when the graph
    does not answer.
    """
    held = held or Around()
    done = GraphRebuild(filled=graph_project.fill(system), strays=list(held.strays))

    def one(stream: Stream) -> None:
        try:
            mended = rebuild_stream(system, stream, held.of.get(stream, NO_NAMES))
            done.vertices += mended.vertices
            if mended.stopped is not None:
                done.stopped.append((stream.key, mended.stopped))
        except (AppError, Refused) as error:
            done.failed.append((stream.key, str(getattr(error, "detail", error))))
        done.streams += 1
        progress("graph", done.streams, len(streams))

    progress("graph", 0, len(streams))
    system.side_by_side([partial(one, stream) for stream in streams], at_once)
    return done


def rebuild_whole_graph(
    system: System,
    streams: Sequence[Stream],
    workspace: str | None = None,
    *,
    at_once: int = AT_ONCE,
    progress: Progress = lambda what, done, of: None,
) -> GraphRebuild:
    """Make the graph equal the log, which has these streams: also what it shows of others.

    Raises Unavailable when the graph does not answer.
    """
    held = around(GraphUpkeep(the_graph(system).submit), workspace)
    # What the graph has of streams that the log has not is taken away like any other surplus.
    every = sorted({*streams, *held.of}, key=lambda stream: stream.key)
    return rebuild_graph(system, every, held, at_once=at_once, progress=progress)


def rebuild_stream(system: System, stream: Stream, more: Collection[str] = ()) -> Mended:
    """Make one stream's part of the graph equal the log, as far as the log can be read.

    Raises Contended, Unavailable, Refused.
    """
    graph = the_graph(system)
    upkeep, done = GraphUpkeep(graph.submit), Mended(stream)
    goal: int | None = None
    for _ in range(MAX_TRIES):
        looked = look(system, upkeep, stream, more)
        goal = looked.head if goal is None else goal
        if not looked.wrong and not looked.checkpoint:
            if looked.shown >= goal:
                done.stopped = looked.stopped
                return done
            errors, stops = graph_project.bring_up(system, [stream])
            for error in errors.values():
                raise error
            if stream in stops:
                done.stopped = (
                    f"it stops at version {stops[stream].version}: {stops[stream].reason}"
                )
                return done
            continue
        done.vertices += mend(upkeep, looked)
    raise Contended(f"the graph's part of {stream.name} kept moving; what was mended stays")


def mend(upkeep: GraphUpkeep, looked: Looked) -> int:
    """Write what a look found to be different; return of how many vertices."""
    repairs: list[Repair] = []
    for wrong in looked.wrong:
        if wrong.wanted is None:
            if wrong.found is not None:
                upkeep.take_away(wrong.found)
        elif _other_label(wrong):
            # A label cannot be changed, and a new vertex would lose what other streams put to it.
            raise Refused(f"{wrong.id} has another label: empty the graph, and it is filled anew")
        else:
            repairs.append(Repair(wrong.wanted, wrong.found))
    upkeep.mend(repairs)
    if looked.checkpoint:
        upkeep.reset(looked.stream, looked.checkpoint[0], looked.head)
    return len(looked.wrong)


def the_graph(system: System) -> Graph:
    """Return the graph. Raises Unavailable where there is none."""
    if system.graph is None:
        raise Unavailable("there is no graph here (GRAPH=none)", dependency=DEPENDENCY)
    return system.graph


def _other_label(wrong: Wrong) -> bool:
    return (
        wrong.found is not None
        and wrong.wanted is not None
        and wrong.found.label != wrong.wanted.vertex.label
    )
