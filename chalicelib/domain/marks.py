"""The state of one annotation: what events do to it, and what may be done to it.

A mark is an annotation in its place: who made it and when, the version that last changed it, and
where its history lies in the log. A removed one stays for a while as a tombstone, so that a late
writer cannot put it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, assert_never

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import Annotation
from chalicelib.domain.commands import AnnotationCommand, RemoveAnnotation, UpdateBody
from chalicelib.domain.events import (
    AnnotationAdded,
    AnnotationBodyUpdated,
    AnnotationEvent,
    AnnotationRemoved,
    ResourceEvent,
    StoredEvent,
)
from chalicelib.domain.resource import Resource, archived
from chalicelib.domain.sizes import fitting
from chalicelib.errors import NotFound

MAX_HISTORY: Final = 200
"""Changes of one annotation that its item points at, newest last; the log has them all."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation after the event `version`; `history` holds (commit's first, version) pairs."""

    annotation: Annotation
    creator: Actor
    created: str
    modified: str | None
    version: int
    history: tuple[tuple[int, int], ...]
    removed: bool = False


def touched(stored: StoredEvent) -> str | None:
    """Return the id of the annotation that an event is about; None when it is about none."""
    event = stored.event
    if isinstance(event, AnnotationAdded):  # most are, and a union is slow to ask for
        return event.annotation.id
    if not isinstance(event, AnnotationEvent):
        return None
    match event:
        case AnnotationBodyUpdated() | AnnotationRemoved():
            return event.annotation_id
        case _:
            assert_never(event)


def evolve(mark: Mark | None, stored: StoredEvent) -> Mark:
    """Return the state after one more event of this annotation.

    An event at or below the mark's version is known already and changes nothing.
    """
    if mark is not None and stored.version <= mark.version:
        return mark
    event = stored.event
    step = (stored.first, stored.version)
    if isinstance(event, AnnotationAdded):
        return Mark(event.annotation, stored.actor, stored.at, None, stored.version, (step,))
    if not isinstance(event, AnnotationEvent):
        raise ValueError(f"{event.type} is not about an annotation")
    if mark is None:
        raise ValueError(f"{event.type} at version {stored.version} has no annotation before it")
    mark = replace(
        mark,
        modified=stored.at,
        version=stored.version,
        history=(*mark.history, step)[-MAX_HISTORY:],
    )
    match event:
        case AnnotationBodyUpdated():
            return replace(mark, annotation=replace(mark.annotation, bodies=event.bodies))
        case AnnotationRemoved():
            return replace(mark, removed=True)
        case _:
            assert_never(event)


def fold(marks: dict[str, Mark], stored: Iterable[StoredEvent]) -> dict[str, Mark]:
    """Apply events in order to the marks that they touch, and return those.

    `marks` must hold each annotation that the events change but do not add.
    """
    changed: dict[str, Mark] = {}
    for event in stored:
        annotation_id = touched(event)
        if annotation_id is not None:
            known = changed.get(annotation_id, marks.get(annotation_id))
            changed[annotation_id] = evolve(known, event)
    return changed


def decide(
    command: AnnotationCommand, resource: Resource | None, mark: Mark | None
) -> tuple[ResourceEvent, ...]:
    """Return the events that carry out `command`; empty when it changes nothing.

    Raises NotFound when there is no such annotation, Conflict when its resource is archived,
    TooLarge when no view could show what it would be.
    """
    if resource is None or mark is None or mark.removed:
        raise NotFound("there is no such annotation on this resource")
    refusal = archived(resource)
    if refusal is not None:
        raise refusal
    match command:
        case UpdateBody():
            bodies = command.revise(mark.annotation.bodies)
            if bodies == mark.annotation.bodies:
                return ()
            fitting(replace(mark.annotation, bodies=bodies))
            return (AnnotationBodyUpdated(command.annotation_id, bodies),)
        case RemoveAnnotation():
            return (AnnotationRemoved(command.annotation_id),)
        case _:
            assert_never(command)
