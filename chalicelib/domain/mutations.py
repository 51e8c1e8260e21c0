"""What each event means to the graph: pure, an event in, mutations out.

Vertices are `Resource`, `Annotation`, `EntityType`, and a `Workspace`, for the checkpoint of its
vocabulary. Edges run from their owner: `ON` (annotation → its resource), `REFERENCES` (annotation →
the resource that a body resolves to), `TAGGED` (resource or annotation → entity type). An edge
stands or falls with the version of its owner, so one comparison guards a vertex and all edges that
run from it. An event yields at most one mutation: nothing of it can be half done.

::

    demo/resource#0192f…                       Resource, also a stub for one that is yet to come
    demo/resource#0192f…/annotation#0192e…     Annotation
    demo/type#Person                           EntityType; the name is percent-encoded
    demo/system                                Workspace

`docs/graph.md` lists what every type of event does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, assert_never
from urllib.parse import quote, unquote

from chalicelib.domain.annotation import Body
from chalicelib.domain.events import (
    AnnotationAdded,
    AnnotationBodyUpdated,
    AnnotationRemoved,
    EntityTagAdded,
    EntityTagRemoved,
    EntityTypeAdded,
    RepresentationAdded,
    ResourceArchived,
    ResourceCloned,
    ResourceCreated,
    ResourceUnarchived,
    ResourceUpdated,
    StoredEvent,
    TagSchemaAdded,
)
from chalicelib.domain.ids import Stream
from chalicelib.domain.links import references, tags

VertexLabel = Literal["Resource", "Annotation", "EntityType", "Workspace"]
EdgeLabel = Literal["ON", "REFERENCES", "TAGGED"]
Properties = tuple[tuple[str, str | bool], ...]

_ANNOTATION: Final = "/annotation#"
_TYPE: Final = "/type#"


@dataclass(frozen=True, slots=True)
class Vertex:
    """A vertex by its id; as an edge's far end it stands as a stub until its own event comes."""

    id: str
    label: VertexLabel


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from its owner to `to`."""

    label: EdgeLabel
    to: Vertex


@dataclass(frozen=True, slots=True)
class PutVertex:
    """The vertex has these properties, and these edges too. Properties not named stay."""

    vertex: Vertex
    version: int
    properties: Properties = ()
    edges: tuple[Edge, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplaceEdges:
    """Of the edges of these labels that run from the vertex, exactly these stand."""

    vertex: Vertex
    version: int
    labels: tuple[EdgeLabel, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class PutEdge:
    """The edge runs from the vertex, once."""

    vertex: Vertex
    version: int
    edge: Edge


@dataclass(frozen=True, slots=True)
class DropEdge:
    """The edge does not run from the vertex."""

    vertex: Vertex
    version: int
    edge: Edge


@dataclass(frozen=True, slots=True)
class Bury:
    """The vertex is gone for every reader. It stays as a tombstone, without edges of its own."""

    vertex: Vertex
    version: int


Mutation = PutVertex | ReplaceEdges | PutEdge | DropEdge | Bury
"""What is done to one vertex as of `version`, unless it stands at that version or a later one."""


def mutations(stream: Stream, stored: StoredEvent) -> tuple[Mutation, ...]:
    """Return what an event does to the graph: one mutation, or none where it means nothing to it.

    Mutations of a stream must be carried out in the order of its versions.
    """
    event, version, own = stored.event, stored.version, vertex_of(stream)
    match event:
        case ResourceCreated() | ResourceCloned():
            properties: Properties = (
                ("workspace", stream.workspace),
                ("order", resource_order(stored.at, stream.resource_id or "")),
                ("name", event.name),
                ("format", event.representation.format),
                ("archived", False),
            )
            return (PutVertex(own, version, properties, _tags(stream, event.entity_types)),)
        case ResourceUpdated():
            named = tuple(
                (field, value) for field, value in event.changes if field == "name" and value
            )
            return (PutVertex(own, version, named),) if named else ()
        case ResourceArchived():
            return (PutVertex(own, version, (("archived", True),)),)
        case ResourceUnarchived():
            return (PutVertex(own, version, (("archived", False),)),)
        case RepresentationAdded():
            return (PutVertex(own, version, (("format", event.representation.format),)),)
        case EntityTagAdded():
            return (PutEdge(own, version, _tag(stream, event.entity_type)),)
        case EntityTagRemoved():
            return (DropEdge(own, version, _tag(stream, event.entity_type)),)
        case AnnotationAdded():
            added = event.annotation
            properties = (
                ("workspace", stream.workspace),
                ("order", annotation_order(stored.at, added.id, stream.resource_id or "")),
                ("motivation", added.motivation),
            )
            edges = (Edge("ON", own), *_links(stream, added.bodies))
            return (PutVertex(annotation_vertex(stream, added.id), version, properties, edges),)
        case AnnotationBodyUpdated():
            return (
                ReplaceEdges(
                    annotation_vertex(stream, event.annotation_id),
                    version,
                    ("REFERENCES", "TAGGED"),
                    _links(stream, event.bodies),
                ),
            )
        case AnnotationRemoved():
            return (Bury(annotation_vertex(stream, event.annotation_id), version),)
        case EntityTypeAdded():
            offered: Properties = (("workspace", stream.workspace), ("offered", True))
            return (PutVertex(type_vertex(stream.workspace, event.entity_type), version, offered),)
        case TagSchemaAdded():
            return ()
        case _:
            assert_never(event)


# -- names and order ----------------------------------------------------------------------------


def vertex_of(stream: Stream) -> Vertex:
    """Return the vertex that keeps a stream's checkpoint: the resource's own, or the workspace."""
    return Vertex(stream.key, "Workspace" if stream.resource_id is None else "Resource")


def resource_vertex(workspace: str, resource_id: str) -> Vertex:
    """Return the vertex of a resource."""
    return vertex_of(Stream.of_resource(workspace, resource_id))


def annotation_vertex(stream: Stream, annotation_id: str) -> Vertex:
    """Return the vertex of an annotation on the stream's resource."""
    return Vertex(f"{stream.key}{_ANNOTATION}{annotation_id}", "Annotation")


def type_vertex(workspace: str, entity_type: str) -> Vertex:
    """Return the vertex of an entity type. User text in an id is percent-encoded."""
    return Vertex(f"{workspace}{_TYPE}{quote(entity_type, safe='')}", "EntityType")


def entity_type_of(vertex_id: str) -> str:
    """Return the entity type whose vertex this is."""
    return unquote(vertex_id.partition(_TYPE)[2])


def resource_order(created: str, resource_id: str) -> str:
    """Return where a resource stands among others: lists show the greatest first."""
    return f"{created}#{resource_id}"


def annotation_order(created: str, annotation_id: str, resource_id: str) -> str:
    """Return where an annotation stands among those of other resources, and what it is."""
    return f"{created}#{annotation_id}#{resource_id}"


def _links(stream: Stream, bodies: tuple[Body, ...]) -> tuple[Edge, ...]:
    referred = (resource_vertex(stream.workspace, each) for each in references(bodies))
    return (*(Edge("REFERENCES", each) for each in referred), *_tags(stream, tags(bodies)))


def _tags(stream: Stream, kinds: Iterable[str]) -> tuple[Edge, ...]:
    return tuple(_tag(stream, kind) for kind in dict.fromkeys(kinds))


def _tag(stream: Stream, kind: str) -> Edge:
    return Edge("TAGGED", type_vertex(stream.workspace, kind))
