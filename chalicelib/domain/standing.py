"""How a vertex of the graph stands once mutations were carried out: pure, what the graph must hold.

Where `domain.mutations` says what each event does, this says what comes of it. A comparison of the
two with what a graph holds finds every difference, and mends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from chalicelib.domain.mutations import (
    Bury,
    DropEdge,
    Edge,
    Mutation,
    PutEdge,
    PutVertex,
    ReplaceEdges,
    Vertex,
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A vertex as of `version`, with its properties, and its own edges with their versions."""

    vertex: Vertex
    version: int
    properties: Mapping[str, str | bool]
    edges: Mapping[Edge, int]


def evolve(before: Standing | None, mutation: Mutation) -> Standing:
    """Return how the mutation's vertex stands after it; it never goes back to an older version."""
    version = mutation.version
    if before is None:
        before = Standing(mutation.vertex, 0, {}, {})
    if before.version >= version:
        return before
    properties, edges = before.properties, before.edges
    match mutation:
        case PutVertex():
            properties = {**properties, **dict(mutation.properties)}
            edges = {**edges, **dict.fromkeys(mutation.edges, version)}
        case ReplaceEdges():
            kept = {edge: at for edge, at in edges.items() if edge.label not in mutation.labels}
            edges = {**kept, **dict.fromkeys(mutation.edges, version)}
        case PutEdge():
            edges = {**edges, mutation.edge: version}
        case DropEdge():
            edges = {edge: at for edge, at in edges.items() if edge != mutation.edge}
        case Bury():
            properties, edges = {**properties, "removed": True}, {}
        case _:
            assert_never(mutation)
    return replace(before, version=version, properties=properties, edges=edges)
