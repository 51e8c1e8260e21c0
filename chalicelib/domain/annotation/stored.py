"""Annotations as events hold them: W3C names, raw ids, nothing that is empty.

::

    {"id": "0192f…", "motivation": "linking",
     "target": {"checksum": "9f86…", "selector": [
         {"type": "TextPositionSelector", "start": 3, "end": 9},
         {"type": "TextQuoteSelector", "exact": "Vienna", "prefix": "in ", "suffix": ", "},
         {"type": "FragmentSelector", "value": "xywh=0,0,9,9", "conformsTo": "http://…"},
         {"type": "SvgSelector", "value": "<svg …/>"}]},
     "body": [
         {"type": "TextualBody", "value": "Place", "purpose": "tagging", "format": "text/plain",
          "language": "en"},
         {"type": "SpecificResource", "source": "resource:0192e…", "purpose": "linking"}],
     "generator": {"name": "rules 1.0", "type": "Software"}}

Positions count code points. What is read here was written here: a shape that is not one of these is
a ValueError or a KeyError, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from chalicelib.domain.annotation.model import (
    Annotation,
    Body,
    Fragment,
    Selector,
    SpecificResource,
    Svg,
    Target,
    TextPosition,
    TextQuote,
    TextualBody,
)


def encode(annotation: Annotation) -> dict[str, Any]:
    """Return the annotation as an event's data. `decode` of it is equal to the annotation."""
    target = _present(
        checksum=annotation.target.checksum,
        selector=[encode_selector(each) for each in annotation.target.selectors] or None,
    )
    return _present(
        id=annotation.id,
        motivation=annotation.motivation,
        target=target,
        body=encode_bodies(annotation.bodies) or None,
        generator=dict(annotation.generator) if annotation.generator is not None else None,
    )


def decode(data: Mapping[str, Any]) -> Annotation:
    """Return the annotation that `encode` wrote."""
    target = data["target"]
    selectors = tuple([decode_selector(each) for each in target.get("selector", ())])
    return Annotation(
        data["id"],
        data["motivation"],
        Target(target.get("checksum"), selectors),
        decode_bodies(data.get("body", ())),
        data.get("generator"),
    )


def encode_bodies(bodies: Iterable[Body]) -> list[dict[str, Any]]:
    """Return bodies as an event's data."""
    return [encode_body(body) for body in bodies]


def decode_bodies(data: Iterable[Mapping[str, Any]]) -> tuple[Body, ...]:
    """Return the bodies that `encode_bodies` wrote."""
    return tuple([decode_body(each) for each in data])


def encode_selector(selector: Selector) -> dict[str, Any]:
    """Return ``{"type": "TextPositionSelector", "start": 3, "end": 9}`` and its like."""
    match selector:
        case TextPosition(start, end):
            return {"type": "TextPositionSelector", "start": start, "end": end}
        case TextQuote(exact, prefix, suffix):
            context = _present(prefix=prefix or None, suffix=suffix or None)
            return {"type": "TextQuoteSelector", "exact": exact, **context}
        case Fragment(value, conforms_to):
            return _present(type="FragmentSelector", value=value, conformsTo=conforms_to)
        case Svg(value):
            return {"type": "SvgSelector", "value": value}
        case _:
            assert_never(selector)


def decode_selector(data: Mapping[str, Any]) -> Selector:
    """Return the selector that `encode_selector` wrote."""
    match data["type"]:
        case "TextPositionSelector":
            return TextPosition(data["start"], data["end"])
        case "TextQuoteSelector":
            return TextQuote(data["exact"], data.get("prefix", ""), data.get("suffix", ""))
        case "FragmentSelector":
            return Fragment(data["value"], data.get("conformsTo"))
        case "SvgSelector":
            return Svg(data["value"])
        case unknown:
            raise ValueError(f"{unknown!r} is not a selector that annotations are stored with")


def encode_body(body: Body) -> dict[str, Any]:
    """Return ``{"type": "TextualBody", "value": "Place", "purpose": "tagging"}`` and its like."""
    match body:
        case TextualBody(value, purpose, format_, language):
            return _present(
                type="TextualBody",
                value=value,
                purpose=purpose,
                format=format_,
                language=language,
            )
        case SpecificResource(source, purpose):
            return _present(type="SpecificResource", source=source, purpose=purpose)
        case _:
            assert_never(body)


def decode_body(data: Mapping[str, Any]) -> Body:
    """Return the body that `encode_body` wrote."""
    match data["type"]:
        case "TextualBody":
            return TextualBody(
                data["value"], data.get("purpose"), data.get("format"), data.get("language")
            )
        case "SpecificResource":
            return SpecificResource(data["source"], data.get("purpose"))
        case unknown:
            raise ValueError(f"{unknown!r} is not a body that annotations are stored with")


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
