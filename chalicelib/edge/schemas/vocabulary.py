"""The workspace's vocabulary: entity types and tag schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chalicelib.edge.schemas.common import DESCRIPTION, ENTITY_TYPE, NAME, Schema

_TAG: Final[Schema] = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": NAME, "description": DESCRIPTION},
    "additionalProperties": False,
}

VOCABULARY_SCHEMAS: Final[Mapping[str, Schema]] = {
    "NewEntityTypes": {
        "type": "object",
        "description": "Entity types to offer from now on; known ones are no fault.",
        "required": ["entityTypes"],
        "properties": {
            "entityTypes": {"type": "array", "items": ENTITY_TYPE, "minItems": 1, "maxItems": 100}
        },
        "additionalProperties": False,
        "examples": [{"entityTypes": ["Ship", "Port"]}],
    },
    "EntityTypes": {
        "type": "object",
        "required": ["entityTypes"],
        "properties": {"entityTypes": {"type": "array", "items": {"type": "string"}}},
    },
    "TagSchema": {
        "type": "object",
        "description": "Tags that belong together. One of the same id replaces the one before.",
        "required": ["id", "name", "tags"],
        "properties": {
            "id": {
                "type": "string",
                "pattern": "^[a-z0-9][a-z0-9-]{0,99}$",
                "title": "1 to 100 of a-z, 0-9 and -",
            },
            "name": NAME,
            "description": DESCRIPTION,
            "tags": {"type": "array", "items": _TAG, "minItems": 1, "maxItems": 100},
        },
        "additionalProperties": False,
        "examples": [
            {"id": "mood", "name": "Mood", "tags": [{"name": "calm"}, {"name": "stormy"}]}
        ],
    },
    "TagSchemas": {
        "type": "object",
        "required": ["tagSchemas"],
        "properties": {
            "tagSchemas": {"type": "array", "items": {"$ref": "#/components/schemas/TagSchema"}}
        },
    },
}
