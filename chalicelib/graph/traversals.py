"""Mutations as Gremlin, within what Neptune takes: no lambda, no script, string ids.

A part of a request is one traversal:

::

    mergeV(each vertex that it names)                        stubs, where there is nothing yet
    sideEffect(V(checkpoint).has('projected', gte(after))    else there would be a gap
        sideEffect(V(vertex).not(has('version', gte(v)))     else it would go back
            property(single, 'version', v) … drop … mergeE …)
        …
        not(has('projected', gte(upto))).property(single, 'projected', upto))

Each guard is in the same transaction as the writes that it guards, and that transaction writes the
element that the guard reads; so of two executors at once, one is refused and tries again (Neptune:
ConcurrentModificationException), and then finds nothing left to do. `mergeV` and `mergeE` are one
step for an upsert where fold-coalesce takes five, and Neptune limits the steps of a request; the
version cannot be guarded by `mergeV` itself, hence the filter. `single` is said each time, because
Neptune's default cardinality is `set`. An edge's id ends in its version, because one transaction
may have to drop an edge and put it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, assert_never

from chalicelib.domain.mutations import (
    Bury,
    DropEdge,
    Edge,
    Mutation,
    PutEdge,
    PutVertex,
    ReplaceEdges,
    Vertex,
    vertex_of,
)
from chalicelib.graph import Part

MAX_RECORDS: Final = 200
MAX_STEPS: Final = 1_500
"""Of one request; a record is a label or a property. AWS, "Making efficient upserts with Gremlin
mergeV() and mergeE() steps", read 2026-11."""

EDGES: Final = ("ON", "REFERENCES", "TAGGED")


def source() -> Any:
    """Return `g`, bound to no connection: what is built on it is read off as bytecode."""
    from gremlin_python.process.graph_traversal import GraphTraversalSource
    from gremlin_python.process.traversal import Bytecode, TraversalStrategies
    from gremlin_python.structure.graph import Graph

    return GraphTraversalSource(Graph(), TraversalStrategies(), Bytecode())


def request(parts: Sequence[Part]) -> Any:
    """Return the bytecode of one request: it answers ``[{"id": "demo/…", "projected": 7}, …]``."""
    from gremlin_python.process.traversal import T

    traversal = source().inject(0)
    for vertex in named(parts):
        traversal = traversal.merge_v({T.id: vertex.id, T.label: vertex.label})
    for part in parts:
        traversal = traversal.side_effect(_part(part))
    keys = [vertex_of(part.stream).id for part in parts]
    traversal = (
        traversal.V(*keys).has("projected").project("id", "projected").by(T.id).by("projected")
    )
    return traversal.bytecode


def named(parts: Iterable[Part]) -> tuple[Vertex, ...]:
    """Return every vertex that the parts name, each once: checkpoints, owners and far ends."""
    return tuple(dict.fromkeys(vertex for part in parts for vertex in _named(part)))


def weight(parts: Sequence[Part]) -> tuple[int, int]:
    """Return how many records a request of these parts writes at most, and its steps."""
    costs = [cost(mutation) for part in parts for mutation in part.mutations]
    inner = sum(records for records, _ in costs), sum(steps for _, steps in costs)
    return whole(parts, len(named(parts)), inner)


def whole(parts: Iterable[Part], vertices: int, inner: tuple[int, int]) -> tuple[int, int]:
    """Return records and steps of a request, given those of its mutations."""
    records, steps = inner
    records, steps = records + vertices, steps + vertices + 6
    for part in parts:
        moves = part.upto is not None
        records += moves
        steps += 2 + (part.after > 0) + 3 * moves
    return records, steps


def steps(bytecode: Any) -> int:
    """Return how many steps a request has, those of nested traversals too."""
    from gremlin_python.process.traversal import Bytecode

    def counted(value: Any) -> int:
        if isinstance(value, Bytecode):
            return steps(value)
        if hasattr(value, "bytecode"):
            return steps(value.bytecode)
        return 0

    return sum(1 + sum(counted(each) for each in step[1:]) for step in bytecode.step_instructions)


def edge_id(owner: Vertex, edge: Edge, version: int) -> str:
    """Return the id of an edge as of a version."""
    return f"{owner.id}>{edge.label}>{edge.to.id}@{version}"


def put_edge(found: Any, owner: Vertex, version: int, edge: Edge) -> Any:
    """Add to a traversal that an edge runs from its owner; both ends must be there."""
    from gremlin_python.process.traversal import Direction, T

    return found.merge_e(
        {
            T.id: edge_id(owner, edge, version),
            T.label: edge.label,
            Direction.OUT: owner.id,
            Direction.IN: edge.to.id,
        }
    ).property("version", version)


def _named(part: Part) -> Iterator[Vertex]:
    yield vertex_of(part.stream)
    for mutation in part.mutations:
        yield mutation.vertex
        match mutation:
            case PutVertex() | ReplaceEdges():
                yield from (edge.to for edge in mutation.edges)
            case PutEdge():
                yield mutation.edge.to
            case DropEdge() | Bury():
                pass
            case _:
                assert_never(mutation)


def cost(mutation: Mutation) -> tuple[int, int]:
    """Return records and steps of one mutation; the labels of vertices count with the stubs."""
    match mutation:
        case PutVertex():
            size, edges = len(mutation.properties), len(mutation.edges)
            return 1 + size + 2 * edges, 5 + size + 2 * edges
        case ReplaceEdges():
            edges = len(mutation.edges)
            return 2 + 2 * edges, 8 + 2 * edges
        case PutEdge():
            return 4, 13
        case DropEdge():
            return 2, 11
        case Bury():
            return 3, 9
        case _:
            assert_never(mutation)


def _part(part: Part) -> Any:
    from gremlin_python.process.graph_traversal import __
    from gremlin_python.process.traversal import Cardinality, P

    found = __.V(vertex_of(part.stream).id)
    if part.after > 0:
        found = found.has("projected", P.gte(part.after))
    for mutation in part.mutations:
        found = found.side_effect(_mutation(mutation))
    if part.upto is not None:
        found = found.not_(__.has("projected", P.gte(part.upto)))
        found = found.property(Cardinality.single, "projected", part.upto)
    return found


def _mutation(mutation: Mutation) -> Any:
    from gremlin_python.process.graph_traversal import __
    from gremlin_python.process.traversal import Cardinality, P

    single, owner, version = Cardinality.single, mutation.vertex, mutation.version
    found = (
        __.V(owner.id).not_(__.has("version", P.gte(version))).property(single, "version", version)
    )
    match mutation:
        case PutVertex():
            for name, value in mutation.properties:
                found = found.property(single, name, value)
            for edge in mutation.edges:
                found = put_edge(found, owner, version, edge)
        case ReplaceEdges():
            found = found.side_effect(__.out_e(*mutation.labels).drop())
            for edge in mutation.edges:
                found = put_edge(found, owner, version, edge)
        case PutEdge():
            found = found.side_effect(_drop(mutation.edge))
            found = put_edge(found, owner, version, mutation.edge)
        case DropEdge():
            found = found.side_effect(_drop(mutation.edge))
        case Bury():
            found = found.property(single, "removed", True)
            found = found.side_effect(__.out_e(*EDGES).drop())
        case _:
            assert_never(mutation)
    return found


def _drop(edge: Edge) -> Any:
    from gremlin_python.process.graph_traversal import __

    return __.out_e(edge.label).where(__.in_v().has_id(edge.to.id)).drop()
