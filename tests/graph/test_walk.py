"""Walks over made-up neighbourhoods, against the simplest code that is right."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.graph import Hop, walk
from tests.graph.histories import all_paths

_names = st.sampled_from("abcdefg")
_graphs = st.sets(st.tuples(_names, _names).filter(lambda pair: pair[0] != pair[1]), max_size=12)


class Town:
    """What lies next to what. Counts how often it is asked."""

    def __init__(self, pairs: Iterable[tuple[str, str]], names: str = "abcdefg") -> None:
        self.near: dict[str, set[str]] = {name: set() for name in names}
        self.asked = 0
        for one, other in pairs:
            self.near[one].add(other)
            self.near[other].add(one)

    def hop(self, ids: Iterable[str]) -> Hop:
        self.asked += 1
        return Hop({each: frozenset(self.near[each]) for each in ids if each in self.near})


@given(_graphs, st.integers(1, 5))
def test_paths_are_all_paths_the_shortest_first(pairs, depth):
    town = Town(pairs)
    found = walk.paths(town.hop, "a", "b", depth, limit=10)

    wanted = [tuple(path) for path in all_paths(town.near, "a", "b", depth)]
    assert list(found.paths) == wanted[:10]
    assert found.truncated == (len(wanted) > 10)
    assert town.asked <= depth + 1


@given(_graphs, st.integers(1, 3))
def test_around_is_every_resource_by_its_distance(pairs, depth):
    town = Town(pairs)
    found = walk.around(town.hop, "a", depth)

    distances = {"a": 0}
    for steps in range(1, depth + 1):
        for each in [name for name, far in distances.items() if far == steps - 1]:
            for other in town.near[each]:
                distances.setdefault(other, steps)
    del distances["a"]
    assert found == walk.Around(distances, False)
    assert town.asked <= depth


def test_a_walk_from_nowhere_says_so() -> None:
    town = Town([("a", "b")])
    with pytest.raises(walk.Absent):
        walk.around(town.hop, "z", 2)
    for start, end in (("z", "a"), ("a", "z")):
        with pytest.raises(walk.Absent):
            walk.paths(town.hop, start, end, 3, 10)


def test_there_is_no_path_from_a_resource_to_itself() -> None:
    town = Town([("a", "b")])
    assert walk.paths(town.hop, "a", "a", 5, 10) == walk.Paths((), False)


def test_a_walk_through_a_crowd_is_bounded_and_says_that_it_stopped() -> None:
    crowd = [f"n{number}" for number in range(3 * walk.MAX_AROUND)]
    near = {"a": frozenset(crowd), **{each: frozenset({"a"}) for each in crowd}}

    def hop(ids: Iterable[str]) -> Hop:
        return Hop({each: near[each] for each in ids})

    found = walk.around(hop, "a", 3)
    assert (len(found.distances), found.truncated) == (walk.MAX_AROUND, True)


def test_a_search_through_a_thicket_is_bounded_and_says_that_it_stopped() -> None:
    names = [f"n{number:02}" for number in range(60)]
    near = {each: frozenset(set(names) - {each}) for each in names}

    found = walk.paths(
        lambda ids: Hop({each: near[each] for each in ids}), "n00", "n59", 5, limit=10**6
    )

    assert found.truncated
    assert len(found.paths[0]) == 2
