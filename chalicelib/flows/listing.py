"""Lists of resources: an index gives ids, the views give the items. Eventual, and says so.

Index entries may be ghosts: each page fetches the descriptors and drops what no longer matches.
`after` lays one resource's strong state over the page, so that who has just written finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from chalicelib.domain import cursor as cursors
from chalicelib.domain import indexes
from chalicelib.domain.ids import UUID, Stream
from chalicelib.domain.resource import Resource
from chalicelib.flows.head import current
from chalicelib.view_items import View
from chalicelib.views import Entry

if TYPE_CHECKING:
    from chalicelib.system import System

Entries = Callable[[Entry | None, int], list[Entry]]
"""Gives up to so many entries below one, the greatest first."""

NO_VIEWS: Final[Mapping[str, View]] = {}
MAX_SCANS: Final = 10
"""Index queries for one page; then it comes short, with a cursor."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for; every condition given must hold.

    `changed_since` (ISO 8601, as the log's) compares with the time at which the view showed the
    change, and orders by it, oldest first; else the newest created comes first.
    """

    entity_types: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    archived: bool | None = None
    changed_since: str | None = None

    def accepts(self, resource: Resource) -> bool:
        """Tell whether a resource meets every condition but `changed_since`."""
        return (
            all(kind in resource.entity_types for kind in self.entity_types)
            and indexes.matches(resource, self.words)
            and self.archived in (None, resource.archived)
        )


@dataclass(frozen=True, slots=True)
class After:
    """A version of a resource that the page must show: what the caller has just written."""

    resource_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Page:
    """Resources, the cursor to go on with, and how far behind the views are (seconds).

    `cursors` go on after each of the resources, for who passes on fewer of them.
    """

    items: tuple[Resource, ...]
    cursors: tuple[str, ...]
    next: str | None
    lag_s: float


def resources(
    system: System,
    workspace: str,
    wanted: Filter,
    *,
    limit: int,
    cursor: str | None = None,
    after: After | None = None,
    entries: Entries | None = None,
) -> Page:
    """Return a page of resources. Raises Malformed for a cursor that this list did not give.

    `entries` may stand for the index that the list would choose; it is in the order of creation.
    """
    following_of = entries or partial(_entries, system, workspace, wanted)
    start = None if cursor is None else _entry(cursor)
    strong = None
    if after is not None:
        strong = current(system, Stream.of_resource(workspace, after.resource_id)).resource
    found: list[tuple[Entry, Resource]] = []
    views: dict[str, View] = {}
    more = True
    position = start
    for _ in range(MAX_SCANS):
        places = following_of(position, limit)
        held = system.views.descriptors(workspace, [entry.resource_id for entry in places])
        views |= held
        for entry in places:
            resource = _state(held.get(entry.resource_id))
            if resource is None and entries is not None:
                # What names it is ahead of the views.
                stream = Stream.of_resource(workspace, entry.resource_id)
                resource = current(system, stream).resource
            if strong is not None and entry.resource_id == strong.id:
                resource = strong
            if resource is not None and wanted.accepts(resource):
                found.append((entry, resource))
        more = len(places) == limit
        position = places[-1] if places else position
        if len(found) >= limit or not more:
            break
    if strong is not None and wanted.accepts(strong):
        found = _laid_over(found, strong, wanted, start, position if more else None)
    chosen = found[:limit]
    if len(found) > limit:
        following: Entry | None = chosen[-1][0]
    else:
        following = position if more else None
    return Page(
        tuple(resource for _, resource in chosen),
        tuple(_cursor(entry) for entry, _ in chosen),
        None if following is None else _cursor(following),
        lag_s(system, workspace, views),
    )


def _entries(
    system: System, workspace: str, wanted: Filter, position: Entry | None, limit: int
) -> list[Entry]:
    if wanted.changed_since is not None:
        start = position or Entry(wanted.changed_since, "")
        return system.views.changed(workspace, after=start, limit=limit)
    if wanted.entity_types:
        index, value = "type", wanted.entity_types[0]
    elif wanted.words:
        index, value = "word", max(wanted.words, key=len)[: indexes.WORD_PREFIX]
    elif wanted.archived:
        index, value = "archived", "true"
    else:
        index, value = "all", ""
    return system.views.entries(workspace, index, value, before=position, limit=limit)


def _laid_over(
    found: list[tuple[Entry, Resource]],
    strong: Resource,
    wanted: Filter,
    start: Entry | None,
    end: Entry | None,
) -> list[tuple[Entry, Resource]]:
    """Put the caller's own resource into the page that it belongs to, if it is not there."""
    if any(resource.id == strong.id for _, resource in found):
        return found
    if wanted.changed_since is not None:
        # Its change is newer than anything that the views show: it belongs on the last page.
        return found if end else [*found, (Entry(strong.modified, strong.id), strong)]
    place = Entry(strong.created, strong.id)

    def rank(entry: Entry) -> tuple[str, str]:
        return entry.order, entry.resource_id

    if start is not None and rank(place) >= rank(start):
        return found
    if end is not None and rank(place) <= rank(end):
        return found
    return sorted([*found, (place, strong)], key=lambda pair: rank(pair[0]), reverse=True)


def lag_s(system: System, workspace: str, views: Mapping[str, View] = NO_VIEWS) -> float:
    """Return how far behind the views are, as far as this process can tell.

    The age of this process's oldest append that the views do not show; when they show all of
    them, how long the page's latest change took from its commit to its view.
    """
    pending = system.heads.pending

    def shown(found: Mapping[str, View]) -> None:
        for resource_id, view in found.items():
            pending.seen(Stream.of_resource(workspace, resource_id), view.head.version)

    shown(views)
    oldest = pending.oldest(workspace)
    if oldest is not None and oldest[0].resource_id not in views:
        shown(system.views.descriptors(workspace, [oldest[0].resource_id or ""]))
        if pending.oldest(workspace) != oldest:
            # It is shown by now, so others are too: one read for all of them.
            waiting = [stream.resource_id for stream in pending.streams(workspace)]
            shown(system.views.descriptors(workspace, [id for id in waiting if id is not None]))
        oldest = pending.oldest(workspace)
    if oldest is not None:
        return max(0.0, system.now_s() - oldest[1])
    if not views:
        return 0.0
    latest = max(views.values(), key=lambda view: view.applied)
    return max(0.0, _seconds(latest.applied) - _seconds(latest.head.at))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _state(view: View | None) -> Resource | None:
    return view.state if view is not None and isinstance(view.state, Resource) else None


def _cursor(entry: Entry) -> str:
    return cursors.encode([entry.order, entry.resource_id])


def _entry(cursor: str) -> Entry:
    try:
        order, resource_id = cursors.decode(cursor)
        datetime.fromisoformat(order)
        if not UUID.match(resource_id):
            raise ValueError(resource_id)
    except (ValueError, TypeError) as error:
        raise cursors.foreign() from error
    return Entry(order, resource_id)
