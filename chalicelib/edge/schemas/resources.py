"""Resources, their content, uploads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chalicelib.edge.schemas.common import (
    CHECKSUM,
    DESCRIPTION,
    ENTITY_TYPES,
    ID,
    LANGUAGE,
    MEDIA_TYPE,
    NAME,
    TIME,
    VERSION,
    Schema,
    page_of,
)
from chalicelib.edge.schemas.relations import told

MAX_UPLOAD_BYTES: Final = 5 * 1024**3  # one PutObject (AWS "Amazon S3 quotas", 2026-11)

_TEXT: Final[Schema] = {
    "type": "string",
    "description": "The content as text; it is stored as UTF-8.",
}
_BASE64: Final[Schema] = {
    "type": "string",
    "contentEncoding": "base64",
    "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    "title": "base64",
    "description": "The content's bytes.",
}
_UPLOAD: Final[Schema] = {
    **CHECKSUM,
    "description": "The checksum of an upload made before (`POST /uploads`).",
}
_FILE: Final[Schema] = {
    "type": "string",
    "contentMediaType": "application/octet-stream",
    "description": "The content's bytes, at most 4 MiB.",
}
_ONE_CONTENT: Final[tuple[Schema, ...]] = (
    {"required": ["content"]},
    {"required": ["contentBase64"]},
    {"required": ["upload"]},
)

RESOURCE_SCHEMAS: Final[Mapping[str, Schema]] = {
    "NewResource": {
        "type": "object",
        "description": "A resource to create; exactly one of content, contentBase64, upload.",
        "required": ["name", "format"],
        "properties": {
            "name": NAME,
            "format": MEDIA_TYPE,
            "content": _TEXT,
            "contentBase64": _BASE64,
            "upload": _UPLOAD,
            "filename": NAME,
            "description": DESCRIPTION,
            "language": LANGUAGE,
            "entityTypes": ENTITY_TYPES,
        },
        "oneOf": _ONE_CONTENT,
        "additionalProperties": False,
        "examples": [
            {
                "name": "A letter from Vienna",
                "format": "text/plain",
                "content": "Ada wrote from Vienna on 3 May.",
                "language": "en",
                "entityTypes": ["Person"],
            }
        ],
    },
    "NewResourceForm": {
        "type": "object",
        "description": "A resource to create, with its content as a file.",
        "required": ["name", "file"],
        "properties": {
            "name": NAME,
            "file": _FILE,
            "format": {
                **MEDIA_TYPE,
                "description": "The media type; without it, what the file says.",
            },
            "description": DESCRIPTION,
            "language": LANGUAGE,
            "entityTypes": {
                **ENTITY_TYPES,
                "description": "A field for each, or one field with a JSON list.",
            },
        },
        "additionalProperties": False,
    },
    "NewContent": {
        "type": "object",
        "description": "New content; exactly one of content, contentBase64, upload.",
        "properties": {
            "content": _TEXT,
            "contentBase64": _BASE64,
            "upload": _UPLOAD,
            "format": {**MEDIA_TYPE, "description": "Without it, as the content before."},
            "filename": NAME,
        },
        "oneOf": _ONE_CONTENT,
        "additionalProperties": False,
    },
    "NewContentForm": {
        "type": "object",
        "description": "New content, as a file.",
        "required": ["file"],
        "properties": {
            "file": _FILE,
            "format": {
                **MEDIA_TYPE,
                "description": "The media type; without it, what the file says.",
            },
        },
        "additionalProperties": False,
    },
    "ResourceChanges": {
        "type": "object",
        "description": "A merge patch (RFC 7396): null removes, what is absent stays.",
        "properties": {
            "name": NAME,
            "description": {"anyOf": [DESCRIPTION, {"type": "null"}]},
            "language": {"anyOf": [LANGUAGE, {"type": "null"}]},
            "entityTypes": {"anyOf": [ENTITY_TYPES, {"type": "null"}]},
            "archived": {"type": "boolean"},
        },
        "additionalProperties": False,
        "examples": [{"name": "Another name", "description": None, "entityTypes": ["Person"]}],
    },
    "NewClone": {
        "type": "object",
        "description": "What the clone has otherwise than its source.",
        "properties": {
            "name": NAME,
            "description": DESCRIPTION,
            "language": LANGUAGE,
            "entityTypes": ENTITY_TYPES,
        },
        "additionalProperties": False,
    },
    "Representation": {
        "type": "object",
        "required": ["checksum", "format", "size"],
        "properties": {
            "checksum": CHECKSUM,
            "format": MEDIA_TYPE,
            "size": {"type": "integer", "minimum": 0},
            "filename": {"type": "string"},
        },
    },
    "Resource": {
        "type": "object",
        "description": "A document or image, and what is known of it (JSON-LD).",
        "required": [
            "@context",
            "@id",
            "id",
            "name",
            "entityTypes",
            "archived",
            "version",
            "created",
            "modified",
            "creator",
            "representations",
            "annotationCount",
        ],
        "properties": {
            "@context": {"type": "string", "format": "uri"},
            "@id": {"type": "string", "format": "uri"},
            "@type": {"type": "string"},
            "id": ID,
            "name": {"type": "string"},
            "description": {"type": "string"},
            "entityTypes": {"type": "array", "items": {"type": "string"}},
            "language": {"type": "string"},
            "archived": {"type": "boolean"},
            "version": VERSION,
            "created": TIME,
            "modified": TIME,
            "creator": {"$ref": "#/components/schemas/Actor"},
            "representations": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Representation"},
                "description": "The newest last.",
            },
            "annotationCount": {"type": "integer", "minimum": 0},
            "source": {
                "type": "string",
                "format": "uri",
                "description": "The resource that this is a clone of.",
            },
            "content": {
                "type": "object",
                "description": "Text up to 256 KB inline, anything else as a link.",
                "properties": {
                    "text": {"type": "string"},
                    "href": {"type": "string", "format": "uri"},
                },
            },
        },
    },
    "Resources": told(page_of("Resource", "Resources, without their content; newest first.")),
    "NewUpload": {
        "type": "object",
        "description": "What will be uploaded; S3 refuses other bytes.",
        "required": ["checksum", "size"],
        "properties": {
            "checksum": CHECKSUM,
            "size": {"type": "integer", "minimum": 0, "maximum": MAX_UPLOAD_BYTES},
        },
        "additionalProperties": False,
    },
    "Upload": {
        "type": "object",
        "description": "Send the bytes to `url` with `method` and exactly these `headers`; "
        'then create a resource with `"upload"`.',
        "required": ["upload", "url", "method", "headers", "expires"],
        "properties": {
            "upload": CHECKSUM,
            "url": {"type": "string", "format": "uri"},
            "method": {"const": "PUT"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "expires": TIME,
        },
    },
    "Events": page_of("Event", "Events of one resource, in the order of their versions."),
}
