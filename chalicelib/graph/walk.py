"""Walks from resource to resource, pure: whoever knows what lies next to a resource can be walked.

So the graph and the views give the same answer to the same question. A level at a time: at most
`depth` requests, whatever the number of resources; never a traversal that fans out on the server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Final

from chalicelib.graph import Hop

MAX_AROUND: Final = 1_000
"""Resources that a walk visits; then it stops, `truncated`."""
MAX_TRIES: Final = 20_000
"""Steps of the search through what was fetched."""

Near = Callable[[Iterable[str]], Hop]


class Absent(Exception):
    """The resource that a walk begins at is not known there."""


@dataclass(frozen=True, slots=True)
class Around:
    """Resources by how many steps away they are, at least 1."""

    distances: Mapping[str, int]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths from one resource to another, both among them; the shortest first, then by ids."""

    paths: tuple[tuple[str, ...], ...]
    truncated: bool


def around(near: Near, start: str, depth: int) -> Around:
    """Return what is at most `depth` steps away from `start`. Raises Absent."""
    side = _Side(start)
    for _ in range(depth):
        side.expand(near)
    distances = {each: steps for each, steps in side.distances.items() if steps > 0}
    return Around(distances, side.truncated)


def paths(near: Near, start: str, end: str, depth: int, limit: int) -> Paths:
    """Return the first `limit` paths of at most `depth` steps that visit no resource twice.

    Both ends are expanded, the smaller one first, until together they span `depth`: then each edge
    of every such path was seen from one of them. Raises Absent.
    """
    sides = (_Side(start), _Side(end))
    for _ in range(depth):
        min(sides, key=lambda side: (len(side.rim), side.depth)).expand(near)
    for side in sides:
        if side.depth == 0 and side.start not in near([side.start]).near:
            raise Absent(side.start)
    graph: dict[str, set[str]] = {}
    for side in sides:
        for one, others in side.near.items():
            for other in others:
                graph.setdefault(one, set()).add(other)
                graph.setdefault(other, set()).add(one)
    found: list[tuple[str, ...]] = []
    truncated = any(side.truncated for side in sides)
    search = _Search(graph, end)
    for length in range(1, depth + 1):
        for path in search.of_length(start, length):
            if len(found) == limit:
                return Paths(tuple(found), True)
            found.append(path)
    return Paths(tuple(found), truncated or search.exhausted)


class _Side:
    """A walk from one resource, a level at a time."""

    def __init__(self, start: str) -> None:
        self.start = start
        self.distances = {start: 0}
        self.near: dict[str, Set[str]] = {}
        self.rim: list[str] = [start]
        self.depth = 0
        self.truncated = False

    def expand(self, near: Near) -> None:
        if self.depth > 0 and not self.rim:
            self.depth += 1
            return
        hop = near(self.rim)
        if self.depth == 0 and self.start not in hop.near:
            raise Absent(self.start)
        self.depth += 1
        self.truncated |= hop.truncated
        self.near |= hop.near
        met = sorted({other for others in hop.near.values() for other in others})
        new = [each for each in met if each not in self.distances]
        room = MAX_AROUND + 1 - len(self.distances)
        self.truncated |= len(new) > room
        self.rim = new[:room]
        self.distances |= dict.fromkeys(self.rim, self.depth)


class _Search:
    """The search through what was fetched: pruned by the distance to the end, bounded in tries."""

    def __init__(self, graph: Mapping[str, Set[str]], end: str) -> None:
        self._graph = graph
        self._end = end
        self._tries = 0
        self._left = {end: 0}
        waiting = deque([end])
        while waiting:
            one = waiting.popleft()
            for other in graph.get(one, ()):
                if other not in self._left:
                    self._left[other] = self._left[one] + 1
                    waiting.append(other)

    @property
    def exhausted(self) -> bool:
        """Tell whether it stopped before it had tried everything."""
        return self._tries >= MAX_TRIES

    def of_length(self, start: str, length: int) -> Iterator[tuple[str, ...]]:
        """Yield the paths of exactly `length` steps, in the order of their ids."""
        yield from self._onward((start,), length)

    def _onward(self, path: tuple[str, ...], steps: int) -> Iterator[tuple[str, ...]]:
        if path[-1] == self._end:
            if steps == 0:
                yield path
            return
        for other in sorted(self._graph.get(path[-1], ())):
            if other in path or self._left.get(other, steps) > steps - 1:
                continue
            self._tries += 1
            if self.exhausted:
                return
            yield from self._onward((*path, other), steps - 1)
