"""What is answered across resources: neighbours, references, paths, numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.edge.schemas.common import Schema, page_of

TELLER: Final[Mapping[str, Schema]] = {
    "source": {"enum": ["graph", "views"], "description": "What answered."},
    "lag": {
        "type": "number",
        "minimum": 0,
        "description": "Seconds that the source may lie behind the log, as far as known.",
    },
    "degraded": {
        "const": True,
        "description": "The graph should have told it, and did not answer, or is not there.",
    },
    "truncated": {"const": True, "description": "A bound was met: there is more."},
}

_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_COUNTS: Final[Schema] = {"type": "object", "additionalProperties": _COUNT}


def told(schema: Schema) -> Schema:
    """Return the schema of an answer that says who gave it."""
    members: dict[str, Any] = {**schema["properties"], **TELLER}
    return {**schema, "properties": members}


RELATION_SCHEMAS: Final[Mapping[str, Schema]] = {
    "Neighbour": {
        "type": "object",
        "description": "A resource, and how many steps away it is.",
        "required": ["distance", "resource"],
        "properties": {
            "distance": {"type": "integer", "minimum": 1},
            "resource": {"$ref": "#/components/schemas/Resource"},
        },
    },
    "Neighbours": told(page_of("Neighbour", "Resources around one; the nearest first.")),
    "References": told(
        page_of("Annotation", "Annotations that refer to a resource; the newest first.")
    ),
    "Path": {
        "type": "object",
        "description": "A way from the first resource to the last.",
        "required": ["length", "resources"],
        "properties": {
            "length": {"type": "integer", "minimum": 1, "description": "Its steps."},
            "resources": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Resource"},
                "minItems": 2,
            },
        },
    },
    "Paths": told(page_of("Path", "At most ten paths; the shortest first. One page.")),
    "TypeCount": {
        "type": "object",
        "description": "How often an entity type is used; and whether the vocabulary offers it.",
        "required": ["entityType", "resources", "annotations", "offered"],
        "properties": {
            "entityType": {"type": "string"},
            "resources": _COUNT,
            "annotations": _COUNT,
            "offered": {"type": "boolean"},
        },
    },
    "Stats": told(
        {
            "type": "object",
            "description": "A workspace in numbers. `references`: pairs of an annotation and a "
            "resource that it refers to.",
            "required": [
                *("resources", "archived", "annotations", "references"),
                *("formats", "motivations", "entityTypes", "source", "lag"),
            ],
            "properties": {
                "resources": _COUNT,
                "archived": _COUNT,
                "annotations": _COUNT,
                "references": _COUNT,
                "formats": _COUNTS,
                "motivations": _COUNTS,
                "entityTypes": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/TypeCount"},
                },
            },
        }
    ),
}
