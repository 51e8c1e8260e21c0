"""How full are the projector's requests when it has a backlog, and how many calls does it make?

    python -m bench.graph

Annotations of real text, each with one tag and one reference, on 20 resources, while there was no
graph; then the projector catches up. Counted at the graph's contract. Where a Gremlin Server can
run (Java, Maven), it is also timed against it: that says something of this machine, nothing of
Neptune.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from bench.scene import Scene, scene
from chalicelib.domain.ids import Stream
from chalicelib.flows import graph_project, write
from chalicelib.graph import Graph, Part
from chalicelib.graph.gremlin import Gremlin
from chalicelib.graph.traversals import MAX_RECORDS, weight
from chalicelib.log import Log
from chalicelib.system import System
from infra import gremlin as servers

RESOURCES: Final = 20
COLUMNS: Final = (
    *("backlog", "events", "records", "requests", "records per request", "steps at most"),
    *("least requests", "× least", "questions", "one call per write", "events/s here"),
)


@dataclass(slots=True)
class Counting:
    """A graph that counts; with none behind it, it takes everything for done."""

    behind: Graph | None = None
    standing: dict[Stream, int] = field(default_factory=dict)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    questions: int = 0
    writes: int = 0

    def checkpoints(self, streams: Collection[Stream]) -> dict[Stream, int]:
        """Count a question."""
        self.questions += 1
        if self.behind is not None:
            return self.behind.checkpoints(streams)
        return {stream: self.standing.get(stream, 0) for stream in streams}

    def apply(self, parts: Sequence[Part]) -> None:
        """Count a request: its records and steps, and what it would be as single writes."""
        self.sizes.append(weight(parts))
        self.writes += sum(
            1 + len(getattr(mutation, "edges", (None,)))
            for part in parts
            for mutation in part.mutations
        )
        for part in parts:
            self.standing[part.stream] = part.upto or self.standing.get(part.stream, 0)
        if self.behind is not None:
            self.behind.apply(parts)


@dataclass(frozen=True, slots=True)
class Row:
    """What catching up with one backlog took."""

    name: str
    events: int
    graph: Counting
    took_s: float | None

    @property
    def records(self) -> int:
        """Return all records."""
        return sum(records for records, _ in self.graph.sizes)

    @property
    def fullness(self) -> float:
        """Return records per request."""
        return self.records / len(self.graph.sizes)

    @property
    def least(self) -> int:
        """Return how many requests that many records cannot do without."""
        return -(-self.records // MAX_RECORDS)


def measure(at: Scene, commits: int, size: int, behind: Graph | None) -> Row:
    """Make a backlog of `commits` with `size` annotations each, and catch up with it."""
    streams = [at.create(show=False) for _ in range(RESOURCES)]
    for number in range(commits):
        stream = streams[number % RESOURCES]
        command = at.annotations(size, number * size, linked=True)
        write.change(at.system, at.request(), stream.resource_id or "", command)
    counting: Any = Counting(behind)
    tables = at.system.tables
    system = System(at.config, clock=at.clock, log=Log(tables), graph=counting)
    began = time.perf_counter()
    failed = graph_project.project_batch(system, streams)
    took_s = time.perf_counter() - began
    if failed:
        raise RuntimeError(f"{len(failed)} streams failed: {next(iter(failed.values()))}")
    name = f"{commits} commits of {size}"
    events = RESOURCES + commits * size
    return Row(name, events, counting, None if behind is None else took_s)


def table(rows: Sequence[Row]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Catching up with a backlog",
        "",
        "Made by `python -m bench.graph`. A record is a label or a property, as AWS counts for "
        f"Neptune, which advises about {MAX_RECORDS} per request; *least* is what that many "
        "records cannot do without. *One call per write* is the loop that writes each vertex and "
        "each edge by itself. Times are of TinkerPop's server on the machine of the bench.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|---|{'--:|' * (len(COLUMNS) - 1)}",
    ]
    for row in rows:
        requests = len(row.graph.sizes)
        speed = "–" if row.took_s is None else f"{row.events / row.took_s:.0f}"
        lines.append(
            f"| {row.name} | {row.events} | {row.records} | {requests} | {row.fullness:.0f} | "
            f"{max(steps for _, steps in row.graph.sizes)} | {row.least} | "
            f"{requests / row.least:.2f} | {row.graph.questions} | {row.graph.writes} | {speed} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    with ExitStack() as stack:
        at = stack.enter_context(scene())
        behind: Gremlin | None = None
        if servers.missing() is None:
            behind = Gremlin(stack.enter_context(servers.running()).url)
            stack.callback(behind.close)
        rows = [measure(at, commits, size, behind) for commits, size in BACKLOGS]
    print(table(rows), end="")


BACKLOGS: Final = ((20, 1), (1_000, 1), (1_000, 10), (100, 100))

if __name__ == "__main__":
    main()
