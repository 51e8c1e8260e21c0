from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.annotation import (
    Annotation,
    NewAnnotation,
    Target,
    TextPosition,
    TextQuote,
    TextualBody,
)
from chalicelib.domain.commands import (
    AddAnnotations,
    AttachAnnotations,
    ChangeContent,
    CloneResource,
    CreateResource,
    ResourceCommand,
    UpdateResource,
)
from chalicelib.domain.events import (
    AnnotationAdded,
    EntityTagAdded,
    EntityTagRemoved,
    EntityTypeAdded,
    RepresentationAdded,
    ResourceArchived,
    ResourceCloned,
    ResourceCreated,
    ResourceUnarchived,
    ResourceUpdated,
)
from chalicelib.domain.resource import MAX_REPRESENTATIONS, decide, evolve
from chalicelib.errors import Conflict, Invalid, NotFound, TooLarge
from tests.domain.given import ADA, BOB, CONTENT, CREATED, OTHER, added, removed, resource, stored

TEXT = "An old page, scraped."


def annotations(*new: NewAnnotation) -> AddAnnotations:
    ids = tuple(f"a{n}" for n in range(len(new)))
    return AddAnnotations(new, ids, tuple(f"/items/{n}" for n in range(len(new))))


# -- creating -------------------------------------------------------------------------------------


def test_a_resource_is_created_with_what_was_asked_for() -> None:
    command = CreateResource("A page", CONTENT, ("Person", "Place", "Person"), "about it", "en")

    assert decide(command, None) == (
        ResourceCreated("A page", CONTENT, ("Person", "Place"), "about it", "en"),
    )


def test_a_clone_names_its_source_and_begins_without_annotations() -> None:
    command = CloneResource("source", 7, "A copy", CONTENT, ("Person",))

    (event,) = decide(command, None)
    clone = evolve(None, stored(event, 1), "r")

    assert event == ResourceCloned("A copy", CONTENT, "source", 7, ("Person",))
    assert (clone.source, clone.annotation_count, clone.version) == ("source", 0, 1)


def test_creation_says_who_and_when() -> None:
    created = resource()

    assert (created.creator, created.created) == (ADA, "2026-11-23T09:01:00.000Z")
    assert created.modified == created.created
    assert created.content == CONTENT


# -- changing -------------------------------------------------------------------------------------


def test_changed_fields_become_one_event_and_unchanged_ones_none() -> None:
    command = UpdateResource((("name", "Another"), ("description", None), ("language", "en")))

    events = decide(command, resource())

    assert events == (ResourceUpdated((("name", "Another"), ("description", None))),)
    changed = resource(*events)
    assert (changed.name, changed.description, changed.language) == ("Another", None, "en")
    assert decide(command, changed) == ()


def test_entity_types_are_added_and_removed_one_by_one() -> None:
    events = decide(UpdateResource(entity_types=("Place", "Date", "Place")), resource())

    assert events == (EntityTagRemoved("Person"), EntityTagAdded("Place"), EntityTagAdded("Date"))
    assert resource(*events).entity_types == ("Place", "Date")


def test_no_entity_types_are_not_the_same_as_none_given() -> None:
    assert decide(UpdateResource(entity_types=()), resource()) == (EntityTagRemoved("Person"),)
    assert decide(UpdateResource(), resource()) == ()


def test_new_content_is_added_and_the_same_is_no_change() -> None:
    assert decide(ChangeContent(OTHER), resource()) == (RepresentationAdded(OTHER),)
    assert decide(ChangeContent(CONTENT), resource()) == ()
    assert resource(RepresentationAdded(OTHER)).content == OTHER
    assert resource(RepresentationAdded(OTHER)).representations == (CONTENT, OTHER)


def test_the_same_bytes_under_another_type_are_a_change() -> None:
    page = replace(CONTENT, format="text/markdown")

    assert decide(ChangeContent(page), resource()) == (RepresentationAdded(page),)


def test_the_descriptor_lists_the_last_contents() -> None:
    contents = [replace(OTHER, size=n) for n in range(MAX_REPRESENTATIONS + 5)]

    listed = resource(*(RepresentationAdded(c) for c in contents)).representations

    assert len(listed) == MAX_REPRESENTATIONS
    assert listed[-1] == contents[-1]


def test_a_change_says_when_and_annotations_do_not() -> None:
    assert resource(ResourceUpdated((("name", "x"),))).modified == "2026-11-23T09:02:00.000Z"
    annotated = resource(added("a"))
    assert annotated.modified == annotated.created
    assert annotated.version == 2


# -- archiving ------------------------------------------------------------------------------------


def test_archiving_and_unarchiving_are_events_once() -> None:
    archive, unarchive = UpdateResource(archived=True), UpdateResource(archived=False)
    archived = resource(ResourceArchived())

    assert decide(archive, resource()) == (ResourceArchived(),)
    assert decide(archive, archived) == ()
    assert decide(unarchive, archived) == (ResourceUnarchived(),)
    assert decide(unarchive, resource()) == ()
    assert not resource(ResourceArchived(), ResourceUnarchived()).archived


@pytest.mark.parametrize(
    "command",
    [
        annotations(NewAnnotation("commenting")),
        ChangeContent(OTHER),
        ChangeContent(CONTENT),
        UpdateResource((("name", "x"),)),
        UpdateResource(entity_types=()),
        AttachAnnotations((added().annotation,)),
    ],
    ids=lambda command: type(command).__name__,
)
def test_an_archived_resource_refuses_changes(command: ResourceCommand) -> None:
    with pytest.raises(Conflict):
        decide(command, resource(ResourceArchived()))


def test_a_change_that_archives_or_unarchives_with_it_is_taken() -> None:
    both = UpdateResource((("name", "x"),), archived=False)
    assert decide(both, resource(ResourceArchived())) == (
        ResourceUnarchived(),
        ResourceUpdated((("name", "x"),)),
    )
    last = UpdateResource((("name", "x"),), archived=True)
    assert decide(last, resource())[-1] == ResourceArchived()


# -- annotating -----------------------------------------------------------------------------------


def test_annotations_are_anchored_to_the_current_content() -> None:
    new = NewAnnotation("tagging", (TextPosition(3, 6),), (TextualBody("age", "tagging"),))

    (event,) = decide(annotations(new), resource(), TEXT)

    assert isinstance(event, AnnotationAdded)
    assert event.annotation.id == "a0"
    assert event.annotation.target.checksum == CONTENT.checksum
    assert event.annotation.target.quote == TextQuote("old", "An ", " page, scraped.")


def test_annotations_come_all_or_none_with_every_fault_named() -> None:
    good = NewAnnotation("commenting", (TextPosition(3, 6),))
    outside = NewAnnotation("commenting", (TextPosition(90, 99),))
    elsewhere = NewAnnotation("commenting", (TextQuote("no such words"),))

    with pytest.raises(Invalid) as refusal:
        decide(annotations(outside, good, elsewhere), resource(), TEXT)

    pointers = [fault["pointer"] for fault in refusal.value.extra["errors"]]
    assert pointers == ["/items/0/target/selector/0", "/items/2/target/selector/0/exact"]


def test_what_is_no_text_takes_no_text_anchor() -> None:
    with pytest.raises(Invalid):
        decide(annotations(NewAnnotation("commenting", (TextPosition(3, 6),))), resource(), None)
    assert decide(annotations(NewAnnotation("commenting")), resource(), None)


def test_annotations_are_counted() -> None:
    assert resource(added("a"), added("b")).annotation_count == 2
    assert resource(added("a"), added("b"), removed("a")).annotation_count == 1


def test_ready_annotations_are_attached_to_content_that_the_resource_knows() -> None:
    known = added().annotation
    foreign = Annotation("b", "commenting", Target(OTHER.checksum))

    assert decide(AttachAnnotations((known,)), resource()) == (AnnotationAdded(known),)
    with pytest.raises(Conflict):
        decide(AttachAnnotations((known, foreign)), resource())


# -- what does not exist --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        UpdateResource(archived=True),
        ChangeContent(CONTENT),
        annotations(NewAnnotation("commenting")),
    ],
    ids=lambda command: type(command).__name__,
)
def test_what_does_not_exist_cannot_be_changed(command: ResourceCommand) -> None:
    with pytest.raises(NotFound):
        decide(command, None)


def test_an_event_without_a_resource_before_it_does_not_fold() -> None:
    with pytest.raises(ValueError, match="has no resource before it"):
        evolve(None, stored(ResourceArchived(), 1), "r")
    with pytest.raises(ValueError, match="does not belong"):
        evolve(resource(), stored(EntityTypeAdded("Person"), 2), "r")


def test_each_event_brings_its_version() -> None:
    state = None
    for version, event in enumerate((CREATED, added("a"), ResourceArchived()), 1):
        state = evolve(state, stored(event, version, BOB), "r")
        assert state.version == version


def test_an_annotation_that_no_view_could_show_is_refused() -> None:
    bodies = tuple(TextualBody(f"{n}" + "a" * 99_000) for n in range(4))
    new = NewAnnotation("commenting", (), bodies)
    known = Annotation("b", "commenting", Target(CONTENT.checksum), bodies)

    for command in (annotations(new), AttachAnnotations((known,))):
        with pytest.raises(TooLarge) as refusal:
            decide(command, resource())
        assert refusal.value.extra["limit_bytes"] == 350 * 1024
    assert decide(annotations(replace(new, bodies=bodies[:3])), resource())
