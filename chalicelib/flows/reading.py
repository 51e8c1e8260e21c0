"""What a kind of job reads: `jobs.kinds.kind.Reading`, over the read path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from chalicelib.domain import indexes
from chalicelib.domain.anchoring import Anchor
from chalicelib.domain.marks import Mark
from chalicelib.domain.representation import Representation
from chalicelib.domain.resource import Resource
from chalicelib.domain.vocabulary import Vocabulary
from chalicelib.flows import listing, read, write
from chalicelib.flows.content import text_of
from chalicelib.flows.write import Request

if TYPE_CHECKING:
    from chalicelib.system import System

PAGE: Final = 200
NEIGHBOURS: Final = 10
WORDS: Final = 5
LONG_WORD: Final = 4
"""A prompt's five longest words, of four letters or more, are looked for in names."""
MAX_ANNOTATIONS: Final = 20_000
"""A resource's annotations beyond these are not looked at."""


class WorkspaceReading:
    """Reads in one workspace. The contract is `Reading`'s."""

    def __init__(self, system: System, request: Request) -> None:
        self._system = system
        self._request = request
        self._workspace = request.workspace

    def resource(self, resource_id: str) -> Resource:
        return read.resource(self._system, self._workspace, resource_id)

    def text(self, representation: Representation) -> str | None:
        return text_of(self._system, self._workspace, representation)

    def annotation(self, resource_id: str, annotation_id: str) -> Mark:
        return read.annotation(self._system, self._workspace, resource_id, annotation_id)[1]

    def annotations(self, resource: Resource, motivation: str) -> Iterator[tuple[Mark, Anchor]]:
        after = None
        for _ in range(MAX_ANNOTATIONS // PAGE):
            page = read.annotation_page(
                self._system,
                self._workspace,
                resource.id,
                after=after,
                limit=PAGE,
                motivation=motivation,
            )
            anchors = read.anchors(self._system, self._workspace, page.resource, page.marks)
            for mark in page.marks:
                yield mark, anchors[mark.annotation.id]
            after = page.next
            if after is None:
                return

    def vocabulary(self) -> Vocabulary:
        return write.seed_vocabulary(self._system, self._request).vocabulary

    def neighbours(self, resource_id: str) -> tuple[Resource, ...]:
        from chalicelib.flows import graph_ask

        resource = self.resource(resource_id)
        after = listing.After(resource.id, resource.version)
        told = graph_ask.neighbours(
            self._system, self._workspace, resource_id, limit=NEIGHBOURS, after=after
        )
        return tuple(neighbour.resource for neighbour in told.value.items)

    def about(self, prompt: str) -> tuple[Resource, ...]:
        found: dict[str, Resource] = {}
        for word in sorted(set(indexes.words(prompt)), key=lambda each: (-len(each), each))[:WORDS]:
            if len(word) >= LONG_WORD:
                wanted = listing.Filter(words=(word,), archived=False)
                page = listing.resources(self._system, self._workspace, wanted, limit=NEIGHBOURS)
                found |= {resource.id: resource for resource in page.items}
        return tuple(found.values())[:NEIGHBOURS]

    def names(self, entity_type: str) -> tuple[str, ...]:
        wanted = listing.Filter(entity_types=(entity_type,), archived=False)
        page = listing.resources(self._system, self._workspace, wanted, limit=PAGE)
        return tuple(resource.name for resource in page.items)
