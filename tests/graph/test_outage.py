"""A graph that dies, hangs, comes back empty, or is not there: nobody writes worse for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from chalicelib.flows import graph_ask, graph_project
from chalicelib.flows.listing import After, Filter
from chalicelib.graph.breaker import KEPT_S, OPEN_S
from chalicelib.graph.gremlin import Gremlin
from infra import gremlin as servers
from tests.graph.oracle import expected, held
from tests.graph.world import NOBODY, World

T = TypeVar("T")


class Outage:
    """A server of one's own, to be killed; each test begins with it alive and complete."""

    def __init__(self) -> None:
        self.server = servers.start()

    def revive(self) -> None:
        self.server = servers.start(self.server.port)


@pytest.fixture(scope="module")
def outage(server: servers.Server) -> Iterator[Outage]:
    made = Outage()
    yield made
    made.server.stop()


@pytest.fixture
def world(outage: Outage) -> Iterator[World]:
    if outage.server.process.poll() is not None:
        outage.revive()
    graph = Gremlin(outage.server.url)
    made = World(graph)
    assert graph.finish(graph.begin("test"))
    yield made
    graph.close()


def timed(ask: Callable[[], T]) -> tuple[T, float]:
    began = time.monotonic()
    return ask(), time.monotonic() - began


def referrers(world: World, resource: str, cursor: str | None = None) -> Any:
    return graph_ask.referenced_by(world.system, world.workspace, resource, limit=4, cursor=cursor)


def test_a_graph_killed_under_load_costs_no_write_and_no_page_and_catches_up(
    world: World, outage: Outage
) -> None:
    # given: a list that is being paged through
    book = world.create("Person")
    for _ in range(6):
        world.annotate(world.create("Person"), [book])
    world.follow()
    first = referrers(world, book)
    listed = graph_ask.resources(world.system, world.workspace, Filter(("Person",)), limit=3)
    assert (first.source, listed.source) == ("graph", "graph")

    # when: it dies while others write
    outage.server.kill()
    for _ in range(5):
        world.annotate(world.create("Person"), [book], ["Person"])
    world.materialize()
    failed = graph_project.project_batch(world.system, world.streams)

    # then: what failed is to be tried again, and is set aside until then
    assert set(failed) == set(world.streams)
    assert {each.stream for each in world.system.views.parked()} == set(world.streams)

    # and the next page comes soon, from the views, without a hole
    second, took_s = timed(lambda: referrers(world, book, first.value.next))
    assert (second.source, second.degraded) == ("views", True)
    assert took_s < 2
    ids = [mark.annotation.id for _, mark in (*first.value.items, *second.value.items)]
    assert len(ids) == len(set(ids)) == 6
    on, took_s = timed(
        lambda: graph_ask.resources(
            world.system,
            world.workspace,
            Filter(("Person",)),
            limit=9,
            cursor=listed.value.next,
        )
    )
    assert (on.source, on.degraded, took_s < 2) == ("views", True, True)
    named = [each.id for each in (*listed.value.items, *on.value.items)]
    assert len(named) == len(set(named)) == 7

    # and when it is back, empty, readers are kept from it until it is filled
    outage.revive()
    world.system.ahead_s += OPEN_S + 1
    world.project()
    assert referrers(world, book).source == "views"
    assert graph_project.fill(world.system)
    assert not graph_project.fill(world.system)
    assert graph_project.mend(world.system) == len(world.streams)
    assert world.system.views.parked() == []
    world.system = world.another()
    assert held(world.graph, world.workspace) == expected(world)
    assert referrers(world, book).source == "graph"


def test_a_graph_that_hangs_costs_one_short_wait_and_is_then_left_alone(
    world: World, outage: Outage
) -> None:
    letter, book = world.create(), world.create()
    world.annotate(letter, [book])
    world.follow()

    def ask(depth: int) -> Any:
        return graph_ask.neighbours(world.system, world.workspace, letter, depth=depth, limit=5)

    assert ask(1).source == "graph"

    outage.server.pause()
    try:
        told, took_s = timed(lambda: ask(2))
        assert (told.source, told.degraded) == ("views", True)
        assert took_s < 2
        told, took_s = timed(lambda: ask(3))
        assert told.source == "views"
        assert took_s < 0.2
        kept = ask(1)
        assert (kept.source, kept.degraded) == ("graph", False), "an answer that is kept"
        world.annotate(letter, [NOBODY])
        assert ask(1).source == "views", "not after a write"
    finally:
        outage.server.resume()

    assert ask(2).source == "views"
    world.system.ahead_s += OPEN_S + 1
    assert ask(2).source == "graph"
    assert world.counted["Degraded"] == 4


def test_what_no_record_rings_for_any_more_is_caught_up_with(world: World, outage: Outage) -> None:
    letter, book = world.create(), world.create()
    world.annotate(letter, [book])
    reach = {stream: world.store.head_of(stream) for stream in world.streams}

    outage.server.kill()
    assert graph_project.catch_up(world.system, reach) == 0
    assert graph_project.mend(world.system) == 0
    outage.revive()
    world.graph.finish(world.graph.begin("again"))

    assert graph_project.catch_up(world.system, reach) == 2
    assert graph_project.catch_up(world.system, reach) == 0
    assert held(world.graph, world.workspace) == expected(world)


def test_an_answer_is_kept_for_a_minute_and_never_for_who_has_written(world: World) -> None:
    letter, book = world.create(), world.create()
    world.follow()

    def ask(**more: Any) -> set[str]:
        told = graph_ask.neighbours(world.system, world.workspace, letter, limit=5, **more)
        assert told.source == "graph"
        return {each.resource.id for each in told.value.items}

    assert ask() == ask() == set()
    assert (world.counted["GraphCacheMiss"], world.counted["GraphCacheHit"]) == (1, 1)

    # somebody else writes
    mine, world.system = world.system, world.another()
    world.annotate(letter, [book])
    world.project()
    world.system = mine
    assert ask() == set()
    assert ask(after=After(letter, 2)) == {book}
    assert ask() == {book}, "and what was asked with `after` is kept for others"

    world.annotate(letter, [NOBODY])
    world.project()
    misses = world.counted["GraphCacheMiss"]
    assert ask() == {book}
    assert world.counted["GraphCacheMiss"] == misses + 1
    world.system.ahead_s += KEPT_S + 1
    assert ask() == {book}
    assert world.counted["GraphCacheMiss"] == misses + 2


def test_who_has_written_sees_it_also_before_the_graph_does(world: World) -> None:
    letter, book = world.create(), world.create()
    world.follow()
    world.annotate(letter, [book])

    told, took_s = timed(
        lambda: graph_ask.neighbours(
            world.system, world.workspace, letter, limit=5, after=After(letter, 2)
        )
    )

    assert (told.source, told.degraded) == ("views", True)
    assert [each.resource.id for each in told.value.items] == [book]
    assert took_s < 1


def test_a_resource_that_neither_views_nor_graph_know_yet_is_not_unknown(world: World) -> None:
    letter = world.create()

    told = graph_ask.neighbours(world.system, world.workspace, letter, limit=5)

    assert (told.source, told.value.items) == ("views", ())


def test_the_lag_is_the_age_of_what_the_graph_does_not_show(world: World) -> None:
    letter, book = world.create(), world.create()
    world.follow()
    world.annotate(letter, [book])
    time.sleep(0.05)

    told = graph_ask.stats(world.system, world.workspace)
    assert told.source == "graph"
    assert 0.05 <= told.lag_s < 5

    world.project()
    world.system.graph_answers.forget()
    assert graph_ask.stats(world.system, world.workspace).lag_s == 0


def test_without_a_graph_the_views_answer_and_say_so() -> None:
    world = World(None)
    letter, book = world.create("Person"), world.create()
    world.annotate(letter, [book])
    world.follow()
    system, workspace = world.system, world.workspace

    for told in (
        graph_ask.neighbours(system, workspace, letter, limit=5),
        graph_ask.referenced_by(system, workspace, book, limit=5),
        graph_ask.paths(system, workspace, letter, book),
        graph_ask.stats(system, workspace),
    ):
        assert (told.source, told.degraded, told.truncated) == ("views", True, False)
    told = graph_ask.resources(system, workspace, Filter(("Person",)), limit=5)
    assert (told.source, told.degraded) == ("views", False), "a list is as good without"
    assert graph_project.project_batch(system, world.streams) == {}
    assert not graph_project.fill(system)


@pytest.mark.long
def test_an_outage_of_ten_thousand_events_is_caught_up_with_in_full_requests(
    world: World, outage: Outage
) -> None:
    outage.server.kill()
    letters = [world.create("Person") for _ in range(10)]
    for number in range(100):
        world.annotate(letters[number % 10], [letters[(number + 1) % 10]], ["Date"], times=100)
    assert set(graph_project.project_batch(world.system, world.streams)) == set(world.streams)

    outage.revive()
    began = time.monotonic()
    assert graph_project.fill(world.system)

    print(f"10,000 events in {time.monotonic() - began:.1f} s, {world.counted['GraphRequests']}")
    assert held(world.graph, world.workspace) == expected(world)
