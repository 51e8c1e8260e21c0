"""Law 3 for the graph: whatever happens on the way, the same graph in the end, and never a step back.

Writers, doorbells that ring twice, late and in any order, and overlapping projectors are tasks of
one schedule; each call to the log and to the graph may fail, lose its answer, stall, or be the last
of its process. The graph is the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from random import Random
from typing import Any

import pytest

from chalicelib.domain.ids import Stream
from chalicelib.flows import graph_project
from chalicelib.graph import Part
from chalicelib.graph.gremlin import Gremlin
from chalicelib.graph.traversals import request, source
from tests.graph.histories import TYPES, Writer
from tests.graph.oracle import expected, held
from tests.graph.world import CONFIG, World, emptied, submit
from tests.schedules import Faults, Schedule, SimulatedSystem, Violation
from tests.twins import Store, TwinContent, TwinLog, TwinViews

FAULTS = Faults(throttled=0.03, lost=0.05, killed=0.05, stalled=0.05)
SLOW = Faults(stalled=0.4)
"""Projectors that overlap much."""
STEPS = 12


class OnSchedule:
    """The real graph, with a point before each call and one after each write."""

    def __init__(self, gremlin: Gremlin, schedule: Schedule) -> None:
        self.gremlin = gremlin
        self.schedule = schedule
        self.seen: dict[str, int] = {}

    def checkpoints(self, streams: Collection[Stream]) -> dict[Stream, int]:
        self.schedule.before("graph.checkpoints")
        return self.gremlin.checkpoints(streams)

    def apply(self, parts: Sequence[Part]) -> None:
        self.schedule.before("graph.apply")
        self.carry_out(parts)
        self.never_back()
        self.schedule.after("graph.apply")

    def carry_out(self, parts: Sequence[Part]) -> None:
        self.gremlin.apply(parts)

    def submit(self, bytecode: Any) -> list[Any]:
        self.schedule.before("graph.submit")
        found = self.gremlin.submit(bytecode)
        self.never_back()
        self.schedule.after("graph.submit")
        return found

    def complete(self) -> bool:
        self.schedule.before("graph.complete")
        return self.gremlin.complete()

    def begin(self, token: str) -> str:
        self.schedule.before("graph.begin")
        return self.gremlin.begin(token)

    def finish(self, token: str) -> bool:
        self.schedule.before("graph.finish")
        return self.gremlin.finish(token)

    def never_back(self) -> None:
        from gremlin_python.process.traversal import T

        for vertex in submit(self.gremlin, source().V().element_map()):
            for name in ("version", "projected"):
                key, now = f"{vertex[T.id]} {name}", vertex.get(name, 0)
                if now < self.seen.get(key, 0):
                    raise Violation(f"{key} went back from {self.seen[key]} to {now}")
                self.seen[key] = now


class Run:
    """One schedule: everything follows from the seed."""

    def __init__(
        self,
        seed: int,
        gremlin: Gremlin,
        graph: type[OnSchedule],
        wipes: int = 0,
        faults: Faults = FAULTS,
    ) -> None:
        emptied(gremlin)
        self.random = Random(seed)
        self.faults = faults
        self.schedule = Schedule(self.random)
        self.schedule.each_step = self.step
        self.store = Store(self.schedule)
        self.store.appended.append(self.ring)
        self.gremlin = gremlin
        self.graph = graph(gremlin, self.schedule)
        self.wipes, self.wiped = wipes, False
        self.bells: list[Stream] = []
        self.rung: list[Stream] = []
        self.running = 0
        self.world = World(self.graph, store=self.store)
        self.world.system = self.process()

    def process(self) -> Any:
        log, views = TwinLog(self.store), TwinViews(self.store)
        return SimulatedSystem(
            self.schedule,
            CONFIG,
            log=log,
            views=views,
            content=TwinContent(self.store),
            graph=self.graph,
        )

    def ring(self, stream: Stream) -> None:
        self.bells.append(stream)
        self.rung.append(stream)

    def run(self) -> None:
        self.schedule.start("writer", self.write)
        self.schedule.run()
        self.rest()

    def write(self) -> None:
        writer = Writer(self.world, [], [])
        for step in _steps(self.random):
            writer.step(*step)

    def step(self, idle: bool) -> None:
        """Let projectors come and go while there are bells; when all is quiet, stop failing."""
        if self.wipes and len(self.rung) > 6 and self.random.random() < 0.02:
            self.wipes -= 1
            self.wiped = True
            emptied(self.gremlin)
            self.graph.seen.clear()
        if idle:
            self.schedule.calm = True
        if self.bells and self.running < 3 and (idle or self.random.random() < 0.2):
            self.project()

    def project(self) -> None:
        self.random.shuffle(self.bells)
        size = self.random.randint(1, 4)
        batch, self.bells = self.bells[:size], self.bells[size:]
        batch += self.random.choices(self.rung, k=self.random.randint(0, 2))
        failed: list[Stream] = list(batch)

        def work() -> None:
            failed[:] = graph_project.project_batch(self.process(), batch)

        def end() -> None:
            self.running -= 1
            self.bells += failed

        self.running += 1
        self.schedule.start(f"projector {len(self.rung)}", work, self.faults, end)

    def rest(self) -> None:
        """All is quiet: the graph must be what the log says; if it was emptied, once filled."""
        if self.wiped:
            assert graph_project.fill(self.world.system)
        wanted, found = expected(self.world), held(self.gremlin, self.world.workspace)
        if wanted != found:
            raise Violation(f"the log says {wanted}, the graph holds {found}")


def _steps(random: Random) -> list[tuple[Any, ...]]:
    def types() -> tuple[str, ...]:
        return tuple(random.sample(TYPES, random.randint(0, 2)))

    def far() -> tuple[int, ...]:
        return tuple(random.randint(-1, 2) for _ in range(random.randint(0, 2)))

    makers: list[Callable[[], tuple[Any, ...]]] = [
        lambda: ("create", types()),
        lambda: ("annotate", random.randint(0, 2), far(), types(), "linking"),
        lambda: ("rewrite", random.randint(0, 4), far(), types()),
        lambda: ("rewrite", random.randint(0, 4), far(), types()),
        lambda: ("remove", random.randint(0, 4)),
        lambda: ("retag", random.randint(0, 2), types()),
        lambda: ("rename", random.randint(0, 2)),
        lambda: ("offer", random.choice(TYPES)),
    ]
    begin = [makers[0](), makers[0](), makers[1]()]
    return [*begin, *(random.choice(makers)() for _ in range(STEPS))]


def runs(
    gremlin: Gremlin, graph: type[OnSchedule], number: int, wipes: int = 0, first: int = 0
) -> None:
    for seed in range(first, first + number):
        faults = SLOW if seed % 2 else FAULTS
        try:
            Run(seed, gremlin, graph, wipes, faults).run()
        except Violation as error:
            raise Violation(f"seed {seed}: {error}") from error


def test_the_same_graph_in_the_end_whatever_happens_on_the_way(gremlin: Gremlin) -> None:
    runs(gremlin, OnSchedule, 25)


def test_a_graph_that_is_emptied_on_the_way_is_whole_after_a_filling(gremlin: Gremlin) -> None:
    runs(gremlin, OnSchedule, 15, wipes=1)


@pytest.mark.long
def test_the_same_graph_in_the_end_on_many_schedules(gremlin: Gremlin) -> None:
    runs(gremlin, OnSchedule, 500)
    runs(gremlin, OnSchedule, 300, wipes=2)


# -- broken doubles: the law must catch each ------------------------------------------------------


class Unguarded(OnSchedule):
    """Mutations do not look at the version that stands there."""

    def carry_out(self, parts: Sequence[Part]) -> None:
        bytecode = request(parts)
        _strip(bytecode, "version")
        self.gremlin._writer.submit(bytecode, 0.3)


class CheckpointFirst(OnSchedule):
    """The checkpoint is moved by a request of its own, before what it vouches for."""

    def apply(self, parts: Sequence[Part]) -> None:
        self.schedule.before("graph.apply")
        self.carry_out([Part(part.stream, part.after, (), part.upto) for part in parts])
        self.schedule.before("graph.apply")
        self.carry_out([Part(part.stream, 0, part.mutations, None) for part in parts])
        self.schedule.after("graph.apply")


class BlindToGaps(OnSchedule):
    """A request does not ask what came before it."""

    def carry_out(self, parts: Sequence[Part]) -> None:
        self.gremlin.apply([Part(p.stream, 0, p.mutations, p.upto) for p in parts])


def _strip(bytecode: Any, name: str) -> None:
    """Take every `not(has(name, …))` away."""
    kept = []
    for step in bytecode.step_instructions:
        nested = [each.bytecode if hasattr(each, "bytecode") else each for each in step[1:]]
        inner = [each for each in nested if hasattr(each, "step_instructions")]
        if step[0] == "not" and inner[0].step_instructions[0][1] == name:
            continue
        for each in inner:
            _strip(each, name)
        kept.append(step)
    bytecode.step_instructions[:] = kept


@pytest.mark.parametrize(
    ("double", "wipes", "first"),
    [(Unguarded, 0, 18), (CheckpointFirst, 0, 0), (BlindToGaps, 1, 0)],  # where one is found soon
)
def test_a_broken_graph_is_caught(
    double: type[OnSchedule], wipes: int, first: int, gremlin: Gremlin
) -> None:
    with pytest.raises(Violation):
        runs(gremlin, double, 200, wipes, first)


def test_a_projector_that_passes_a_failure_is_caught(gremlin: Gremlin) -> None:
    class Passes(OnSchedule):
        """What fails is taken to be done."""

        def carry_out(self, parts: Sequence[Part]) -> None:
            if self.schedule.random.random() < 0.1:
                parts = [Part(p.stream, p.after, p.mutations[:-1], p.upto) for p in parts]
            super().carry_out(parts)

    with pytest.raises(Violation):
        runs(gremlin, Passes, 50)
