"""Questions across resources: what refers to what, and by which ways."""

from __future__ import annotations

from chalicelib.edge import parameters as query
from chalicelib.edge import relations
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import Call
from chalicelib.edge.route import operation
from chalicelib.system import System


@operation(
    query=(query.MOTIVATION, query.OFFSETS, query.AFTER, query.LIMIT, query.CURSOR),
    answers={200: "References"},
)
def get_references(system: System, call: Call) -> Answer:
    """List the annotations that refer to a resource, newest first."""
    return relations.referenced_by(system, call)


@operation(
    query=(query.DEPTH, query.AFTER, query.LIMIT, query.CURSOR),
    answers={200: "Neighbours"},
)
def get_neighbours(system: System, call: Call) -> Answer:
    """List the resources around one, the nearest first."""
    return relations.neighbours(system, call)


@operation(
    query=(query.PATH_FROM, query.PATH_TO, query.MAX_PATH, query.AFTER),
    answers={200: "Paths"},
)
def get_paths(system: System, call: Call) -> Answer:
    """Find the ways from one resource to another, the shortest first."""
    return relations.paths(system, call)


@operation(query=(query.AFTER,), answers={200: "Stats"})
def get_stats(system: System, call: Call) -> Answer:
    """Count resources, annotations, references and entity types."""
    return relations.stats(system, call)
