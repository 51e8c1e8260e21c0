"""The graph is what the log says, or each difference is named, and a rebuild makes it good."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.errors import Unavailable
from chalicelib.flows import graph_check, graph_project
from chalicelib.flows.graph_rebuild import GraphRebuild, rebuild_graph, rebuild_whole_graph
from chalicelib.graph.gremlin import Gremlin
from chalicelib.graph.traversals import source
from tests.graph.oracle import expected, held
from tests.graph.test_thirteen_defects import SAFE
from tests.graph.test_thirteen_defects import _steps as steps_of
from tests.graph.world import World, emptied, submit


@pytest.fixture
def library(world: World) -> World:
    """Two resources with links, tags, a removed annotation and a vocabulary, all projected."""
    world.offer("Person", "Place")
    one, two = world.create("Person"), world.create()
    world.annotate(one, [two], ["Person"])
    world.rewrite(two, world.annotate(two, [one], ["Place"]), [one], ["Person"])
    world.remove(one, world.annotate(one, [two]))
    world.change(one, entity_types=("Place",), archived=True)
    world.follow()
    return world


def faults(world: World) -> list[str]:
    return [str(each) for each in graph_check.faults(world.system, world.streams)]


def rebuilt(world: World) -> GraphRebuild:
    return rebuild_whole_graph(world.system, world.streams, world.workspace)


def test_a_graph_that_is_right_has_no_fault_and_a_rebuild_writes_nothing(library: World) -> None:
    assert faults(library) == []
    assert rebuilt(library).vertices == 0
    assert held(library.graph, library.workspace) == expected(library)


def vertex(world: World, label: str) -> Any:
    """One that readers see, of the first resource."""
    return source().V().has_label(label).has("version").has("workspace", world.workspace).limit(1)


class _Late:
    """`__` and `T` of gremlinpython, imported when a test uses them."""

    def __getattr__(self, name: str) -> Any:
        from gremlin_python.process.graph_traversal import __

        return getattr(__, name)


_ = _Late()


def _single() -> Any:
    from gremlin_python.process.traversal import Cardinality

    return Cardinality.single


def _t() -> Any:
    from gremlin_python.process.traversal import T

    return T


Spoil = Callable[[World], Any]
SPOILS: dict[str, tuple[Spoil, str]] = {
    "an edge is deleted": (
        lambda w: source().E().has_label("REFERENCES").limit(1).drop(),
        "the edge REFERENCES to",
    ),
    "the edge to the resource is deleted": (
        lambda w: source().E().has_label("ON").limit(1).drop(),
        "the edge ON to",
    ),
    "every edge is deleted": (lambda w: source().E().drop(), "is missing"),
    "an edge is there twice": (
        lambda w: (
            source()
            .V()
            .has_label("Annotation")
            .where(_.out("REFERENCES"))
            .limit(1)
            .as_("a")
            .out("REFERENCES")
            .add_e("REFERENCES")
            .from_("a")
            .property("version", 1)
        ),
        "is there 2 times",
    ),
    "an edge is in no event": (
        lambda w: vertex(w, "Resource").as_("r").add_e("TAGGED").to("r"),
        "is in no event",
    ),
    "an edge has another version": (
        lambda w: source().E().has_label("ON").limit(1).property("version", 99),
        "stands at version 99",
    ),
    "an annotation is deleted": (lambda w: vertex(w, "Annotation").drop(), "the vertex is missing"),
    "a tombstone is deleted": (
        lambda w: source().V().has("removed", True).drop(),
        "the vertex is missing",
    ),
    "a property is another": (
        lambda w: vertex(w, "Resource").property("name", "Another"),
        "the property name is not the log's",
    ),
    "a property is gone": (
        lambda w: vertex(w, "Annotation").properties("motivation").drop(),
        "the property motivation is not the log's",
    ),
    "a property is one too many": (
        lambda w: vertex(w, "EntityType").property("colour", "red"),
        "the property colour is in no event",
    ),
    "a vertex is older than its stream's checkpoint": (
        lambda w: vertex(w, "Annotation").property(_single(), "version", 1),
        "it stands at version 1, the log says",
    ),
    "a vertex is ahead of the log": (
        lambda w: vertex(w, "Annotation").property(_single(), "version", 99),
        "it stands at version 99, the log says",
    ),
    "a checkpoint is ahead of the log": (
        lambda w: vertex(w, "Resource").property(_single(), "projected", 99),
        "the graph shows version 99, the log ends at",
    ),
    "a version is two at once": (
        lambda w: vertex(w, "Annotation").property("version", 99),
        "and 99, the log says",
    ),
    "a checkpoint is no number": (
        lambda w: vertex(w, "Resource").property("projected", "all"),
        "the graph shows version",
    ),
    "an annotation that is in no event": (
        lambda w: (
            source()
            .add_v("Annotation")
            .property(_t().id, f"{w.streams[0].key}/annotation#none")
            .property("version", 1)
            .property("workspace", w.workspace)
            .property("order", "2026")
        ),
        "the log knows nothing of it",
    ),
    "a resource that is in no event": (
        lambda w: (
            source()
            .add_v("Resource")
            .property(_t().id, f"{w.workspace}/resource#none")
            .property("version", 1)
            .property("workspace", w.workspace)
        ),
        "the log knows nothing of it",
    ),
}


@pytest.mark.parametrize("what", SPOILS)
def test_what_is_changed_behind_the_systems_back_is_named_and_made_good(
    what: str, library: World
) -> None:
    spoil, named = SPOILS[what]
    submit(library.graph, spoil(library))

    assert named in " | ".join(faults(library))

    done = rebuilt(library)
    assert done.to_json()["ok"], done
    assert held(library.graph, library.workspace) == expected(library)
    assert faults(library) == []


def test_a_resource_that_is_deleted_is_behind_and_comes_back_with_the_edges_of_others(
    library: World,
) -> None:
    submit(library.graph, vertex(library, "Resource").drop())

    done = rebuilt(library)

    assert done.to_json()["ok"], done
    assert held(library.graph, library.workspace) == expected(library)


def test_one_resource_alone_is_rebuilt(library: World) -> None:
    submit(library.graph, source().E().has_label("ON").drop())
    one, two = (each for each in library.streams if each.resource_id is not None)

    rebuild_graph(library.system, [one])

    assert not [each for each in faults(library) if one.key in each.split(": ")[1]]
    assert [each for each in faults(library) if two.key in each.split(": ")[1]]


def test_a_graph_that_was_emptied_is_one_fault_and_a_rebuild_fills_it(library: World) -> None:
    emptied(library.graph)

    (fault,) = faults(library)
    assert "emptied" in fault

    done = rebuilt(library)
    assert done.filled
    assert held(library.graph, library.workspace) == expected(library)
    assert faults(library) == []


def test_a_graph_that_is_behind_is_a_fault_after_a_minute(library: World) -> None:
    library.offer("Codex")
    assert faults(library) == []

    library.system._clock = lambda: time.time() + 61

    (fault,) = faults(library)
    assert "the graph has been behind for" in fault
    rebuilt(library)
    assert faults(library) == []


def test_without_an_answer_verify_names_the_graph_and_a_rebuild_is_refused(library: World) -> None:
    library.system = library.another(Gremlin("ws://127.0.0.1:1/gremlin"))

    (fault,) = faults(library)
    assert "cannot be looked at" in fault
    with pytest.raises(Unavailable):
        rebuilt(library)


def test_two_fillers_of_one_graph_each_vouch_for_all_of_it(library: World) -> None:
    """A second filler gets the first one's token, and still projects everything by itself.

    So whichever ends first may say that the graph is whole, and one that stalls takes nothing back;
    if the graph was emptied meanwhile, no token is good any more.
    """
    emptied(library.graph)
    stalled = library.graph.begin("first")
    assert library.graph.begin("second") == stalled

    assert graph_project.fill(library.system)
    assert held(library.graph, library.workspace) == expected(library)
    assert library.graph.finish(stalled)

    emptied(library.graph)
    assert not library.graph.finish(stalled)
    assert library.graph.begin("third") == "third"
    assert not library.graph.finish(stalled)
    assert not library.graph.complete()


def test_what_reads_and_mends_is_what_neptune_takes(library: World) -> None:
    asked: list[Any] = []

    class Watched(Gremlin):
        def submit(self, bytecode: Any) -> list[Any]:
            asked.append(bytecode)
            return super().submit(bytecode)

    watched = Watched(library.graph._writer._url)
    library.system = library.another(watched)
    for what in ("every edge is deleted", "a resource that is in no event"):
        submit(library.graph, SPOILS[what][0](library))
    submit(library.graph, SPOILS["a property is one too many"][0](library))
    submit(library.graph, SPOILS["a checkpoint is ahead of the log"][0](library))
    rebuilt(library)
    watched.close()

    found: set[str] = set()
    for bytecode in asked:
        steps_of(bytecode, found)
    assert found <= {*SAFE, "properties", "or"}
    assert {"mergeE", "drop", "properties", "or", "outE"} <= found, "all of it was looked at"
    assert held(library.graph, library.workspace) == expected(library)
