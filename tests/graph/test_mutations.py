"""What each event means to the graph, without a graph."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import Annotation, SpecificResource, Target, TextualBody
from chalicelib.domain.events import (
    TYPES,
    AnnotationAdded,
    AnnotationBodyUpdated,
    AnnotationRemoved,
    EntityTagAdded,
    EntityTagRemoved,
    EntityTypeAdded,
    Event,
    RepresentationAdded,
    ResourceArchived,
    ResourceCloned,
    ResourceCreated,
    ResourceUnarchived,
    ResourceUpdated,
    StoredEvent,
    TagSchema,
    TagSchemaAdded,
)
from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import (
    Bury,
    DropEdge,
    Edge,
    PutEdge,
    PutVertex,
    ReplaceEdges,
    Vertex,
    annotation_vertex,
    entity_type_of,
    mutations,
    references,
    resource_vertex,
    tags,
    type_vertex,
)
from chalicelib.domain.representation import Representation

R = "0192f000-aaaa-7000-8000-000000000001"
OTHER = "0192f000-aaaa-7000-8000-000000000002"
A = "0192f000-bbbb-7000-8000-000000000003"
STREAM = Stream.of_resource("demo", R)
OWN = resource_vertex("demo", R)
AT = "2026-11-23T09:35:00.123Z"
CONTENT = Representation(64 * "a", "text/plain", 3)
PERSON = Edge("TAGGED", type_vertex("demo", "Person"))
LINK = SpecificResource(f"resource:{OTHER}", "linking")
TAG = TextualBody("Person", "tagging")


def stored(event: Event, version: int = 7) -> StoredEvent:
    return StoredEvent(event, version, AT, Actor("ada", "Person", "Ada"), "c", version, b"", None)


def meaning(event: Event, stream: Stream = STREAM):
    return mutations(stream, stored(event))


EVENTS: list[Event] = [
    ResourceCreated("A letter", CONTENT, ("Person",)),
    ResourceCloned("A letter", CONTENT, OTHER, 3, ("Person",)),
    ResourceUpdated((("name", "A palimpsest"),)),
    ResourceArchived(),
    ResourceUnarchived(),
    RepresentationAdded(CONTENT),
    EntityTagAdded("Person"),
    EntityTagRemoved("Person"),
    AnnotationAdded(Annotation(A, "linking", Target(None), (LINK, TAG))),
    AnnotationBodyUpdated(A, (LINK,)),
    AnnotationRemoved(A),
    EntityTypeAdded("Person"),
    TagSchemaAdded(TagSchema("x", "X", "", ())),
]


def test_every_type_of_event_is_in_these_tests_and_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "graph.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z.]+)` \| (.+?) \|$", page, re.MULTILINE))

    assert {event.type for event in EVENTS} == set(TYPES)
    assert set(rows) == set(TYPES)
    for event in EVENTS:
        nothing = rows[event.type].startswith("nothing")
        assert nothing == (meaning(event) == ()), event.type


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_yields_at_most_one_mutation_of_its_own_version(event: Event) -> None:
    found = meaning(event)
    assert len(found) <= 1
    assert all(mutation.version == 7 for mutation in found)


def test_a_new_resource_stands_with_its_types() -> None:
    (put,) = meaning(EVENTS[0])
    assert put == PutVertex(
        OWN,
        7,
        (
            ("workspace", "demo"),
            ("order", f"{AT}#{R}"),
            ("name", "A letter"),
            ("format", "text/plain"),
            ("archived", False),
        ),
        (PERSON,),
    )
    assert meaning(EVENTS[1]) == (put,)


def test_a_change_that_the_graph_does_not_show_means_nothing_to_it() -> None:
    assert meaning(ResourceUpdated((("description", "old"), ("language", None)))) == ()


def test_an_annotation_stands_on_its_resource_with_what_its_bodies_say() -> None:
    (put,) = meaning(EVENTS[8])
    assert isinstance(put, PutVertex)
    assert put.vertex == annotation_vertex(STREAM, A)
    assert put.edges == (
        Edge("ON", OWN),
        Edge("REFERENCES", resource_vertex("demo", OTHER)),
        PERSON,
    )
    assert dict(put.properties)["order"] == f"{AT}#{A}#{R}"


def test_a_new_body_takes_the_place_of_all_that_the_old_one_said() -> None:
    annotation = annotation_vertex(STREAM, A)
    both = ("REFERENCES", "TAGGED")
    assert meaning(AnnotationBodyUpdated(A, (TAG,))) == (
        ReplaceEdges(annotation, 7, both, (PERSON,)),
    )
    assert meaning(AnnotationBodyUpdated(A, ())) == (ReplaceEdges(annotation, 7, both, ()),)


def test_what_is_removed_is_buried_and_tags_come_and_go() -> None:
    assert meaning(AnnotationRemoved(A)) == (Bury(annotation_vertex(STREAM, A), 7),)
    assert meaning(EntityTagAdded("Person")) == (PutEdge(OWN, 7, PERSON),)
    assert meaning(EntityTagRemoved("Person")) == (DropEdge(OWN, 7, PERSON),)


def test_the_vocabulary_of_a_workspace_is_in_the_graph() -> None:
    (put,) = meaning(EntityTypeAdded("Person"), Stream.of_system("demo"))
    assert put == PutVertex(
        type_vertex("demo", "Person"), 7, (("workspace", "demo"), ("offered", True))
    )


@pytest.mark.parametrize("name", ["Person", "a/b#c", "Ж", "demo/resource#x", "%41", " "])
def test_user_text_in_an_id_is_encoded_and_comes_back(name: str) -> None:
    vertex = type_vertex("demo", name)
    assert entity_type_of(vertex.id) == name
    assert re.fullmatch(r"demo/type#[A-Za-z0-9_.~%-]+", vertex.id)


def test_no_vertex_is_shared_between_workspaces() -> None:
    here, there = Stream.of_resource("demo", R), Stream.of_resource("other", R)
    for event in EVENTS:
        for one, two in zip(
            mutations(here, stored(event)), mutations(there, stored(event)), strict=True
        ):
            assert not {each.id for each in _vertices(one)} & {each.id for each in _vertices(two)}


def _vertices(mutation) -> set[Vertex]:
    edges = getattr(mutation, "edges", ()) or ()
    edge = getattr(mutation, "edge", None)
    return {mutation.vertex, *(each.to for each in edges), *([edge.to] if edge else [])}


def test_references_are_to_resources_of_ours_each_once() -> None:
    bodies = (
        SpecificResource(f"resource:{OTHER}"),
        SpecificResource(f"resource:{OTHER}#xywh=0,0,9,9", "linking"),
        SpecificResource(f"resource:{R}/annotations/{A}"),
        SpecificResource("https://example.org/elsewhere"),
        TextualBody(f"resource:{OTHER}", "linking"),
    )
    assert references(bodies) == (OTHER, R)


def test_a_tag_of_a_schema_is_no_entity_type() -> None:
    assert tags([TAG, TextualBody("legal-irac", "classifying")]) == ()


def test_only_tagging_bodies_of_a_type_s_length_are_tags() -> None:
    bodies = (
        TextualBody("Person", "tagging"),
        TextualBody("Person", "tagging", language="en"),
        TextualBody("Place", "describing"),
        TextualBody("Date"),
        TextualBody("x" * 101, "tagging"),
        TextualBody("", "tagging"),
    )
    assert tags(bodies) == ("Person",)
