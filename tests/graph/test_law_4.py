"""Law 4 for the graph: a rebuild makes it equal the log, and shows less at no moment meanwhile.

The schedules of law 3, with operators in them who rebuild while writers write and projectors
project; each call may fail, lose its answer, stall, or be the last of its process. In the end
somebody spoils the graph behind the system's back. Each broken double is a rebuild as one would
first write it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.ids import Stream
from chalicelib.flows import graph_project, graph_rebuild
from chalicelib.flows.graph_check import look
from chalicelib.graph.gremlin import Gremlin
from chalicelib.graph.traversals import source
from chalicelib.graph.upkeep import GraphUpkeep, Repair
from tests.graph.oracle import expected, held
from tests.graph.test_law_3 import FAULTS, SLOW, OnSchedule, Run
from tests.graph.world import World, submit
from tests.schedules import Violation

Rebuild = Callable[[Any, list[Stream]], object]


def rebuild(system: Any, streams: list[Stream]) -> object:
    """Rebuild as the product does."""
    return graph_rebuild.rebuild_graph(system, streams)


class Watched(OnSchedule):
    """Looks after each request whether the graph shows less than before."""

    def never_back(self) -> None:
        """Raise unless what was shown is shown: at one version, a vertex keeps all its edges."""
        from gremlin_python.process.traversal import Direction, T

        super().never_back()
        now: dict[str, Any] = {}
        for vertex in submit(self.gremlin, source().V().has("version").element_map("version")):
            now[vertex[T.id]] = (vertex["version"], set())
        for edge in submit(self.gremlin, source().E().element_map()):
            if edge[Direction.OUT][T.id] in now:
                now[edge[Direction.OUT][T.id]][1].add((edge[T.label], edge[Direction.IN][T.id]))
        before: dict[str, Any] = self.__dict__.setdefault("before", {})
        for name, (version, edges) in before.items():
            if name not in now:
                raise Violation(f"{name} is shown no more")
            if now[name][0] == version and not edges <= now[name][1]:
                raise Violation(f"{name} shows less: {edges - now[name][1]}")
        self.__dict__["before"] = now


class Rebuilding(Run):
    """One schedule with rebuilds in it, and spoiling at its end."""

    how: Rebuild = staticmethod(rebuild)
    rebuilds = 3

    def step(self, idle: bool) -> None:
        if self.rebuilds and self.rung and (idle or self.random.random() < 0.03):
            self.rebuilds -= 1
            system, streams = self.process(), list(dict.fromkeys(self.rung))
            self.schedule.start("rebuild", lambda: type(self).how(system, streams), self.faults)
        super().step(idle)

    def rest(self) -> None:
        super().rest()
        self.spoil()
        self.graph.seen.clear()
        self.graph.__dict__.pop("before", None)
        type(self).how(self.world.system, self.world.streams)
        super().rest()

    def spoil(self) -> None:
        """Change what is stored, at its right version, unseen."""
        from gremlin_python.process.traversal import Cardinality

        for label in ("ON", "TAGGED", "REFERENCES"):
            if self.random.random() < 0.7:
                submit(self.gremlin, source().E().has_label(label).limit(1).drop())
        named = source().V().has_label("Resource").has("version").limit(1)
        submit(self.gremlin, named.property(Cardinality.single, "name", "spoilt"))
        if self.random.random() < 0.5:
            submit(self.gremlin, source().V().has_label("Annotation").limit(1).drop())


def runs(gremlin: Gremlin, kind: type[Rebuilding], seeds: range) -> None:
    for seed in seeds:
        try:
            kind(seed, gremlin, Watched, 0, SLOW if seed % 2 else FAULTS).run()
        except Violation as error:
            raise Violation(f"seed {seed}: {error}") from error


def test_a_rebuild_ends_at_the_fold_of_the_log_and_shows_less_at_no_moment(
    gremlin: Gremlin,
) -> None:
    runs(gremlin, Rebuilding, range(8))


@pytest.mark.long
def test_the_same_on_many_schedules(gremlin: Gremlin) -> None:
    runs(gremlin, Rebuilding, range(8, 300))


WRITES_PER_S = 50
SECONDS = 2.0


def test_counts_that_a_reader_sees_never_fall_under_fifty_writes_a_second(gremlin: Gremlin) -> None:
    """In real time, with threads: somebody spoils the graph now and then, and all is rebuilt."""
    world = World(gremlin)
    book = world.create()
    letters = [world.create() for _ in range(4)]
    for letter in letters:
        world.annotate(letter, [book])
    world.follow()
    over, counts, written, rebuilt = threading.Event(), list[int](), list[float](), list[int]()
    failed: list[BaseException] = []

    def until_over(step: Callable[[], object]) -> threading.Thread:
        def work() -> None:
            try:
                while not over.is_set():
                    step()
            except BaseException as error:
                failed.append(error)

        return threading.Thread(target=work)

    def write() -> None:
        world.annotate(letters[len(written) % 4], [book])
        written.append(time.monotonic())
        over.wait(max(0.0, written[0] + len(written) / WRITES_PER_S - time.monotonic()))

    def project() -> None:
        graph_project.project_batch(world.system, world.streams)
        over.wait(0.05)

    def count() -> None:
        found = source().V(world.stream(book).key).in_("REFERENCES").count()
        counts.append(int(submit(reader, found)[0]))

    def operate() -> None:
        # A property and a tombstone's worth of edges, at their right versions; none is counted.
        submit(operator, source().E().has_label("TAGGED").drop())
        submit(operator, source().V().has_label("Annotation").limit(3).properties("order").drop())
        done = graph_rebuild.rebuild_graph(system, world.streams)
        assert not done.failed, done.failed
        rebuilt.append(done.vertices)

    reader, operator = Gremlin(gremlin._writer._url), Gremlin(gremlin._writer._url)
    system = world.another(operator)
    try:
        threads = [until_over(each) for each in (write, project, count, operate)]
        for thread in threads:
            thread.start()
        over.wait(SECONDS)
        over.set()
        for thread in threads:
            thread.join()
    finally:
        reader.close()
        operator.close()

    assert failed == []
    assert len(counts) > 3
    assert counts == sorted(counts)
    assert any(rebuilt)
    # How many writes were made in that time is this machine's; none of them was lost.
    graph_rebuild.rebuild_graph(world.system, world.streams)
    assert held(gremlin, world.workspace) == expected(world)
    assert len(written) > 5


# -- broken doubles: the law must catch each ------------------------------------------------------


def empties_first(system: Any, streams: list[Stream]) -> None:
    """Takes a stream's part away, and projects it again."""
    for stream in streams:
        stored = GraphUpkeep(system.graph.submit)
        looked = look(system, stored, stream)
        for each in stored.read(stored.around(stream)).values():
            stored.take_away(each)
        if looked.shown:
            stored.reset(stream, looked.shown, 0)
        graph_project.project_batch(system, [stream])


def only_projects_again(system: Any, streams: list[Stream]) -> None:
    """Rings for every stream, and believes the checkpoints."""
    graph_project.project_batch(system, streams)


def leaves_out_edges(system: Any, streams: list[Stream]) -> None:
    """Looks at the vertices alone."""
    for stream in streams:
        stored = GraphUpkeep(system.graph.submit)
        for wrong in look(system, stored, stream).wrong:
            if any("edge" not in each for each in wrong.details):
                assert wrong.wanted is not None
                stored.mend([Repair(wrong.wanted, wrong.found)])
    graph_project.project_batch(system, streams)


@pytest.mark.parametrize("double", [empties_first, only_projects_again, leaves_out_edges])
def test_the_law_catches_a_broken_rebuild(double: Rebuild, gremlin: Gremlin) -> None:
    broken = type("Broken", (Rebuilding,), {"how": staticmethod(double)})

    with pytest.raises(Violation):
        runs(gremlin, broken, range(60))


def test_a_repair_that_does_not_look_at_what_moved_meanwhile_is_caught(gremlin: Gremlin) -> None:
    """A projector comes between the look and the repair: the older state must not go over it."""
    world = _one_annotation(gremlin)
    stored = GraphUpkeep(gremlin.submit)
    (stream,) = world.streams
    assert stream.resource_id is not None
    submit(gremlin, source().E().has_label("REFERENCES").drop())
    (wrong,) = look(world.system, stored, stream).wrong
    assert wrong.wanted is not None

    world.rewrite(stream.resource_id, wrong.id.rpartition("#")[2], [], ["Person"])
    world.project()
    stored.mend([Repair(wrong.wanted, wrong.found)])
    assert held(gremlin, world.workspace) == expected(world)

    blind = Repair(wrong.wanted, stored.read([wrong.id])[wrong.id])
    stored.mend([blind])
    assert held(gremlin, world.workspace) != expected(world)


def _one_annotation(gremlin: Gremlin) -> World:
    world = World(gremlin)
    one = world.create()
    world.annotate(one, [one])
    world.follow()
    return world
