"""What many shapes share: names, times, actors, problems, pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

MAX_NAME: Final = 500
MAX_DESCRIPTION: Final = 10_000
MAX_ENTITY_TYPES: Final = 100
MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50

ID: Final[Schema] = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "title": "a UUID in lower case",
}
CHECKSUM: Final[Schema] = {
    "type": "string",
    "pattern": "^[0-9a-f]{64}$",
    "title": "a SHA-256 in hex",
}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
VERSION: Final[Schema] = {"type": "integer", "minimum": 1}
IRI: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 2048}
LANGUAGE: Final[Schema] = {
    "type": "string",
    "maxLength": 35,
    "pattern": "^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$",
    "title": "a language tag (BCP 47), as en or de-AT",
}
MEDIA_TYPE: Final[Schema] = {
    "type": "string",
    "maxLength": 200,
    # RFC 6838, 4.2: a range as text/* names no type.
    "pattern": "^[0-9A-Za-z][!#$&+.^_0-9A-Za-z-]*/[0-9A-Za-z][!#$&+.^_0-9A-Za-z-]*"
    "( *; *[!#$%&'*+.^_`|~0-9A-Za-z-]+="
    '([!#$%&\'*+.^_`|~0-9A-Za-z-]+|"([ !#-\\[\\]-~]|\\\\[ -~])*"))*$',
    "title": "a media type, as text/plain; charset=utf-8",
}
_ENDS: Final = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029"
_UNSEEN: Final = "\\s\\u00a0\\u00ad\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff"
# A name is for people: it has something to see, and nothing that moves the cursor. Neither ends of
# lines as Unicode has them, nor only characters without width.
NAME: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME,
    "pattern": f"^[^{_ENDS}]*[^{_ENDS}{_UNSEEN}][^{_ENDS}]*$",
    "title": "text of one line that is not blank",
}
DESCRIPTION: Final[Schema] = {"type": "string", "maxLength": MAX_DESCRIPTION}
ENTITY_TYPE: Final[Schema] = {**NAME, "maxLength": 100}
ENTITY_TYPES: Final[Schema] = {
    "type": "array",
    "items": ENTITY_TYPE,
    "maxItems": MAX_ENTITY_TYPES,
}

COMMON_SCHEMAS: Final[Mapping[str, Schema]] = {
    "Actor": {
        "type": "object",
        "description": "Who did something, as he was known then.",
        "required": ["id", "type", "name"],
        "properties": {
            "id": {"type": "string"},
            "type": {"enum": ["Person", "Software"]},
            "name": {"type": "string"},
        },
    },
    "Problem": {
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "instance": {"type": "string", "format": "uri-reference"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}},
        },
    },
    "Fault": {
        "type": "object",
        "description": "One thing wrong with a body, and where (JSON pointer, RFC 6901).",
        "required": ["pointer", "detail"],
        "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
    },
    "Event": {
        "type": "object",
        "description": "One fact of a resource's history.",
        "required": [
            "id",
            "type",
            "version",
            "resource",
            "at",
            "actor",
            "correlation",
            "data",
            "commit",
        ],
        "properties": {
            "id": {"type": "string", "description": "`<resource id>:<version>`, a cursor."},
            "type": {"type": "string", "examples": ["annotation.added"]},
            "version": VERSION,
            "resource": ID,
            "at": TIME,
            "actor": {"$ref": "#/components/schemas/Actor"},
            "correlation": {"type": "string"},
            "data": {"type": "object"},
            "commit": {
                "type": "object",
                "description": "The commit that it stands in: its first version, its hash, and the "
                "hash of the commit before (docs/event-store.md).",
                "required": ["version", "hash", "previous"],
                "properties": {
                    "version": VERSION,
                    "hash": CHECKSUM,
                    "previous": {"anyOf": [CHECKSUM, {"type": "null"}]},
                },
            },
        },
    },
    "Health": {
        "type": "object",
        "description": "Each dependency by name.",
        "required": ["database", "eventStore", "graph", "jobs"],
        "additionalProperties": {"$ref": "#/components/schemas/DependencyHealth"},
    },
    "DependencyHealth": {
        "type": "object",
        "required": ["status", "latencyMs"],
        "properties": {
            "status": {"enum": ["ok", "degraded", "absent", "failed"]},
            "latencyMs": {"type": "number", "minimum": 0},
            "detail": {"type": "string"},
        },
    },
    "Alive": {
        "type": "object",
        "required": ["status"],
        "properties": {"status": {"const": "ok"}},
    },
    "Home": {
        "type": "object",
        "description": "Where to go from here.",
        "required": ["name", "version", "links", "caller"],
        "properties": {
            "name": {"type": "string"},
            "version": {"type": "string"},
            "links": {"type": "object", "additionalProperties": {"type": "string"}},
            "caller": {
                "anyOf": [
                    {"type": "null"},
                    {
                        "type": "object",
                        "required": ["actor", "workspace"],
                        "properties": {
                            "actor": {"$ref": "#/components/schemas/Actor"},
                            "workspace": {"type": "string"},
                        },
                    },
                ]
            },
        },
    },
    "ProblemType": {
        "type": "object",
        "description": "What a kind of problem means.",
        "required": ["type", "title", "status", "meaning", "retryable"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "meaning": {"type": "string"},
            "retryable": {"type": "boolean"},
        },
    },
}


def page_of(item: str, description: str) -> Schema:
    """Return the schema of a page of items."""
    return {
        "type": "object",
        "description": description,
        "required": ["items", "next", "source", "lag"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": f"#/components/schemas/{item}"}},
            "next": {
                "type": ["string", "null"],
                "description": "The `cursor` of the next page; null at the end.",
            },
            "source": {"type": "string", "description": "What answered: `log`, `views`, `graph`."},
            "lag": {
                "type": "number",
                "minimum": 0,
                "description": "Seconds that the source may lie behind the log, as far as known.",
            },
        },
    }
