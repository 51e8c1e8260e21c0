from __future__ import annotations

import pytest

from chalicelib.domain.annotation import Body, TextualBody
from chalicelib.domain.commands import AnnotationCommand, RemoveAnnotation, UpdateBody
from chalicelib.domain.events import (
    AnnotationBodyUpdated,
    AnnotationRemoved,
    ResourceArchived,
    ResourceUpdated,
)
from chalicelib.domain.marks import MAX_HISTORY, decide, evolve, fold, touched
from chalicelib.errors import Conflict, NotFound, TooLarge
from tests.domain.given import ADA, BOB, added, mark, removed, resource, stored, updated


def to(*values: str) -> UpdateBody:
    bodies: tuple[Body, ...] = tuple(TextualBody(value) for value in values)
    return UpdateBody("a", lambda _: bodies)


# -- what events do -------------------------------------------------------------------------------


def test_an_added_annotation_says_who_and_when() -> None:
    state = evolve(None, stored(added(), 2, BOB))

    assert (state.creator, state.created) == (BOB, "2026-11-23T09:02:00.000Z")
    assert (state.version, state.modified, state.removed) == (2, None, False)
    assert state.history == ((2, 2),)


def test_a_change_of_its_body_keeps_creator_time_and_target() -> None:
    before = mark()
    after = evolve(before, stored(updated(), 5, BOB))

    assert (after.creator, after.created) == (ADA, before.created)
    assert after.annotation.target == before.annotation.target
    assert after.annotation.bodies == (TextualBody("changed"),)
    assert (after.version, after.modified) == (5, "2026-11-23T09:05:00.000Z")
    assert after.history == ((2, 2), (5, 5))


def test_a_removed_annotation_leaves_a_tombstone() -> None:
    gone = mark(removed())

    assert gone.removed
    assert gone.version == 3
    assert gone.annotation == mark().annotation


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_event_that_is_known_already_changes_nothing(version: int) -> None:
    state = mark(updated())

    assert evolve(state, stored(removed(), version)) == state


def test_a_change_of_what_never_was_does_not_fold() -> None:
    for event in (updated(), removed()):
        with pytest.raises(ValueError, match="has no annotation before it"):
            evolve(None, stored(event, 2))
    with pytest.raises(ValueError, match="is not about an annotation"):
        evolve(mark(), stored(ResourceArchived(), 3))


def test_the_history_points_at_the_last_changes_only() -> None:
    state = mark(*(updated(value=str(n)) for n in range(MAX_HISTORY + 10)))

    assert len(state.history) == MAX_HISTORY
    assert state.history[-1] == (state.version, state.version)


def test_folding_returns_what_was_touched_and_nothing_else() -> None:
    held = {"a": mark(), "z": mark()}
    events = [
        stored(ResourceUpdated((("name", "x"),)), 3),
        stored(added("b"), 4),
        stored(updated("b", "once"), 5),
        stored(updated("a"), 6),
        stored(removed("a"), 7),
    ]

    changed = fold(held, events)

    assert {k: (m.version, m.removed) for k, m in changed.items()} == {
        "b": (5, False),
        "a": (7, True),
    }
    assert held["a"].version == 2


def test_events_say_which_annotation_they_touch() -> None:
    assert [touched(stored(e, 1)) for e in (added("x"), updated("y"), removed("z"))] == list("xyz")
    assert touched(stored(ResourceArchived(), 1)) is None


# -- what may be done to it -----------------------------------------------------------------------


def test_a_body_is_changed_from_what_it_is() -> None:
    command = UpdateBody("a", lambda bodies: (*bodies, TextualBody("more")))

    assert decide(command, resource(), mark()) == (
        AnnotationBodyUpdated("a", (TextualBody("a comment"), TextualBody("more"))),
    )


def test_a_body_that_stays_as_it_is_is_no_event() -> None:
    assert decide(to("a comment"), resource(), mark()) == ()


def test_an_annotation_is_removed() -> None:
    assert decide(RemoveAnnotation("a"), resource(), mark()) == (AnnotationRemoved("a"),)


@pytest.mark.parametrize("command", [RemoveAnnotation("a"), to("x")], ids=["remove", "update"])
def test_what_is_not_there_cannot_be_changed(command: AnnotationCommand) -> None:
    for there in ((resource(), None), (resource(), mark(removed())), (None, mark())):
        with pytest.raises(NotFound):
            decide(command, *there)


@pytest.mark.parametrize("command", [RemoveAnnotation("a"), to("x")], ids=["remove", "update"])
def test_annotations_of_an_archived_resource_stay_as_they_are(command: AnnotationCommand) -> None:
    with pytest.raises(Conflict):
        decide(command, resource(ResourceArchived()), mark())


def test_a_body_that_no_view_could_show_is_refused() -> None:
    with pytest.raises(TooLarge):
        decide(to(*(f"{n}" + "é" * 60_000 for n in range(4))), resource(), mark())
