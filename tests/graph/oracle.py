"""What a graph should hold, folded from the log by another way than the product's; and what it holds.

A shape is {vertex id: (label, properties, edges)}, edges being (label, far end, version). Stubs and
tombstones are left out: no reader sees them.
"""

from __future__ import annotations

from typing import Any

from chalicelib.domain import marks as marks_domain
from chalicelib.domain.annotation import SpecificResource, TextualBody
from chalicelib.domain.events import EntityTagAdded, ResourceCloned, ResourceCreated
from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import type_vertex
from chalicelib.domain.resource import Resource
from chalicelib.flows.head import folded
from chalicelib.graph.gremlin import Gremlin
from chalicelib.graph.traversals import source
from chalicelib.log import decoded
from tests.graph.world import World, submit

Shape = dict[str, tuple[str, dict[str, Any], frozenset[tuple[str, str, int]]]]


def expected(world: World) -> Shape:
    """Return the graph that the log calls for."""
    shape: Shape = {}
    for stream in world.streams:
        events = [e for c in world.store.log_of(stream) for e in decoded(stream, c)]
        known = folded(stream, world.store.log_of(stream))
        if stream.resource_id is None:
            for kind in known.vocabulary.entity_types:
                properties = {"workspace": stream.workspace, "offered": True}
                shape[type_vertex(stream.workspace, kind).id] = ("EntityType", properties, EMPTY)
            continue
        resource = known.resource
        assert resource is not None
        tagged: dict[str, int] = {}
        for stored in events:
            match stored.event:
                case ResourceCreated() | ResourceCloned():
                    tagged |= dict.fromkeys(stored.event.entity_types, stored.version)
                case EntityTagAdded():
                    tagged[stored.event.entity_type] = stored.version
        shape[stream.key] = (
            "Resource",
            {
                "workspace": stream.workspace,
                "order": f"{resource.created}#{resource.id}",
                "name": resource.name,
                "format": resource.content.format,
                "archived": resource.archived,
                "projected": known.head.version,
            },
            frozenset(
                ("TAGGED", type_vertex(stream.workspace, kind).id, tagged[kind])
                for kind in resource.entity_types
            ),
        )
        marks = marks_domain.fold({}, (e for e in events if marks_domain.touched(e)))
        for mark in marks.values():
            if not mark.removed:
                shape |= _annotation(stream, resource, mark)
    return shape


EMPTY: frozenset[tuple[str, str, int]] = frozenset()


def _annotation(stream: Stream, resource: Resource, mark: Any) -> Shape:
    added = mark.history[0][1]
    edges = {("ON", stream.key, added)}
    texts = [body for body in mark.annotation.bodies if isinstance(body, TextualBody)]
    of_schema = any(body.purpose == "classifying" for body in texts)
    for body in mark.annotation.bodies:
        match body:
            case SpecificResource(source) if source.startswith("resource:"):
                far = f"{stream.workspace}/resource#{source.removeprefix('resource:')[:36]}"
                edges.add(("REFERENCES", far, mark.version))
            case TextualBody(value, "tagging") if 0 < len(value) <= 100 and not of_schema:
                edges.add(("TAGGED", type_vertex(stream.workspace, value).id, mark.version))
    properties = {
        "workspace": stream.workspace,
        "order": f"{mark.created}#{mark.annotation.id}#{resource.id}",
        "motivation": mark.annotation.motivation,
    }
    vertex = f"{stream.key}/annotation#{mark.annotation.id}"
    return {vertex: ("Annotation", properties, frozenset(edges))}


def held(gremlin: Gremlin, workspace: str, *, versions: bool = False) -> Shape:
    """Return what the graph holds of a workspace that a reader can see."""
    from gremlin_python.process.traversal import Direction, T

    shape: Shape = {}
    edges: dict[str, set[tuple[str, str, int]]] = {}
    for edge in submit(gremlin, source().E().element_map()):
        owner, far = edge[Direction.OUT][T.id], edge[Direction.IN][T.id]
        told = (edge[T.label], far, edge["version"])
        assert told not in edges.setdefault(owner, set()), f"twice: {owner} {told}"
        edges[owner].add(told)
    for vertex in submit(gremlin, source().V().element_map()):
        properties = {name: value for name, value in vertex.items() if isinstance(name, str)}
        if not vertex[T.id].startswith(f"{workspace}/"):
            continue
        if properties.pop("removed", False):
            assert vertex[T.id] not in edges, f"a tombstone with edges: {vertex[T.id]}"
            continue
        if "version" not in properties:
            assert vertex[T.id] not in edges, f"a stub with edges: {vertex[T.id]}"
            continue
        if not versions:
            del properties["version"]
        mine = frozenset(edges.get(vertex[T.id], ()))
        shape[vertex[T.id]] = (vertex[T.label], properties, mine)
    return shape
