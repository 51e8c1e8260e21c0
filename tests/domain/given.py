"""Given these events, when this is asked …: the words of the domain's tests."""

from __future__ import annotations

from chalicelib.domain import marks as marks_domain
from chalicelib.domain import resource as resource_domain
from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import Annotation, Target, TextualBody
from chalicelib.domain.events import (
    AnnotationAdded,
    AnnotationBodyUpdated,
    AnnotationRemoved,
    Event,
    ResourceCreated,
    StoredEvent,
)
from chalicelib.domain.marks import Mark
from chalicelib.domain.representation import Representation
from chalicelib.domain.resource import Resource

ADA = Actor("ada", "Person", "Ada")
BOB = Actor("bob", "Person", "Bob")
CONTENT = Representation("9f86d081884c7d65" * 4, "text/plain", 21)
OTHER = Representation("0123456789abcdef" * 4, "text/plain", 7, "other.txt")
CREATED = ResourceCreated("A page", CONTENT, ("Person",), "about it", "en")


def added(mark_id: str = "a", value: str = "a comment") -> AnnotationAdded:
    target = Target(CONTENT.checksum)
    return AnnotationAdded(Annotation(mark_id, "commenting", target, (TextualBody(value),)))


def updated(mark_id: str = "a", value: str = "changed") -> AnnotationBodyUpdated:
    return AnnotationBodyUpdated(mark_id, (TextualBody(value),))


def removed(mark_id: str = "a") -> AnnotationRemoved:
    return AnnotationRemoved(mark_id)


def stored(event: Event, version: int, actor: Actor = ADA) -> StoredEvent:
    """Return an event in its place: each minute one, each a commit of its own."""
    at = f"2026-11-23T09:{version:02}:00.000Z"
    return StoredEvent(event, version, at, actor, "request-1", version, bytes(32), None)


def resource(*events: Event) -> Resource:
    """Return the resource after its creation and these events."""
    state = None
    for version, event in enumerate((CREATED, *events), 1):
        state = resource_domain.evolve(state, stored(event, version), "r")
    assert state is not None
    return state


def mark(*events: Event) -> Mark:
    """Return the annotation after its adding at version 2 and these events."""
    state = None
    for version, event in enumerate((added(), *events), 2):
        state = marks_domain.evolve(state, stored(event, version))
    assert state is not None
    return state
