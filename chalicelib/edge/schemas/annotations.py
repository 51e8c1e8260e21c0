"""W3C Web Annotations, as far as structure goes; what they mean is `domain.annotation`'s to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.domain.annotation.model import (
    MAX_BODIES,
    MAX_CONTEXT,
    MAX_EXACT,
    MAX_OPERATIONS,
    MAX_SELECTORS,
    MAX_SVG,
    MAX_VALUE,
    MOTIVATIONS,
)
from chalicelib.edge.schemas.common import IRI, LANGUAGE, TIME, VERSION, Schema, page_of

MAX_ANNOTATIONS: Final = 100  # events in one commit: docs/event-store.md

_MOTIVATION: Final[Schema] = {"type": "string", "enum": MOTIVATIONS}
_POSITION: Final[Schema] = {"type": "integer", "minimum": 0}
_OFFSETS: Final = "Code points, or UTF-16 units with `?offsets=utf16`; `end` is exclusive."
_WORDS: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 200}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: list[str], description: str, **properties: Any) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": required,
        "properties": {name.rstrip("_"): schema for name, schema in properties.items()},
        "additionalProperties": False,
    }


def _one_or_many(name: str, at_most: int) -> Schema:
    return {"anyOf": [_ref(name), {"type": "array", "items": _ref(name), "maxItems": at_most}]}


_SPOKEN: Final[Mapping[str, Schema]] = {
    "TextPositionSelector": _object(
        ["type", "start", "end"],
        f"A range of the text. {_OFFSETS}",
        type={"const": "TextPositionSelector"},
        start=_POSITION,
        end=_POSITION,
    ),
    "TextQuoteSelector": _object(
        ["type", "exact"],
        "The text itself, and what stands around it.",
        type={"const": "TextQuoteSelector"},
        exact={"type": "string", "minLength": 1, "maxLength": MAX_EXACT},
        prefix={"type": "string", "maxLength": MAX_CONTEXT},
        suffix={"type": "string", "maxLength": MAX_CONTEXT},
    ),
    "FragmentSelector": _object(
        ["type", "value"],
        "A part that a fragment identifier names, as `xywh=0,0,9,9`.",
        type={"const": "FragmentSelector"},
        value=IRI,
        conformsTo=IRI,
    ),
    "SvgSelector": _object(
        ["type", "value"],
        "A region outlined by SVG shapes; anything else in the SVG is removed.",
        type={"const": "SvgSelector"},
        value={"type": "string", "minLength": 1, "maxLength": MAX_SVG},
    ),
    "Selector": {
        "oneOf": [
            _ref("TextPositionSelector"),
            _ref("TextQuoteSelector"),
            _ref("FragmentSelector"),
            _ref("SvgSelector"),
        ]
    },
    "TextualBody": _object(
        ["value"],
        "A body that is its own text: a comment, a tag.",
        type={"const": "TextualBody"},
        value={"type": "string", "minLength": 1, "maxLength": MAX_VALUE},
        purpose=_MOTIVATION,
        format={**_WORDS, "description": "A media type."},
        language=LANGUAGE,
    ),
    "SpecificResource": _object(
        ["source"],
        "A body that is another resource.",
        type={"const": "SpecificResource"},
        source=IRI,
        purpose=_MOTIVATION,
    ),
    "Body": {"anyOf": [_ref("TextualBody"), _ref("SpecificResource"), IRI]},
    "Bodies": _one_or_many("Body", MAX_BODIES),
}

ANNOTATION_SCHEMAS: Final[Mapping[str, Schema]] = {
    **_SPOKEN,
    "NewAnnotation": {
        "type": "object",
        "description": "A W3C Web Annotation. What the service assigns (`id`, `creator`, "
        "`created` …) may stand in it, and is not read.",
        "required": ["motivation"],
        "properties": {
            "type": {
                "anyOf": [
                    {"const": "Annotation"},
                    {"type": "array", "contains": {"const": "Annotation"}},
                ]
            },
            "motivation": {
                "anyOf": [
                    _MOTIVATION,
                    {"type": "array", "items": _MOTIVATION, "minItems": 1, "maxItems": 1},
                ]
            },
            "target": {
                "anyOf": [
                    _object(
                        [],
                        "A part of the resource, or all of it. `source` may be left out.",
                        type={"const": "SpecificResource"},
                        source=IRI,
                        selector=_one_or_many("Selector", MAX_SELECTORS),
                    ),
                    IRI,
                ]
            },
            "body": _ref("Bodies"),
            "generator": {
                "anyOf": [
                    _object(
                        [],
                        "The software that made the annotation.",
                        id=IRI,
                        type=_WORDS,
                        name=_WORDS,
                        version=_WORDS,
                        homepage=IRI,
                    ),
                    IRI,
                ]
            },
            "@context": True,
            "id": True,
            "creator": True,
            "created": True,
            "modified": True,
            "anchor": True,
        },
        "additionalProperties": False,
        "examples": [
            {
                "motivation": "linking",
                "target": {
                    "selector": [{"type": "TextQuoteSelector", "exact": "Vienna", "prefix": "in "}]
                },
                "body": [{"type": "TextualBody", "value": "Location", "purpose": "tagging"}],
            }
        ],
    },
    "NewAnnotations": {
        "description": "One annotation, or many: all of them are stored, or none.",
        "if": {"type": "object", "required": ["items"]},
        "then": {
            "type": "object",
            "required": ["items"],
            "properties": {
                "items": {
                    "type": "array",
                    "items": _ref("NewAnnotation"),
                    "minItems": 1,
                    "maxItems": MAX_ANNOTATIONS,
                }
            },
            "additionalProperties": False,
        },
        "else": _ref("NewAnnotation"),
    },
    "NewBody": {
        "type": "object",
        "description": "The whole new body, or operations on the current one: all, or none.",
        "properties": {
            "body": _ref("Bodies"),
            "operations": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_OPERATIONS,
                "items": {
                    "oneOf": [
                        _object(["op", "item"], "", op={"const": "add"}, item=_ref("Body")),
                        _object(["op", "item"], "", op={"const": "remove"}, item=_ref("Body")),
                        _object(
                            ["op", "oldItem", "newItem"],
                            "",
                            op={"const": "replace"},
                            oldItem=_ref("Body"),
                            newItem=_ref("Body"),
                        ),
                    ]
                },
            },
        },
        "oneOf": [{"required": ["body"]}, {"required": ["operations"]}],
        "additionalProperties": False,
        "examples": [
            {
                "operations": [
                    {
                        "op": "add",
                        "item": {"type": "TextualBody", "value": "Person", "purpose": "tagging"},
                    }
                ]
            }
        ],
    },
    "Annotation": {
        "type": "object",
        "description": "A W3C Web Annotation. `anchor` tells where it stands in today's content.",
        "required": ["@context", "id", "type", "motivation", "target", "body", "creator"],
        "properties": {
            "@context": {"type": "string"},
            "id": {"type": "string", "format": "uri"},
            "type": {"const": "Annotation"},
            "motivation": _MOTIVATION,
            "target": {
                "type": "object",
                "required": ["source"],
                "properties": {
                    "source": {"type": "string", "format": "uri"},
                    "selector": {"type": "array", "items": _ref("Selector")},
                },
            },
            "body": {"type": "array", "items": _ref("Body")},
            "creator": {"$ref": "#/components/schemas/Actor"},
            "created": TIME,
            "modified": TIME,
            "generator": {"type": "object"},
            "anchor": {
                "type": "object",
                "required": ["state"],
                "properties": {
                    "state": {"enum": ["anchored", "relocated", "orphaned"]},
                    "checksum": {"type": "string"},
                    "selector": _ref("TextPositionSelector"),
                },
            },
        },
    },
    "Annotations": page_of("Annotation", "Annotations of one resource, in the order of their ids."),
    "AddedAnnotations": {
        "description": "The annotation, or all of them, as they were asked for.",
        "anyOf": [
            _ref("Annotation"),
            {
                "type": "object",
                "required": ["items", "version"],
                "properties": {
                    "items": {"type": "array", "items": _ref("Annotation")},
                    "version": {**VERSION, "description": "Of the resource, with all of them."},
                },
            },
        ],
    },
}
