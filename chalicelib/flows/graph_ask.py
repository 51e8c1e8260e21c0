"""Questions across resources: the graph gives ids, the views give the items.

Who answers, the graph or the views, is told by `graph_told`. Answers are eventual: each names its
source and its lag. What the views do not show yet is read from the log, so nothing that the graph
names is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from chalicelib.domain import cursor as cursors
from chalicelib.domain.ids import Stream
from chalicelib.domain.links import MAX_PATH_DEPTH, references
from chalicelib.domain.marks import Mark
from chalicelib.domain.resource import Resource
from chalicelib.errors import NotFound
from chalicelib.flows import listing
from chalicelib.flows.graph_told import Told, retold, told_by_either
from chalicelib.flows.head import current
from chalicelib.flows.listing import After, Filter
from chalicelib.flows.marks import mark_at
from chalicelib.graph import Behind, Refused, Stats, walk
from chalicelib.views import Entry

if TYPE_CHECKING:
    from chalicelib.system import System

T = TypeVar("T")

MAX_PATHS: Final = 10
MAX_SCANS: Final = 10
"""Questions for one page; then it comes short, with a cursor."""

_ORDER: Final = re.compile(r"[0-9T:.Z-]{20,30}(#[0-9a-f-]{36}){2}\Z")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A resource, and how many steps away it is."""

    resource: Resource
    distance: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items, and the cursor to go on after; None at the end.

    `cursors` go on after each of the items, for who passes on fewer of them.
    """

    items: tuple[T, ...]
    cursors: tuple[str, ...]
    next: str | None


def neighbours(
    system: System,
    workspace: str,
    resource_id: str,
    *,
    depth: int = 1,
    limit: int,
    cursor: str | None = None,
    after: After | None = None,
) -> Told[Page[Neighbour]]:
    """Return the resources at most `depth` steps away, the nearest first. Raises NotFound."""
    _require(system, workspace, resource_id)
    position = None if cursor is None else _position(cursor)
    told = told_by_either(
        system,
        workspace,
        ("neighbours", resource_id, depth),
        lambda relations: walk.around(partial(relations.hop, workspace), resource_id, depth),
        after,
    )
    ranked = sorted((steps, each) for each, steps in told.value.distances.items())
    rest = [place for place in ranked if position is None or place > position]
    chosen = rest[:limit]
    found = _resources(system, workspace, [each for _, each in chosen])
    shown = [(steps, each) for steps, each in chosen if each in found]
    page = Page(
        tuple(Neighbour(found[each], steps) for steps, each in shown),
        tuple(map(cursors.encode, shown)),
        cursors.encode(chosen[-1]) if len(rest) > limit else None,
    )
    return retold(told, page, told.value.truncated)


def referenced_by(
    system: System,
    workspace: str,
    resource_id: str,
    *,
    motivation: str | None = None,
    limit: int,
    cursor: str | None = None,
    after: After | None = None,
) -> Told[Page[tuple[Resource, Mark]]]:
    """Return annotations that refer to a resource, the newest first, each with its own resource.

    A page may be short; only `next` says that there is no more. Raises NotFound.
    """
    _require(system, workspace, resource_id)
    before = None if cursor is None else _order(cursor)
    found: list[tuple[str, Resource, Mark]] = []
    sources: list[Told[list[str]]] = []
    more = True
    for _ in range(MAX_SCANS):
        told = told_by_either(
            system,
            workspace,
            ("referring", resource_id, motivation, before, limit),
            lambda relations, before=before: relations.referring(  # type: ignore[misc]
                workspace, resource_id, before=before, limit=limit, motivation=motivation
            ),
            after,
        )
        sources.append(told)
        found += [
            (order, on, mark)
            for order, on, mark in _annotations(system, workspace, told.value)
            if resource_id in references(mark.annotation.bodies)
            and motivation in (None, mark.annotation.motivation)
        ]
        more = len(told.value) == limit
        before = told.value[-1] if told.value else before
        if len(found) >= limit or not more:
            break
    chosen = found[:limit]
    following = chosen[-1][0] if len(found) > limit else before if more else None
    page = Page(
        tuple((on, mark) for _, on, mark in chosen),
        tuple(cursors.encode(order) for order, _, _ in chosen),
        None if following is None else cursors.encode(following),
    )
    worst = max(sources, key=lambda told: (told.degraded, told.lag_s))
    return retold(worst, page)


def paths(
    system: System,
    workspace: str,
    start: str,
    end: str,
    *,
    depth: int = MAX_PATH_DEPTH,
    after: After | None = None,
) -> Told[tuple[tuple[Resource, ...], ...]]:
    """Return at most ten paths of at most `depth` steps, the shortest first. Raises NotFound.

    A path has no resource twice; so there is none from a resource to itself.
    """
    _require(system, workspace, start)
    _require(system, workspace, end)
    told = told_by_either(
        system,
        workspace,
        ("paths", start, end, depth),
        lambda relations: walk.paths(
            partial(relations.hop, workspace), start, end, depth, MAX_PATHS
        ),
        after,
    )
    found = _resources(system, workspace, {each for path in told.value.paths for each in path})
    whole = [path for path in told.value.paths if all(each in found for each in path)]
    value = tuple(tuple(found[each] for each in path) for path in whole)
    return retold(told, value, told.value.truncated)


def stats(system: System, workspace: str, *, after: After | None = None) -> Told[Stats]:
    """Return a workspace in numbers."""
    told = told_by_either(
        system, workspace, ("stats",), lambda relations: relations.stats(workspace), after
    )
    return retold(told, told.value, told.value.truncated)


def resources(
    system: System,
    workspace: str,
    wanted: Filter,
    *,
    limit: int,
    cursor: str | None = None,
    after: After | None = None,
) -> Told[listing.Page]:
    """Return a page of resources; where it is by entity types, and there is a graph, it is asked.

    A cursor from one source goes on in the other: both keep the order of the list.
    """
    ask = partial(listing.resources, system, workspace, wanted, limit=limit, cursor=cursor)
    by_type = wanted.entity_types and wanted.changed_since is None
    if system.graph is None or not by_type or after is not None:
        page = ask(after=after)
        return Told(page, "views", False, page.lag_s)
    told: list[Told[list[str]]] = []

    def entries(position: Entry | None, size: int) -> list[Entry]:
        before = None if position is None else f"{position.order}#{position.resource_id}"
        told.append(
            told_by_either(
                system,
                workspace,
                ("tagged", wanted.entity_types, before, size),
                lambda relations: relations.tagged(
                    workspace, wanted.entity_types, before=before, limit=size
                ),
                None,
            )
        )
        places = (order.rpartition("#") for order in told[-1].value)
        return [Entry(order, resource_id) for order, _, resource_id in places]

    page = ask(entries=entries)
    worst = max(told, key=lambda each: (each.degraded, each.lag_s))
    return Told(page, worst.source, worst.degraded, max(worst.lag_s, page.lag_s))


def trouble(system: System) -> str | None:
    """Return what is wrong with the graph, None when nothing is. Raises Unavailable."""
    if system.graph is not None:
        try:
            system.graph.ping()
        except (Behind, Refused) as error:
            return str(error)
    return None


# -- items ----------------------------------------------------------------------------------------


def _require(system: System, workspace: str, resource_id: str) -> None:
    """Tell lag from unknown: a resource exists when the log says so. Raises NotFound."""
    if current(system, Stream.of_resource(workspace, resource_id)).resource is None:
        raise NotFound("there is no such resource in this workspace")


def _resources(system: System, workspace: str, ids: Iterable[str]) -> dict[str, Resource]:
    """Return resources by id: from the views, or from the log where those do not show them yet."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, Resource] = {}
    held = system.views.descriptors(workspace, wanted)
    for each in wanted:
        state = held[each].state if each in held else None
        if not isinstance(state, Resource):
            state = current(system, Stream.of_resource(workspace, each)).resource
        if state is not None:
            found[each] = state
    return found


def _annotations(
    system: System, workspace: str, orders: Sequence[str]
) -> list[tuple[str, Resource, Mark]]:
    """Return the annotations that are still there, with their resources."""
    named = [(order, *order.split("#")[-2:]) for order in orders]
    held = system.views.descriptors(workspace, {resource_id for _, _, resource_id in named})
    wanted = [
        (resource_id, held[resource_id].generation, mark_id)
        for _, mark_id, resource_id in named
        if resource_id in held
    ]
    marks = system.views.marks_across(workspace, wanted)
    found: list[tuple[str, Resource, Mark]] = []
    for order, mark_id, resource_id in named:
        mark = marks.get((resource_id, mark_id))
        state = held[resource_id].state if resource_id in held else None
        if mark is None or not isinstance(state, Resource):
            known, mark = mark_at(system, Stream.of_resource(workspace, resource_id), mark_id)
            state = known.resource
        if mark is not None and not mark.removed and isinstance(state, Resource):
            found.append((order, state, mark))
    return found


# -- cursors --------------------------------------------------------------------------------------


def _order(cursor: str) -> str:
    place = cursors.decode(cursor)
    if not isinstance(place, str) or not _ORDER.match(place):
        raise cursors.foreign()
    return place


def _position(cursor: str) -> tuple[int, str]:
    match cursors.decode(cursor):
        case [int() as steps, str() as resource_id]:
            return steps, resource_id
        case _:
            raise cursors.foreign()
