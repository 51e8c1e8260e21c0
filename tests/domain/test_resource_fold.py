"""Folding many events at once gives what evolving one by one gives."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import resource
from chalicelib.domain.actor import SYSTEM
from chalicelib.domain.annotation import Annotation
from chalicelib.domain.annotation.model import Target
from chalicelib.domain.events import (
    AnnotationAdded,
    AnnotationBodyUpdated,
    AnnotationRemoved,
    EntityTagAdded,
    Event,
    ResourceArchived,
    ResourceCreated,
    ResourceUpdated,
    StoredEvent,
)
from chalicelib.domain.representation import Representation

ADDED = AnnotationAdded(Annotation("a", "tagging", Target("0" * 64, ()), (), None))
EVENTS: list[Event] = [
    ADDED,
    AnnotationBodyUpdated("a", ()),
    AnnotationRemoved("a"),
    EntityTagAdded("Person"),
    ResourceArchived(),
    ResourceUpdated((("name", "new"),)),
]


@given(events=st.lists(st.sampled_from(EVENTS), max_size=12), cut=st.integers(0, 13))
def test_a_fold_is_evolving_one_by_one(events: list[Event], cut: int) -> None:
    first = ResourceCreated("page", Representation("0" * 64, "text/plain", 1, None))
    stored = [
        StoredEvent(
            event, version, f"2026-11-23T09:35:{version:02}.000Z", SYSTEM, "x", 1, b"", None
        )
        for version, event in enumerate([first, *events], 1)
    ]

    one_by_one = reduce(lambda state, each: resource.evolve(state, each, "id"), stored, None)

    assert resource.fold(resource.fold(None, stored[:cut], "id"), stored[cut:], "id") == one_by_one
