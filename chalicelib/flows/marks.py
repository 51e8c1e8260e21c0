"""One annotation, or some, at the head: the view's items, and the log's tail folded over them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from chalicelib.domain import marks as marks_domain
from chalicelib.domain.events import AnnotationAdded
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.flows.head import Known, tail, viewed
from chalicelib.log import all_events

if TYPE_CHECKING:
    from chalicelib.system import System


def mark_at(system: System, stream: Stream, annotation_id: str) -> tuple[Known, Mark | None]:
    """Return the resource and one annotation, both at the head; None if there never was one.

    Three strong reads, in this order: watermark, item, tail. So the tail begins at or below what
    the item shows, and nothing lies between them. Without a view, the log is folded instead.
    """
    view = system.views.get(stream)
    held: dict[str, Mark] = {}
    if view is not None:
        held = system.views.marks(stream, view.generation, [annotation_id])
    after = tail(system, stream, viewed(view))
    about = [
        stored
        for stored in all_events(stream, after.commits)
        if marks_domain.touched(stored) == annotation_id
    ]
    if view is not None and not held and about and not isinstance(about[0].event, AnnotationAdded):
        # A run wrote its tombstone, but never moved the watermark past it, and a day went by.
        held = from_log(system, stream, [annotation_id], upto=view.head.version)
    changed = marks_domain.fold(held, about)
    return after.known, changed.get(annotation_id, held.get(annotation_id))


def from_log(system: System, stream: Stream, ids: Iterable[str], upto: int) -> dict[str, Mark]:
    """Return annotations after version `upto`, from the log alone: for items that a view lost."""
    wanted = set(ids)
    return marks_domain.fold(
        {},
        (
            stored
            for stored in system.log.events(stream)
            if stored.version <= upto and marks_domain.touched(stored) in wanted
        ),
    )
