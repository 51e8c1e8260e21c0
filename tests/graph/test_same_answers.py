"""Law 8: what the graph answers, the views answer too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from chalicelib.domain.mutations import ReplaceEdges
from chalicelib.flows import graph_ask
from chalicelib.graph import Part
from chalicelib.graph.gremlin import Gremlin
from chalicelib.views import Entry
from tests.graph.histories import BEGIN, all_paths, answers, histories, neighbours_of, written
from tests.graph.oracle import expected, held
from tests.graph.world import World
from tests.twins import TwinViews

QUICK = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
HUNT = settings(QUICK, max_examples=150, phases=[Phase.explicit, Phase.generate], database=None)


def check(history: Any, graph: Any, views: type[TwinViews] = TwinViews) -> None:
    world = World(graph, views=views)
    writer = written(world, history)
    world.follow()
    by_graph = dict(answers(world.another(), world.workspace, writer.resources))
    by_views = dict(answers(world.another(graph=None), world.workspace, writer.resources))
    for question, (source, truncated, found) in by_graph.items():
        assert source == "graph", question
        assert not truncated or (question[0] == "paths" and len(found) == 10), question
        assert by_views[question] == ("views", truncated, found), question
    _against_the_log(world, by_graph)


def _against_the_log(world: World, told: dict[Any, Any]) -> None:
    """Hold the answers to what the log says, so that both cannot be wrong in one way."""
    near = {
        each.partition("#")[2]: {other.partition("#")[2] for other in others}
        for each, others in neighbours_of(expected(world)).items()
    }
    for question, (_, _, found) in told.items():
        match question:
            case ("neighbours", resource, 1):
                assert {each for each, _ in found} == near[resource]
            case ("paths", start, end, depth):
                assert found == all_paths(near, start, end, depth)[:10]


@QUICK
@given(history=histories)
def test_graph_and_views_give_equal_answers_on_random_histories(history, gremlin: Gremlin) -> None:
    check(history, gremlin)


@pytest.mark.long
@settings(QUICK, max_examples=600)
@given(history=histories)
def test_graph_and_views_give_equal_answers_on_many_histories(history, gremlin: Gremlin) -> None:
    check(history, gremlin)


@QUICK
@given(history=histories)
def test_the_graph_is_what_the_log_says_on_random_histories(history, gremlin: Gremlin) -> None:
    world = World(gremlin)
    written(world, history)
    world.project()
    assert held(gremlin, world.workspace) == expected(world)


def test_both_take_a_tag_of_a_schema_for_no_entity_type(world: World) -> None:
    letter = world.create("Letter")
    world.annotate(letter, tags=["Issue"], motivation="tagging", schema="legal-irac")
    world.annotate(letter, tags=["Person"])
    world.follow()

    for system in (world.another(), world.another(graph=None)):
        told = graph_ask.stats(system, world.workspace).value.entity_types
        assert [each.entity_type for each in told if each.annotations] == ["Person"]
    assert held(world.graph, world.workspace) == expected(world)


# -- broken doubles: the law must catch each ------------------------------------------------------


class KeepsOldEdges(Gremlin):
    """A changed body adds to what the old one said."""

    def apply(self, parts: Sequence[Part]) -> None:
        super().apply(
            [
                replace(
                    part,
                    mutations=tuple(
                        replace(m, labels=("ON",)) if isinstance(m, ReplaceEdges) else m
                        for m in part.mutations
                    ),
                )
                for part in parts
            ]
        )


class LosesBothWays(TwinViews):
    """The index of references takes only the first entry of each resource."""

    def put_entry(self, workspace: str, index: str, value: str, entry: Entry, version: int) -> bool:
        if index == "ref" and self.store.entries.get((workspace, index, value)):
            return True
        return super().put_entry(workspace, index, value, entry, version)


class ForgetsToLook(TwinViews):
    """Ghosts are taken for what they say."""

    def marks_across(self, workspace: str, wanted: Any) -> Any:
        alive = super().marks_across(workspace, wanted)
        return {key: replace(mark, removed=False) for key, mark in alive.items()}

    def drop_entry(self, *arguments: Any) -> None:
        """Leave every entry where it is."""


REMOVED = (*BEGIN, ("materialize",), ("remove", 0))
TWICE = (*BEGIN, ("annotate", 0, (1,), (), "linking"))


@pytest.mark.parametrize("double", [LosesBothWays, ForgetsToLook])
def test_broken_views_are_caught(double: type[TwinViews], gremlin: Gremlin) -> None:
    @HUNT
    @given(history=histories)
    @example(history=REMOVED)  # random histories come upon them too, after a while
    @example(history=TWICE)
    def hunt(history: Any) -> None:
        check(history, gremlin, double)

    with pytest.raises(AssertionError):
        hunt()


def test_a_graph_that_keeps_old_edges_is_caught(gremlin: Gremlin, server: Any) -> None:
    double = KeepsOldEdges(server.url)

    @HUNT
    @given(history=histories)
    def hunt(history: Any) -> None:
        check(history, double)

    try:
        with pytest.raises(AssertionError):
            hunt()
    finally:
        double.close()
