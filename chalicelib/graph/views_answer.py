"""The same questions, answered by the views: slower, bounded, `truncated` where they stop.

What refers to a resource stands in the index `ref`; what a resource refers to stands in its own
annotations, which are read a page at a time. Both are eventually consistent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from chalicelib.domain.ids import Stream
from chalicelib.domain.links import references, tags
from chalicelib.domain.marks import Mark
from chalicelib.domain.resource import Resource
from chalicelib.domain.vocabulary import Vocabulary
from chalicelib.graph import MAX_TYPES, Hop, Stats, TypeCount
from chalicelib.view_items import View
from chalicelib.views import Entry, Views

MAX_MARKS: Final = 1_000
"""Annotations of one resource that are looked at for what they refer to."""
MAX_ENTRIES: Final = 1_000
"""Annotations that refer to one resource."""
MAX_RESOURCES: Final = 2_000
"""Resources that are counted."""
MAX_COUNTED: Final = 5_000
"""Annotations whose bodies are counted."""
PAGE: Final = 200
AT_ONCE: Final = 8

SideBySide = Callable[[Sequence[Callable[[], Any]], int], list[Any]]


class ViewAnswers:
    """`Relations` as the views tell them. `late` tells when there is no more time: then it stops.

    One instance answers one question: it remembers which resources exist.
    """

    def __init__(self, views: Views, side_by_side: SideBySide, late: Callable[[], bool]) -> None:
        self._views = views
        self._side_by_side = side_by_side
        self._late = late
        self._known: dict[tuple[str, str], View | None] = {}

    def hop(self, workspace: str, ids: Iterable[str]) -> Hop:
        """See `Relations.hop`. At most `MAX_MARKS` annotations and `MAX_ENTRIES` for each."""
        wanted = sorted(set(ids))
        there = [each for each in wanted if self._exist(workspace, wanted).get(each)]
        told: list[tuple[set[str], bool]] = self._side_by_side(
            [lambda each=each: self._beside(workspace, each) for each in there],  # type: ignore[misc]
            AT_ONCE,
        )
        met = {other for others, _ in told for other in others}
        real = {each for each, view in self._exist(workspace, met).items() if view}
        near = {
            each: frozenset((others - {each}) & real)
            for each, (others, _) in zip(there, told, strict=True)
        }
        return Hop(near, any(stopped for _, stopped in told))

    def referring(
        self,
        workspace: str,
        resource_id: str,
        *,
        before: str | None,
        limit: int,
        motivation: str | None = None,
    ) -> list[str]:
        """See `Relations.referring`. The index does not know of motivations: more are ghosts."""
        return self._ordered(workspace, "ref", resource_id, before, limit)

    def tagged(
        self, workspace: str, entity_types: Sequence[str], *, before: str | None, limit: int
    ) -> list[str]:
        """See `Relations.tagged`. The index is by one type: those without the others are ghosts."""
        return self._ordered(workspace, "type", entity_types[0], before, limit)

    def stats(self, workspace: str) -> Stats:
        """See `Relations.stats`. At most `MAX_RESOURCES` and `MAX_COUNTED` annotations."""
        resources, archived, annotations, referred, looked_at = 0, 0, 0, 0, 0
        formats: Counter[str] = Counter()
        motivations: Counter[str] = Counter()
        on_resources: Counter[str] = Counter()
        on_annotations: Counter[str] = Counter()
        truncated = False
        for resource, view in self._all(workspace):
            if resources == MAX_RESOURCES or self._late():
                truncated = True
                break
            resources += 1
            archived += resource.archived
            annotations += resource.annotation_count
            formats[resource.content.format] += 1
            on_resources.update(resource.entity_types)
            if not resource.annotation_count:
                continue
            for mark in self._marks(Stream.of_resource(workspace, resource.id), view):
                if looked_at == MAX_COUNTED or self._late():
                    truncated = True
                    break
                looked_at += 1
                bodies = mark.annotation.bodies
                motivations[mark.annotation.motivation] += 1
                referred += len(references(bodies))
                on_annotations.update(tags(bodies))
        system = self._views.get(Stream.of_system(workspace))
        offered: set[str] = set()
        if system is not None and isinstance(system.state, Vocabulary):
            offered = set(system.state.entity_types)
        kinds = sorted({*on_resources, *on_annotations, *offered})
        return Stats(
            resources,
            archived,
            annotations,
            referred,
            dict(formats),
            dict(motivations),
            tuple(
                TypeCount(kind, on_resources[kind], on_annotations[kind], kind in offered)
                for kind in kinds[:MAX_TYPES]
            ),
            truncated or len(kinds) > MAX_TYPES,
        )

    # -- pieces -------------------------------------------------------------------------------

    def _beside(self, workspace: str, resource_id: str) -> tuple[set[str], bool]:
        """Return what a resource refers to and what refers to it, and whether it stopped early."""
        found: set[str] = set()
        stream = Stream.of_resource(workspace, resource_id)
        view = self._known[workspace, resource_id]
        assert view is not None
        for number, mark in enumerate(self._marks(stream, view)):
            if number == MAX_MARKS or self._late():
                return found, True
            found.update(references(mark.annotation.bodies))
        before: str | None = None
        for _ in range(MAX_ENTRIES // PAGE):
            orders = self.referring(workspace, resource_id, before=before, limit=PAGE)
            found |= self._really(workspace, resource_id, orders)
            if len(orders) < PAGE:
                return found, False
            if self._late():
                break
            before = orders[-1]
        return found, True

    def _really(self, workspace: str, referred: str, orders: Sequence[str]) -> set[str]:
        """Return the resources whose annotations, named by `orders`, do refer to it."""
        named = [tuple(order.split("#")[-2:]) for order in orders]
        views = self._exist(workspace, {resource_id for _, resource_id in named})
        wanted = [
            (resource_id, view.generation, mark_id)
            for mark_id, resource_id in named
            if (view := views[resource_id]) is not None
        ]
        marks = self._views.marks_across(workspace, wanted)
        return {
            resource_id
            for (resource_id, _), mark in marks.items()
            if not mark.removed and referred in references(mark.annotation.bodies)
        }

    def _marks(self, stream: Stream, view: View) -> Iterator[Mark]:
        after: str | None = None
        while True:
            page, more = self._views.page(stream, view.generation, after=after, limit=PAGE)
            yield from (mark for mark in page if not mark.removed)
            if not more or not page:
                return
            after = page[-1].annotation.id

    def _all(self, workspace: str) -> Iterator[tuple[Resource, View]]:
        before: Entry | None = None
        while True:
            entries = self._views.entries(workspace, "all", "", before=before, limit=PAGE)
            views = self._exist(workspace, [entry.resource_id for entry in entries])
            for entry in entries:
                view = views[entry.resource_id]
                if view is not None and isinstance(view.state, Resource):
                    yield view.state, view
            if len(entries) < PAGE:
                return
            before = entries[-1]

    def _exist(self, workspace: str, ids: Iterable[str]) -> dict[str, View | None]:
        wanted = list(dict.fromkeys(ids))
        unknown = [each for each in wanted if (workspace, each) not in self._known]
        if unknown:
            found = self._views.descriptors(workspace, unknown)
            self._known |= {(workspace, each): found.get(each) for each in unknown}
        return {each: self._known[workspace, each] for each in wanted}

    def _ordered(
        self, workspace: str, index: str, value: str, before: str | None, limit: int
    ) -> list[str]:
        start = None
        if before is not None:
            order, _, resource_id = before.rpartition("#")
            start = Entry(order, resource_id)
        entries = self._views.entries(workspace, index, value, before=start, limit=limit)
        return [f"{entry.order}#{entry.resource_id}" for entry in entries]
