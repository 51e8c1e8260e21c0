"""Thirteen ways in which a graph of annotations was seen to go wrong elsewhere; each is a test here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.domain import cursor
from chalicelib.domain.mutations import annotation_vertex, resource_vertex
from chalicelib.flows import graph_ask, graph_project, read
from chalicelib.flows.listing import Filter
from chalicelib.graph.gremlin import Gremlin
from chalicelib.graph.packing import packed
from chalicelib.graph.queries import GraphAnswers
from chalicelib.graph.traversals import request, source
from chalicelib.graph.wire import Connection
from infra.gremlin import Server
from tests.graph.oracle import expected, held
from tests.graph.world import NOBODY, World, submit


class Watched(Gremlin):
    """Remembers the bytecode of every question."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.asked: list[Any] = []

    def ask(self, traversal: Any, deadline: float | None = None) -> list[Any]:
        self.asked.append(traversal.bytecode)
        return super().ask(traversal, deadline)


@pytest.fixture
def watched(gremlin: Gremlin, server: Server):
    adapter = Watched(server.url)
    yield adapter
    adapter.close()


def referrers(world: World, resource: str, **more: Any) -> list[str]:
    told = graph_ask.referenced_by(world.system, world.workspace, resource, limit=50, **more)
    assert told.source == "graph"
    return [mark.annotation.id for _, mark in told.value.items]


def neighbours(world: World, resource: str, depth: int = 1) -> set[str]:
    told = graph_ask.neighbours(world.system, world.workspace, resource, depth=depth, limit=50)
    assert told.source == "graph"
    return {each.resource.id for each in told.value.items}


def test_1_an_annotation_keeps_the_id_of_its_event_so_later_events_find_it(world: World) -> None:
    letter, book = world.create(), world.create()
    link = world.annotate(letter, [book])
    world.project()
    (vertex,) = submit(world.graph, source().V(annotation_vertex(world.stream(letter), link).id))
    assert vertex.label == "Annotation"

    world.remove(letter, link)
    world.project()

    assert referrers(world, book) == []
    assert held(world.graph, world.workspace) == expected(world)


def test_2_a_resource_is_found_under_the_id_that_it_was_stored_under(world: World) -> None:
    letter = world.create("Person")
    world.follow()

    assert submit(world.graph, source().V(resource_vertex(world.workspace, letter).id))
    told = graph_ask.resources(world.system, world.workspace, Filter(("Person",)), limit=5)
    assert (told.source, [each.id for each in told.value.items]) == ("graph", [letter])


def test_3_references_are_read_as_they_are_written(world: World) -> None:
    letter, book = world.create(), world.create()
    link = world.annotate(letter, [book])
    world.follow()

    assert referrers(world, book) == [link]
    assert neighbours(world, letter) == {book}
    assert graph_ask.stats(world.system, world.workspace).value.references == 1


def test_4_types_are_counted_by_their_edges_and_formats_by_the_property_they_have(
    world: World,
) -> None:
    letter = world.create("Person", format="text/markdown")
    world.annotate(letter, tags=["Person", "Date"], motivation="tagging")
    world.follow()

    told = graph_ask.stats(world.system, world.workspace).value

    assert told.formats == {"text/markdown": 1}
    assert told.motivations == {"tagging": 1}
    counts = {each.entity_type: (each.resources, each.annotations) for each in told.entity_types}
    assert counts == {"Person": (1, 1), "Date": (0, 1)}


SAFE = {
    *("V", "inject", "mergeV", "mergeE", "sideEffect", "property", "drop", "project", "by"),
    *("has", "hasLabel", "hasId", "not", "where", "union", "in", "out", "inV", "outE", "id"),
    *("dedup", "limit", "fold", "order", "values", "count", "groupCount"),
}
"""Steps of TinkerPop 3.7.1, none of which takes code. AWS, "Gremlin standards compliance in Amazon
Neptune", read 2026-11, has no word against any of them."""


def test_5_no_request_holds_code_or_a_step_that_neptune_does_not_take(
    world: World, watched: Watched
) -> None:
    letter, book = world.create("Person"), world.create()
    link = world.annotate(letter, [book], ["Person"])
    world.rewrite(letter, link, [], ["Date"])
    world.remove(letter, link)
    world.change(letter, entity_types=("Date",))
    world.follow()
    world.system = world.another(watched)
    neighbours(world, letter)
    referrers(world, book, motivation="linking")
    graph_ask.referenced_by(
        world.system,
        world.workspace,
        book,
        limit=5,
        cursor=cursor.encode(f"2026-11-23T09:35:00.123Z#{link}#{letter}"),
    )
    graph_ask.resources(world.system, world.workspace, Filter(("Person", "Date")), limit=5)
    graph_ask.stats(world.system, world.workspace)

    run = graph_project._Run(world.system, watched)
    work = [each for stream in world.streams for each in run._read(stream, 0).work]
    written = [request(parts) for parts in packed(work, dict.fromkeys(world.streams, 0))]

    found: set[str] = set()
    for bytecode in [*watched.asked, *written]:
        _steps(bytecode, found)
    assert found <= SAFE
    assert {"mergeE", "drop", "groupCount", "union"} <= found, "all of it was looked at"


def _steps(value: Any, found: set[str]) -> None:
    """Gather the names of steps, and stop at anything that is no data."""
    if hasattr(value, "bytecode"):
        value = value.bytecode
    if hasattr(value, "step_instructions"):
        assert not value.source_instructions
        for name, *arguments in value.step_instructions:
            found.add(name)
            for argument in arguments:
                _steps(argument, found)
    elif isinstance(value, Mapping):
        for each in value.values():
            _steps(each, found)
    elif hasattr(value, "operator"):  # a predicate
        _steps(value.value, found)
    else:
        assert isinstance(value, str | int | bool) or type(value).__module__.startswith(
            ("gremlin_python", "aenum")
        ), value
        assert not callable(value)


def test_6_a_path_counts_resources_and_an_annotation_links_both_ways(world: World) -> None:
    letter, book, map_ = world.create(), world.create(), world.create()
    world.annotate(letter, [book])
    world.annotate(map_, [book])
    world.follow()

    told = graph_ask.paths(world.system, world.workspace, letter, map_, depth=2)

    assert told.source == "graph"
    assert [[each.id for each in path] for path in told.value] == [[letter, book, map_]]
    assert graph_ask.paths(world.system, world.workspace, letter, map_, depth=1).value == ()


def test_7_one_thing_is_one_vertex_however_it_came(world: World) -> None:
    world.offer("Person")
    letter = world.create("Person")
    world.annotate(letter, tags=["Person"])
    world.follow()

    labels = submit(world.graph, source().V().has_label("EntityType").id_())
    assert sum(1 for each in labels if each.endswith("#Person")) == 1
    told = graph_ask.stats(world.system, world.workspace).value
    (person,) = (each for each in told.entity_types if each.entity_type == "Person")
    assert (person.resources, person.annotations, person.offered) == (1, 1, True)


def test_8_a_replay_duplicates_nothing_and_an_edge_may_come_before_its_far_end(
    world: World,
) -> None:
    letter, book = world.create(), world.create()
    link = world.annotate(letter, [book])
    world.materialize()
    early = world.stream(letter)
    assert graph_project.project_batch(world.system, [early]) == {}
    assert neighbours(world, letter) == set(), "a stub is not a resource yet"

    submit(world.graph, source().V(early.key).properties("projected").drop())
    world.project()

    assert held(world.graph, world.workspace) == expected(world)
    world.system = world.another()
    assert referrers(world, book) == [link]
    assert neighbours(world, letter) == {book}


def test_9_a_changed_body_takes_its_old_references_away(world: World) -> None:
    letter, book, map_ = world.create(), world.create(), world.create()
    link = world.annotate(letter, [book])
    world.project()
    world.rewrite(letter, link, [map_])
    world.follow()

    assert referrers(world, book) == []
    assert referrers(world, map_) == [link]


def test_10_tags_that_change_after_creation_reach_the_graph(world: World) -> None:
    letter = world.create("Person")
    world.project()
    world.change(letter, entity_types=("Date",))
    world.follow()

    def of(kind: str) -> list[str]:
        told = graph_ask.resources(world.system, world.workspace, Filter((kind,)), limit=5)
        return [each.id for each in told.value.items]

    assert (of("Person"), of("Date")) == ([], [letter])


def test_11_a_page_costs_the_same_however_long_and_knows_motivations(
    world: World, watched: Watched
) -> None:
    book = world.create()
    for motivation in ("linking", "describing") * 6:
        world.annotate(world.create("Person"), [book], ["Person"], motivation)
    world.follow()
    world.system = world.another(watched)
    watched.ping()

    def cost(limit: int) -> int:
        before = len(watched.asked)
        told = graph_ask.referenced_by(world.system, world.workspace, book, limit=limit)
        assert len(told.value.items) == limit
        return len(watched.asked) - before

    assert cost(2) == cost(12) == 1
    assert len(referrers(world, book, motivation="describing")) == 6


def test_12_the_endpoint_is_configuration_questions_go_to_the_reader_and_a_drop_heals(
    world: World, server: Server
) -> None:
    signed: list[str] = []

    def headers(url: str) -> dict[str, str]:
        signed.append(url)
        return {"X-Signature": str(len(signed))}

    reader = server.url.replace("127.0.0.1", "localhost")
    graph = Gremlin(server.url, reader, headers=headers)
    world.system = world.another(graph)
    letter = world.create()
    world.follow()
    assert signed == [server.url]
    assert neighbours(world, letter) == set()
    assert signed == [server.url, reader]

    for line in (graph._writer, graph._reader):
        _cut(line._held[0])
    world.annotate(letter, [NOBODY])
    world.project()
    world.system = world.another(graph)
    assert neighbours(world, letter) == set()

    assert signed == [server.url, reader] * 2, "signed anew for each connection"
    graph.close()


def _cut(connection: Connection) -> None:
    connection._socket._response.connection.transport.abort()


def test_13_pages_are_ordered_by_what_is_there_and_repeat_and_drop_nothing(world: World) -> None:
    made = [world.create("Person") for _ in range(7)]
    world.follow()

    found: list[str] = []
    cursor: str | None = None
    while True:
        told = graph_ask.resources(
            world.system, world.workspace, Filter(("Person",)), limit=3, cursor=cursor
        )
        assert told.source == "graph"
        found += [each.id for each in told.value.items]
        cursor = told.value.next
        if cursor is None:
            break

    def age(resource: str) -> tuple[str, str]:
        return read.resource(world.system, world.workspace, resource).created, resource

    assert found == sorted(made, key=age, reverse=True)
    assert GraphAnswers(world.graph).tagged(world.workspace, ["Person"], before=None, limit=2)
