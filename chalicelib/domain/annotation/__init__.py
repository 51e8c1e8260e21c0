"""What an annotation is: a motivation, a target on one resource, and bodies.

Names and meaning are those of the Web Annotation Data Model (W3C Recommendation of 2017-02-23);
`docs/annotations.md` says which part of it is spoken here. One thought each::

    model      the values, and the limits in numbers
    faults     reading a client's JSON, every fault with its pointer
    incoming   W3C JSON from a client → a new annotation
    bodies     … → bodies, and the operations that change them
    stored     values ↔ what an event holds
    outgoing   values → W3C JSON for a client

The way of an annotation: `parse` makes a `NewAnnotation` of what a client says; `anchoring.anchor`
holds it against the content and returns the `Target`; id, motivation, target and bodies are the
`Annotation` that ``annotation.added`` stores. Who and when is the commit's to say.
"""

from __future__ import annotations

from chalicelib.domain.annotation.bodies import apply_operations, body_from_json
from chalicelib.domain.annotation.incoming import parse
from chalicelib.domain.annotation.model import (
    MAX_BODIES,
    MAX_CONTEXT,
    MAX_EXACT,
    MAX_IRI,
    MAX_NAME,
    MAX_OPERATIONS,
    MAX_SELECTORS,
    MAX_SVG,
    MAX_VALUE,
    MOTIVATIONS,
    Annotation,
    Body,
    Fragment,
    NewAnnotation,
    Selector,
    SpecificResource,
    Svg,
    Target,
    TextPosition,
    TextQuote,
    TextualBody,
)
from chalicelib.domain.annotation.outgoing import to_json
from chalicelib.domain.annotation.stored import decode, decode_bodies, encode, encode_bodies

__all__ = [
    "MAX_BODIES",
    "MAX_CONTEXT",
    "MAX_EXACT",
    "MAX_IRI",
    "MAX_NAME",
    "MAX_OPERATIONS",
    "MAX_SELECTORS",
    "MAX_SVG",
    "MAX_VALUE",
    "MOTIVATIONS",
    "Annotation",
    "Body",
    "Fragment",
    "NewAnnotation",
    "Selector",
    "SpecificResource",
    "Svg",
    "Target",
    "TextPosition",
    "TextQuote",
    "TextualBody",
    "apply_operations",
    "body_from_json",
    "decode",
    "decode_bodies",
    "encode",
    "encode_bodies",
    "parse",
    "to_json",
]
