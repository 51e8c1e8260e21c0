"""The graph as it is stored, whatever stands in it; and how what is wrong there is put right.

`graph.queries` asks for what the projector wrote. This reads what is there: a vertex or an edge
that somebody changed by hand must be named, not raise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import vertex_of
from chalicelib.domain.standing import Standing
from chalicelib.graph.traversals import MAX_RECORDS, edge_id, put_edge, source

AT_ONCE: Final = 200
"""Vertices that one request reads."""
PAGE: Final = 5_000
"""Names of vertices that one request reads."""
CHECKPOINT: Final = "projected"

Submit = Callable[[Any], list[Any]]
"""Carries out a traversal's bytecode on the writing side, all of it or nothing."""


@dataclass(frozen=True, slots=True)
class FoundEdge:
    """An edge as it was read; `version` is None where it has none."""

    id: str
    label: str
    to: str
    version: Any


@dataclass(frozen=True, slots=True)
class Found:
    """A vertex as it was read. A property may have several values: Neptune keeps sets."""

    id: str
    label: str
    properties: Mapping[str, tuple[Any, ...]]
    edges: tuple[FoundEdge, ...]

    @property
    def version(self) -> Any:
        """Return what stands as its version; None makes it a stub."""
        return next(iter(self.properties.get("version", ())), None)


@dataclass(frozen=True, slots=True)
class Repair:
    """`wanted` shall stand where `found` was read: nothing happens if it moved since."""

    wanted: Standing
    found: Found | None


class GraphUpkeep:
    """Reads and mends. Raises Unavailable, Refused."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit

    def read(self, ids: Collection[str]) -> dict[str, Found]:
        """Return the vertices that are there, each with its own edges: one request for 200."""
        named = sorted(ids)
        found: dict[str, Found] = {}
        for start in range(0, len(named), AT_ONCE):
            asked = _described(source().V(*named[start : start + AT_ONCE]))
            for each in self._submit(asked.bytecode):
                found[each["id"]] = _found(each)
        return found

    def around(self, stream: Stream) -> set[str]:
        """Return the annotations that say they lie on the stream's resource."""
        asked = source().V(vertex_of(stream).id).in_("ON").id_()
        return {str(each) for each in self._submit(asked.bytecode)}

    def names(self) -> Iterator[str]:
        """Yield every vertex that is no stub: in pages by `order`, then those that have none."""
        from gremlin_python.process.graph_traversal import __
        from gremlin_python.process.traversal import Order, P, T

        for label in ("Resource", "Annotation"):
            before: str | None = None
            while True:
                asked = source().V().has_label(label).has("order")
                if before is not None:
                    asked = asked.has("order", P.lt(before))
                asked = asked.order().by("order", Order.desc).limit(PAGE)
                asked = asked.project("id", "order").by(T.id).by("order")
                page = self._submit(asked.bytecode)
                yield from (str(each["id"]) for each in page)
                if len(page) < PAGE:
                    break
                before = min(str(each["order"]) for each in page)
        asked = source().V().has_label("Resource", "Annotation", "EntityType", "Workspace")
        asked = asked.not_(__.has("order")).or_(__.has("version"), __.has(CHECKPOINT)).id_()
        yield from (str(each) for each in self._submit(asked.bytecode))

    def mend(self, repairs: Sequence[Repair]) -> None:
        """Make each vertex stand as it is wanted, unless it moved since it was read."""
        request: list[Repair] = []
        weight = 0
        for repair in repairs:
            more = 3 + len(repair.wanted.properties) + 3 * len(repair.wanted.edges)
            if request and weight + more > MAX_RECORDS:
                self._submit(_mending(request))
                request, weight = [], 0
            request.append(repair)
            weight += more
        if request:
            self._submit(_mending(request))

    def reset(self, stream: Stream, found: Any, version: int) -> None:
        """Set a checkpoint that is not the log's, unless it moved since it was read."""
        from gremlin_python.process.traversal import Cardinality

        asked = source().V(vertex_of(stream).id).has(CHECKPOINT, found)
        self._submit(asked.property(Cardinality.single, CHECKPOINT, version).bytecode)

    def take_away(self, found: Found) -> None:
        """Leave a stub of a vertex that the log knows nothing of, unless it moved."""
        from gremlin_python.process.graph_traversal import __

        asked = _as_read(source().V(found.id), found)
        asked = asked.side_effect(__.out_e().drop()).side_effect(__.properties().drop())
        self._submit(asked.bytecode)


def _described(asked: Any) -> Any:
    from gremlin_python.process.graph_traversal import __
    from gremlin_python.process.traversal import T

    properties = __.properties().project("name", "value").by(T.key).by(T.value).fold()
    edge = __.out_e().project("id", "label", "to", "version").by(T.id).by(T.label)
    edges = edge.by(__.in_v().id_()).by(__.values("version").fold()).fold()
    described = asked.project("id", "label", "properties", "edges")
    return described.by(T.id).by(T.label).by(properties).by(edges)


def _found(each: Mapping[str, Any]) -> Found:
    properties: dict[str, tuple[Any, ...]] = {}
    for one in each["properties"]:
        properties[one["name"]] = (*properties.get(one["name"], ()), one["value"])
    edges = (
        FoundEdge(str(one["id"]), one["label"], str(one["to"]), next(iter(one["version"]), None))
        for one in each["edges"]
    )
    return Found(str(each["id"]), each["label"], properties, tuple(edges))


def _as_read(asked: Any, found: Found | None) -> Any:
    """Let only a vertex pass that has the version that was read, or none as then."""
    from gremlin_python.process.graph_traversal import __

    if found is None or found.version is None:
        return asked.not_(__.has("version"))
    return asked.has("version", found.version)


def _mending(repairs: Iterable[Repair]) -> Any:
    from gremlin_python.process.graph_traversal import __
    from gremlin_python.process.traversal import T

    repairs = list(repairs)
    stubs = dict.fromkeys(
        vertex
        for repair in repairs
        for vertex in (repair.wanted.vertex, *(edge.to for edge in repair.wanted.edges))
    )
    traversal = source().inject(0)
    for vertex in stubs:
        traversal = traversal.merge_v({T.id: vertex.id, T.label: vertex.label})
    for repair in repairs:
        found = _as_read(__.V(repair.wanted.vertex.id), repair.found)
        traversal = traversal.side_effect(_made(found, repair))
    return traversal.bytecode


def _made(asked: Any, repair: Repair) -> Any:
    """Set every property, drop what should not be there, and put every edge."""
    from gremlin_python.process.graph_traversal import __
    from gremlin_python.process.traversal import Cardinality

    wanted, owner = repair.wanted, repair.wanted.vertex
    asked = asked.property(Cardinality.single, "version", wanted.version)
    for name, value in wanted.properties.items():
        asked = asked.property(Cardinality.single, name, value)
    there = () if repair.found is None else tuple(repair.found.properties)
    extra = sorted({*there} - {*wanted.properties, "version", CHECKPOINT})
    if extra:
        asked = asked.side_effect(__.properties(*extra).drop())
    right = [edge_id(owner, edge, version) for edge, version in wanted.edges.items()]
    wrong = __.out_e().not_(__.has_id(*right)) if right else __.out_e()
    asked = asked.side_effect(wrong.drop())
    for edge, version in wanted.edges.items():
        asked = put_edge(asked, owner, version, edge)
    return asked
