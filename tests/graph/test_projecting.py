"""The projector against a real graph: what the log says is what the graph holds."""

from __future__ import annotations

from tests.graph.oracle import expected, held
from tests.graph.world import NOBODY, World


def test_the_graph_holds_what_the_log_says(world: World) -> None:
    # given
    letter, book = world.create("Person", "Date"), world.create()
    world.offer("Manuscript")
    link = world.annotate(letter, [book, NOBODY], ["Person", "Folio 7/v"])
    gone = world.annotate(book, [letter])
    world.rewrite(letter, link, [letter], ["Folio 7/v"])
    world.remove(book, gone)
    world.change(letter, name="A palimpsest", entity_types=("Date", "Place"))
    world.change(book, archived=True)
    world.clone(letter)
    world.content(letter, "text/html")

    # when
    world.project()

    # then
    assert held(world.graph, world.workspace) == expected(world)


def test_projecting_again_writes_nothing(world: World) -> None:
    world.annotate(world.create("Person"), tags=["Person"])
    world.project()
    before, requests = (
        held(world.graph, world.workspace, versions=True),
        world.counted["GraphRequests"],
    )

    world.project()

    assert held(world.graph, world.workspace, versions=True) == before
    assert world.counted["GraphRequests"] == requests
