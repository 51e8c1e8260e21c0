"""Bodies from a client, and the operations that change them.

A body that is an IRI alone becomes a SpecificResource without purpose: the same meaning (Web
Annotation Data Model, 3.2.1 and 4), in the one shape that clients then have to read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from chalicelib.domain.annotation.faults import Node, Unreadable, collected
from chalicelib.domain.annotation.model import (
    MAX_BODIES,
    MAX_NAME,
    MAX_OPERATIONS,
    MAX_VALUE,
    Body,
    SpecificResource,
    TextualBody,
)

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE: Final = re.compile(rf"{_WORD}/{_WORD}(?: *;.*)?")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")  # the outline of RFC 5646


def body_from_json(data: Any, pointer: str = "/body") -> tuple[Body, ...]:
    """Return the bodies of a `body` member's value: an object, an IRI, or a list of them.

    ``[{"type": "TextualBody", "value": "Place", "purpose": "tagging"}]``. Equal bodies become one.
    Raises Invalid with all faults.
    """
    with collected("body") as faults:
        return bodies_of(Node(data, pointer, faults))


def apply_operations(
    bodies: tuple[Body, ...], operations_json: Any, pointer: str = "/operations"
) -> tuple[Body, ...]:
    """Return `bodies` after the operations, in their order: all of them, or none.

    ``[{"op": "add", "item": {…}}, {"op": "remove", "item": {…}},
    {"op": "replace", "oldItem": {…}, "newItem": {…}}]``. To add what is there changes nothing; to
    remove or replace what is not there is a fault. Raises Invalid with all faults.
    """
    with collected("change of the body") as faults:
        node = Node(operations_json, pointer, faults)
        if not isinstance(operations_json, list) or len(operations_json) > MAX_OPERATIONS:
            node.fault(f"must be a list of at most {MAX_OPERATIONS} operations")
            raise Unreadable
        for operation in node.items():
            bodies = _applied(operation, bodies)
        if len(bodies) > MAX_BODIES:
            node.fault(f"leave {len(bodies)} bodies, at most {MAX_BODIES} are allowed")
    return bodies


def bodies_of(node: Node) -> tuple[Body, ...]:
    """Return the bodies of a `body` member, noting its faults."""
    if isinstance(node.value, list) and len(node.value) > MAX_BODIES:
        node.fault(f"has {len(node.value)} bodies, at most {MAX_BODIES} are allowed")
        return ()
    found = (_body(item) for item in node.items())
    return tuple(dict.fromkeys(body for body in found if body is not None))


def _body(node: Node) -> Body | None:
    if isinstance(node.value, str):
        source = node.iri()
        return SpecificResource(source) if source is not None else None
    value = node.value if isinstance(node.value, Mapping) else {}
    kind = value.get("type")
    if kind == "TextualBody" or (kind is None and "value" in value):
        return _textual(node)
    if kind == "SpecificResource" or (kind is None and "source" in value):
        return _specific(node)
    place = node.at("type") if value else node
    place.fault("must be a TextualBody, a SpecificResource or an IRI")
    return None


def _textual(node: Node) -> TextualBody | None:
    node.is_object("type", "value", "purpose", "format", "language", else_="")
    value = node.string("value", at_most=MAX_VALUE, required=True)
    format_ = node.string("format", at_most=MAX_NAME, like=_MEDIA_TYPE, meaning="a media type")
    language = node.string(
        "language", at_most=MAX_NAME, like=_LANGUAGE, meaning="a language tag, as en or de-AT"
    )
    purpose = _purpose(node)
    return TextualBody(value, purpose, format_, language) if value is not None else None


def _specific(node: Node) -> SpecificResource | None:
    node.is_object("type", "source", "purpose", else_="")
    if node.has("source"):
        source = node.at("source").iri()
    else:
        source = None
        node.at("source").fault("is required: an IRI")
    purpose = _purpose(node)
    return SpecificResource(source, purpose) if source is not None else None


def _purpose(node: Node) -> str | None:
    return node.at("purpose").motivation() if node.has("purpose") else None


def _applied(node: Node, bodies: tuple[Body, ...]) -> tuple[Body, ...]:
    """Return `bodies` after one operation; unchanged where it is a fault."""
    op = node.value.get("op") if isinstance(node.value, Mapping) else None
    match op:
        case "add":
            node.is_object("op", "item", else_="")
            item = _item(node, "item")
            return bodies if item is None or item in bodies else (*bodies, item)
        case "remove":
            node.is_object("op", "item", else_="")
            item = _item(node, "item")
            if item is not None and item not in bodies:
                node.at("item").fault("is not a body of the annotation: nothing to remove")
            return tuple(body for body in bodies if body != item)
        case "replace":
            node.is_object("op", "oldItem", "newItem", else_="")
            old, new = _item(node, "oldItem"), _item(node, "newItem")
            if old is None or new is None:
                return bodies
            if old not in bodies:
                node.at("oldItem").fault("is not a body of the annotation: nothing to replace")
            return tuple(dict.fromkeys(new if body == old else body for body in bodies))
        case _:
            node.fault("must be an operation, with op add, remove or replace")
            return bodies


def _item(node: Node, name: str) -> Body | None:
    if not node.has(name):
        node.at(name).fault("is required: a body")
        return None
    return _body(node.at(name))
