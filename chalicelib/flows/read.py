"""The read path. A read of one resource is never older than the log: view, then tail, folded.

Cached or materialized state is always completed from the log, so after a 201 any of these shows
what was written, however far the stream lags; a wiped view table costs time, not truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from chalicelib.domain import marks as marks_domain
from chalicelib.domain.anchoring import Anchor, reanchor
from chalicelib.domain.chain import EMPTY, Commit
from chalicelib.domain.events import AnnotationAdded, StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.domain.resource import Resource
from chalicelib.errors import LogDamaged, NotFound, Unavailable
from chalicelib.flows import project
from chalicelib.flows.content import text_of
from chalicelib.flows.head import LONG_TAIL, Known, Tail, base, evolve, folded, tail, viewed
from chalicelib.flows.marks import mark_at
from chalicelib.log import all_events, decoded
from chalicelib.view_items import View

if TYPE_CHECKING:
    from chalicelib.system import System

MAX_SCANS: Final = 10
"""Queries that one filtered page may take; then it comes short, with a cursor."""


@dataclass(frozen=True, slots=True)
class MarkPage:
    """Annotations by id, their resource, and the id to go on after; None at the end."""

    resource: Resource
    marks: tuple[Mark, ...]
    next: str | None
    source: str = "views"


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in the order asked for, and the version to go on from; None at the end."""

    events: tuple[StoredEvent, ...]
    next: int | None


def resource(system: System, workspace: str, resource_id: str) -> Resource:
    """Return a resource as it is. Raises NotFound."""
    stream = Stream.of_resource(workspace, resource_id)
    after = tail(system, stream, base(system, stream))
    _caught_up(system, stream, after)
    return _found(after.known)


def resource_at(
    system: System,
    workspace: str,
    resource_id: str,
    *,
    version: int | None = None,
    at: str | None = None,
) -> Resource:
    """Return a resource as it was after `version`, or at the time `at` (ISO 8601, as the log's).

    Folds the log from its beginning. Raises NotFound when it did not exist then, or when the
    version was never reached.
    """
    stream = Stream.of_resource(workspace, resource_id)
    return _as_it_was(stream, _until(system, stream, version, at), version, at)


def annotation(
    system: System, workspace: str, resource_id: str, annotation_id: str
) -> tuple[Resource, Mark]:
    """Return one annotation and its resource. Raises NotFound, also when it was removed."""
    stream = Stream.of_resource(workspace, resource_id)
    known, mark = mark_at(system, stream, annotation_id)
    found = _found(known)
    if mark is None or mark.removed:
        raise NotFound("there is no such annotation on this resource")
    return found, mark


def annotation_page(
    system: System,
    workspace: str,
    resource_id: str,
    *,
    after: str | None = None,
    limit: int,
    motivation: str | None = None,
    version: int | None = None,
    at: str | None = None,
) -> MarkPage:
    """Return a page of annotations in the order of their ids. Raises NotFound.

    With `version` or `at`, they and their resource are those of then, as by `resource_at`: so they
    are found in the content of then. That folds the log from its beginning, for each page. Else:

    Three strong reads, in this order: watermark, page, tail. Of the six orders only this one is
    right. A filtered page may take several queries, all of them before the tail: so the page is
    exactly the log's fold at its resource's version. Each annotation that was there when paging
    began, and was not removed, appears exactly once. A page may be short; only `next` says that
    there is no more.
    """
    stream = Stream.of_resource(workspace, resource_id)
    if version is not None or at is not None:
        events = list(_until(system, stream, version, at))
        then = _as_it_was(stream, events, version, at)
        return replace(_page_of(then, events, after, limit, motivation), source="log")
    view = system.views.get(stream)
    if view is None:
        return _from_log(system, stream, after, limit, motivation)
    marks, last = _scanned(system, stream, view, after, limit, motivation)
    behind = tail(system, stream, viewed(view))
    if _caught_up(system, stream, behind) and (newer := system.views.get(stream)) is not None:
        marks, last = _scanned(system, stream, newer, after, limit, motivation)
        behind = tail(system, stream, viewed(newer))
    found = [
        mark
        for mark in _completed(marks, list(all_events(stream, behind.commits)), after, last)
        if motivation in (None, mark.annotation.motivation)
    ]
    if len(found) > limit:
        found = found[:limit]
        last = found[-1].annotation.id
    return MarkPage(_found(behind.known), tuple(found), last)


def anchors(
    system: System, workspace: str, of: Resource, marks: Iterable[Mark]
) -> Mapping[str, Anchor]:
    """Return where each annotation stands in the current content; reads it only if it changed.

    The same bytes under another charset are another text, so that is a change too.
    """
    current = of.content.checksum
    targets = {mark.annotation.id: mark.annotation.target for mark in marks}
    formats = {item.format for item in of.representations if item.checksum == current}
    moved = len(formats) > 1 or any(target.checksum != current for target in targets.values())
    text = text_of(system, workspace, of.content) if moved else None
    return {
        annotation_id: reanchor(target, checksum=current, text=text)
        for annotation_id, target in targets.items()
    }


def event_page(
    system: System,
    workspace: str,
    resource_id: str,
    *,
    after: int | None = None,
    limit: int,
    newest_first: bool = False,
) -> EventPage:
    """Return a page of a resource's history, from the log itself. Raises NotFound.

    `after` is the last version seen: events above it, or below it when `newest_first`.
    """
    stream = Stream.of_resource(workspace, resource_id)
    if newest_first:
        found = system.log.events_backward(stream, after, page_size=limit + 1)
    else:
        found = system.log.events(stream, after or 0, boundary=False, page_size=limit + 1)
    taken: list[StoredEvent] = []
    for stored in found:
        if len(taken) == limit:
            return EventPage(tuple(taken), taken[-1].version)
        taken.append(stored)
    if not taken and (after is None or system.log.head(stream) == EMPTY):
        raise NotFound("there is no such resource in this workspace")
    return EventPage(tuple(taken), None)


def history(
    system: System,
    workspace: str,
    resource_id: str,
    annotation_id: str,
    *,
    after: int | None = None,
    limit: int,
) -> EventPage:
    """Return the events of one annotation, oldest first, also of a removed one while it is kept.

    Its item points at the commits; those are read by key. Raises NotFound, and LogDamaged when one
    of them is gone.
    """
    stream = Stream.of_resource(workspace, resource_id)
    _, mark = mark_at(system, stream, annotation_id)
    if mark is None:
        raise NotFound("there is no such annotation on this resource")
    steps = [step for step in mark.history if after is None or step[1] > after]
    commits = system.log.commits_at(stream, (first for first, _ in steps[:limit]))
    taken = tuple(_event_at(stream, commits, first, version) for first, version in steps[:limit])
    return EventPage(taken, taken[-1].version if len(steps) > limit else None)


def _event_at(
    stream: Stream, commits: Mapping[int, Commit], first: int, version: int
) -> StoredEvent:
    commit = commits.get(first)
    if commit is None or not commit.first <= version <= commit.last:
        raise LogDamaged(
            f"the log of {stream.name} has no commit at version {first} that holds {version}",
            version=first,
        )
    return decoded(stream, commit)[version - first]


def _caught_up(system: System, stream: Stream, behind: Tail) -> bool:
    """Materialize if the tail is long; tell whether that was done, in the time that a reader has.

    It only makes the next reads cheaper: if it fails, this one still has its answer.
    """
    if behind.events <= LONG_TAIL:
        return False
    try:
        project.materialize(system, stream, project.READER_S)
    except Unavailable:
        system.metrics.count("Degraded")
        return False
    return True


def _found(known: Known) -> Resource:
    if known.resource is None:
        raise NotFound("there is no such resource in this workspace")
    return known.resource


def _scanned(
    system: System,
    stream: Stream,
    view: View,
    after: str | None,
    limit: int,
    motivation: str | None,
) -> tuple[list[Mark], str | None]:
    """Return the view's items above `after` until half of `limit` are wanted, tombstones too.

    And the id of the last one if more follow. A page that a few tombstones have made short is
    long enough: what fills it up would cost as much as the page.
    """
    marks: list[Mark] = []
    for _ in range(MAX_SCANS):
        page, more = system.views.page(stream, view.generation, after=after, limit=limit)
        marks += page
        after = page[-1].annotation.id if more and page else None
        wanted = (
            m for m in marks if not m.removed and motivation in (None, m.annotation.motivation)
        )
        if after is None or 2 * len(list(wanted)) >= limit:
            break
    return marks, after


def _completed(
    page: Sequence[Mark], behind: Sequence[StoredEvent], after: str | None, last: str | None
) -> list[Mark]:
    """Fold the tail over a page: its marks changed, and those added that belong on it."""
    held = {mark.annotation.id: mark for mark in page}
    added = {
        stored.event.annotation.id for stored in behind if isinstance(stored.event, AnnotationAdded)
    }
    about = (
        stored
        for stored in behind
        if (touched := marks_domain.touched(stored)) in held or touched in added
    )
    marks = held | marks_domain.fold(held, about)
    return [
        mark
        for annotation_id, mark in sorted(marks.items())
        if not mark.removed
        and (after is None or annotation_id > after)
        and (last is None or annotation_id <= last)
    ]


def _from_log(
    system: System, stream: Stream, after: str | None, limit: int, motivation: str | None
) -> MarkPage:
    whole = tail(system, stream, folded(stream, ()))
    events = list(all_events(stream, whole.commits))
    return _page_of(_found(whole.known), events, after, limit, motivation)


def _page_of(
    resource: Resource,
    events: Sequence[StoredEvent],
    after: str | None,
    limit: int,
    motivation: str | None,
) -> MarkPage:
    """Return a page of what the events, from the first one on, have made."""
    found = [
        mark
        for mark in _completed((), events, after, None)
        if motivation in (None, mark.annotation.motivation)
    ]
    chosen = tuple(found[:limit])
    more = len(found) > limit
    return MarkPage(resource, chosen, chosen[-1].annotation.id if more else None)


def _until(
    system: System, stream: Stream, version: int | None, at: str | None
) -> Iterator[StoredEvent]:
    """Yield the events up to a version, or to a time."""
    for commit in system.log.read(stream):
        # What comes after that is not decoded: this code may be too old for it.
        if (at is not None and commit.at > at) or (version is not None and commit.first > version):
            return
        for stored in decoded(stream, commit):
            if version is None or stored.version <= version:
                yield stored


def _as_it_was(
    stream: Stream, events: Iterable[StoredEvent], version: int | None, at: str | None
) -> Resource:
    then = folded(stream, ())
    for stored in events:
        then = replace(then, state=evolve(then, stream, stored))
    if version is not None and (then.resource is None or then.resource.version != version):
        raise NotFound(f"the resource has no version {version}")
    if then.resource is None:
        raise NotFound(f"the resource did not exist at {at}")
    return then.resource
