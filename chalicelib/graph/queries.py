"""What is asked of the graph, as Gremlin. The contract is `Relations`.

A vertex without `version` is a stub: what it stands for does not exist, or its event is yet to
come. A removed annotation has no edges, and `removed`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import entity_type_of, resource_vertex, type_vertex
from chalicelib.graph import MAX_TYPES, Hop, Stats, TypeCount
from chalicelib.graph.gremlin import READ_S, Gremlin
from chalicelib.graph.traversals import source

MAX_NEAR: Final = 1_000
"""Resources next to one; with more, `truncated`."""
MAX_IDS: Final = 200
"""Vertices that one request begins at."""


class GraphAnswers:
    """`Relations` as the graph tells them: all requests of one question within `within_s`."""

    def __init__(self, gremlin: Gremlin, within_s: float = READ_S) -> None:
        self._gremlin = gremlin
        self._deadline = time.monotonic() + within_s

    def hop(self, workspace: str, ids: Iterable[str]) -> Hop:
        """See `Relations.hop`: one request for 200 ids."""
        from gremlin_python.process.graph_traversal import __
        from gremlin_python.process.traversal import T

        wanted = sorted(set(ids))
        near: dict[str, frozenset[str]] = {}
        truncated = False
        for start in range(0, len(wanted), MAX_IDS):
            vertices = [
                resource_vertex(workspace, each).id for each in wanted[start : start + MAX_IDS]
            ]
            out = __.in_("ON").out("REFERENCES")
            back = __.in_("REFERENCES").out("ON")
            both = __.union(out, back).has("version").dedup().limit(MAX_NEAR + 2)
            asked = source().V(*vertices).has("version")
            asked = asked.project("id", "near").by(T.id).by(both.id_().fold())
            for found in self._gremlin.ask(asked, self._deadline):
                own = _resource_id(found["id"])
                others = sorted({_resource_id(each) for each in found["near"]} - {own})
                truncated |= len(others) > MAX_NEAR
                near[own] = frozenset(others[:MAX_NEAR])
        return Hop(near, truncated)

    def referring(
        self,
        workspace: str,
        resource_id: str,
        *,
        before: str | None,
        limit: int,
        motivation: str | None = None,
    ) -> list[str]:
        """See `Relations.referring`: one request."""
        asked = source().V(resource_vertex(workspace, resource_id).id).in_("REFERENCES")
        if motivation is not None:
            asked = asked.has("motivation", motivation)
        return self._ordered(asked, before, limit)

    def tagged(
        self, workspace: str, entity_types: Sequence[str], *, before: str | None, limit: int
    ) -> list[str]:
        """See `Relations.tagged`: one request."""
        from gremlin_python.process.graph_traversal import __

        first, *rest = (type_vertex(workspace, each).id for each in entity_types)
        asked = source().V(first).in_("TAGGED").has_label("Resource")
        for other in rest:
            asked = asked.where(__.out("TAGGED").has_id(other))
        return self._ordered(asked, before, limit)

    def stats(self, workspace: str) -> Stats:
        """See `Relations.stats`: one request."""
        from gremlin_python.process.graph_traversal import __
        from gremlin_python.process.traversal import T

        def resources() -> Any:
            return __.V().has("Resource", "workspace", workspace)

        def annotations() -> Any:
            return __.V().has("Annotation", "workspace", workspace).not_(__.has("removed", True))

        def offered() -> Any:
            return __.V().has("EntityType", "workspace", workspace)

        counts = {
            "resources": resources().count(),
            "archived": resources().has("archived", True).count(),
            "formats": resources().group_count().by("format"),
            "annotations": annotations().count(),
            "motivations": annotations().group_count().by("motivation"),
            "references": annotations().out_e("REFERENCES").count(),
            "onResources": resources().out("TAGGED").group_count().by(T.id),
            "onAnnotations": annotations().out("TAGGED").group_count().by(T.id),
            "offered": offered().limit(MAX_TYPES + 1).id_().fold(),
        }
        asked = source().inject(0).project(*counts)
        for counted in counts.values():
            asked = asked.by(counted)
        (found,) = self._gremlin.ask(asked, self._deadline)
        on_resources, on_annotations = (
            _by_type(found["onResources"]),
            _by_type(found["onAnnotations"]),
        )
        vocabulary = {entity_type_of(each) for each in found["offered"]}
        kinds = sorted({*on_resources, *on_annotations, *vocabulary})
        return Stats(
            int(found["resources"]),
            int(found["archived"]),
            int(found["annotations"]),
            int(found["references"]),
            {name: int(count) for name, count in found["formats"].items()},
            {name: int(count) for name, count in found["motivations"].items()},
            tuple(
                TypeCount(
                    kind, on_resources.get(kind, 0), on_annotations.get(kind, 0), kind in vocabulary
                )
                for kind in kinds[:MAX_TYPES]
            ),
            len(kinds) > MAX_TYPES,
        )

    def _ordered(self, asked: Any, before: str | None, limit: int) -> list[str]:
        from gremlin_python.process.traversal import Order, P

        if before is not None:
            asked = asked.has("order", P.lt(before))
        asked = asked.order().by("order", Order.desc).limit(limit).values("order")
        return [str(each) for each in self._gremlin.ask(asked, self._deadline)]


def _resource_id(vertex_id: str) -> str:
    return Stream.parse(vertex_id).resource_id or ""


def _by_type(counted: dict[str, int]) -> dict[str, int]:
    return {entity_type_of(vertex): int(count) for vertex, count in counted.items()}
