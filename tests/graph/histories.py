"""Random histories of a workspace, and every question that they allow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from hypothesis import strategies as st

from chalicelib.errors import Conflict, NotFound
from chalicelib.flows import graph_ask
from chalicelib.flows.listing import Filter
from chalicelib.system import System
from tests.graph.oracle import Shape
from tests.graph.world import NOBODY, World

TYPES = ("Person", "Date", "Folio 7/v")
MOTIVATIONS = ("linking", "describing")
MAX_RESOURCES = 5

_number = st.integers(0, 4)
_types = st.lists(st.sampled_from(TYPES), max_size=2, unique=True).map(tuple)
_far = st.lists(st.integers(-1, 4), max_size=2).map(tuple)  # -1 is nobody
_step = st.one_of(
    st.tuples(st.just("create"), _types),
    st.tuples(st.just("annotate"), _number, _far, _types, st.sampled_from(MOTIVATIONS)),
    st.tuples(st.just("annotate"), _number, _far, st.just(()), st.just("linking")),
    st.tuples(st.just("annotate"), _number, _far, st.just(()), st.just("linking")),
    st.tuples(st.just("rewrite"), _number, _far, _types),
    st.tuples(st.just("remove"), _number),
    st.tuples(st.just("archive"), _number, st.booleans()),
    st.tuples(st.just("retag"), _number, _types),
    st.tuples(st.just("rename"), _number),
    st.tuples(st.just("content"), _number, st.sampled_from(("text/plain", "image/png"))),
    st.tuples(st.just("clone"), _number),
    st.tuples(st.just("offer"), st.sampled_from(TYPES)),
    st.tuples(st.just("materialize")),
    st.tuples(st.just("project")),
)
BEGIN = (("create", ("Person",)), ("create", ()), ("annotate", 0, (1,), (), "linking"))
histories = st.lists(_step, min_size=3, max_size=25).map(lambda steps: (*BEGIN, *steps))


@dataclass(slots=True)
class Writer:
    """Makes a history happen, a step at a time. What the product refuses does not happen.

    Views and graph follow here and there, and see one change or many at a time.
    """

    world: World
    resources: list[str]
    annotations: list[tuple[str, str]]

    def step(self, what: str, *arguments: Any) -> None:
        if what in ("materialize", "project"):
            getattr(self.world, what)()
        elif self.resources or what in ("create", "offer"):
            with suppress(Conflict, NotFound):
                getattr(self, f"_{what}")(*arguments)

    def _create(self, types: tuple[str, ...]) -> None:
        if len(self.resources) < MAX_RESOURCES:
            self.resources.append(self.world.create(*types))

    def _clone(self, number: int) -> None:
        if len(self.resources) < MAX_RESOURCES:
            self.resources.append(self.world.clone(self._resource(number)))

    def _annotate(self, number: int, far: tuple[int, ...], types: Any, motivation: str) -> None:
        on = self._resource(number)
        self.annotations.append((on, self.world.annotate(on, self._far(far), types, motivation)))

    def _rewrite(self, number: int, far: tuple[int, ...], types: tuple[str, ...]) -> None:
        if self.annotations:
            on, annotation = self.annotations[number % len(self.annotations)]
            self.world.rewrite(on, annotation, self._far(far), types)

    def _remove(self, number: int) -> None:
        if self.annotations:
            self.world.remove(*self.annotations[number % len(self.annotations)])

    def _archive(self, number: int, archived: bool) -> None:
        self.world.change(self._resource(number), archived=archived)

    def _retag(self, number: int, types: tuple[str, ...]) -> None:
        self.world.change(self._resource(number), entity_types=types)

    def _rename(self, number: int) -> None:
        self.world.change(self._resource(number), name=f"A letter {number}")

    def _content(self, number: int, format: str) -> None:
        self.world.content(self._resource(number), format)

    def _offer(self, kind: str) -> None:
        self.world.offer(kind)

    def _resource(self, number: int) -> str:
        return self.resources[number % len(self.resources)]

    def _far(self, numbers: tuple[int, ...]) -> list[str]:
        return [NOBODY if number < 0 else self._resource(number) for number in numbers]


def written(world: World, history: tuple[Any, ...]) -> Writer:
    writer = Writer(world, [], [])
    for step in history:
        writer.step(*step)
    return writer


# -- questions ------------------------------------------------------------------------------------


def answers(system: System, workspace: str, resources: list[str]) -> Iterator[tuple[Any, Any]]:
    """Yield every question with its answer: plain values, and who gave it."""
    for resource in resources:
        for depth in (1, 2, 3):
            told = graph_ask.neighbours(system, workspace, resource, depth=depth, limit=50)
            found = [(each.resource.id, each.distance) for each in told.value.items]
            yield ("neighbours", resource, depth), _plain(told, found)
        for motivation in (None, "linking"):
            yield (
                ("referenced by", resource, motivation),
                _paged(
                    lambda cursor, resource=resource, motivation=motivation: (
                        graph_ask.referenced_by(
                            system,
                            workspace,
                            resource,
                            motivation=motivation,
                            limit=2,
                            cursor=cursor,
                        )
                    ),
                    lambda item: (item[0].id, item[1].annotation.id),
                ),
            )
    for start, end in list(permutations(resources, 2))[:8]:
        for depth in (2, 5):
            told = graph_ask.paths(system, workspace, start, end, depth=depth)
            found = [[each.id for each in path] for path in told.value]
            yield ("paths", start, end, depth), _plain(told, found)
    told = graph_ask.stats(system, workspace)
    yield ("stats",), _plain(told, told.value)
    for types in (*((kind,) for kind in TYPES), TYPES[:2]):
        for archived in (None, False):
            yield (
                ("tagged", types, archived),
                _paged(
                    lambda cursor, types=types, archived=archived: graph_ask.resources(
                        system, workspace, Filter(types, archived=archived), limit=2, cursor=cursor
                    ),
                    lambda item: item.id,
                ),
            )


def _plain(told: Any, found: Any) -> tuple[str, bool, Any]:
    return told.source, told.truncated, found


def _paged(ask: Any, plain: Any) -> tuple[str, bool, Any]:
    found: list[Any] = []
    cursor, source, truncated = None, None, False
    for _ in range(50):
        told = ask(cursor)
        assert source in (None, told.source)
        source, truncated = told.source, truncated or told.truncated
        found += [plain(item) for item in told.value.items]
        cursor = told.value.next
        if cursor is None:
            return source, truncated, found
    raise AssertionError("the pages do not end")


# -- the same, from the shape that the log calls for -----------------------------------------------


def neighbours_of(shape: Shape) -> dict[str, set[str]]:
    """Return which resources are next to which."""
    real = {each for each, (label, _, _) in shape.items() if label == "Resource"}
    near: dict[str, set[str]] = {each: set() for each in real}
    for label, _, edges in shape.values():
        if label == "Annotation":
            (own,) = (far for kind, far, _ in edges if kind == "ON")
            for kind, far, _ in edges:
                if kind == "REFERENCES" and far in real and far != own:
                    near[own].add(far)
                    near[far].add(own)
    return near


def all_paths(near: dict[str, set[str]], start: str, end: str, depth: int) -> list[list[str]]:
    """Return every path, the shortest first, then by ids."""
    found: list[list[str]] = []
    waiting = [[start]]
    while waiting:
        path = waiting.pop()
        if path[-1] == end:
            found.append(path)
        elif len(path) <= depth:
            waiting += [[*path, each] for each in near[path[-1]] if each not in path]
    return sorted(found, key=lambda path: (len(path), path))
