"""W3C JSON from a client → a `NewAnnotation`.

What the server assigns (`id`, `creator`, `created` …) is accepted and ignored, so that an answer
can be sent back as it was read. What this service would not keep is a fault: nothing is accepted
and then lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from chalicelib.domain import iri
from chalicelib.domain.annotation.bodies import bodies_of
from chalicelib.domain.annotation.faults import Node, Unreadable, collected
from chalicelib.domain.annotation.model import (
    MAX_CONTEXT,
    MAX_EXACT,
    MAX_IRI,
    MAX_NAME,
    MAX_SELECTORS,
    MAX_SVG,
    MOTIVATIONS,
    Fragment,
    NewAnnotation,
    Selector,
    Svg,
    TextPosition,
    TextQuote,
)
from chalicelib.domain.text import Offsets

_ASSIGNED: Final = ("@context", "id", "creator", "created", "modified", "anchor")
_MEMBERS: Final = ("type", "motivation", "target", "body", "generator", *_ASSIGNED)


def parse(
    data: Any, *, resource_id: str, pointer: str = "", offsets: Offsets = "codepoint"
) -> NewAnnotation:
    """Return what a client's annotation asks for, on the resource `resource_id`.

    `pointer` is where `data` stands in the request. `offsets` is the unit of its positions, which
    are not converted here: the text is not at hand. Raises Invalid with all faults.
    """
    with collected("annotation") as faults:
        node = Node(data, pointer, faults)
        if not node.is_object(*_MEMBERS, else_="must be an annotation: an object"):
            raise Unreadable
        kind = node.at("type").value if node.has("type") else "Annotation"
        if kind != "Annotation" and not (isinstance(kind, list) and "Annotation" in kind):
            node.at("type").fault('must be "Annotation"')
        if node.has("motivation"):
            motivation = node.at("motivation").motivation()
        else:
            node.at("motivation").fault(f"is required: one of {', '.join(MOTIVATIONS)}")
        selectors = _target(node.at("target"), resource_id) if node.has("target") else []
        bodies = bodies_of(node.at("body")) if node.has("body") else ()
        generator = _generator(node.at("generator")) if node.has("generator") else None
    assert motivation is not None
    return NewAnnotation(
        motivation,
        tuple(selector for _, selector in selectors),
        bodies,
        generator,
        offsets=offsets,
        pointers=tuple(at.removeprefix(pointer) for at, _ in selectors),
    )


def _target(node: Node, resource_id: str) -> list[tuple[str, Selector]]:
    """Return the selectors, each with its pointer."""
    if isinstance(node.value, str):
        _refuse_other(node, resource_id)
        return []
    meaning = "must be one target: an object with source and selector, or an IRI"
    if not node.is_object("type", "source", "selector", else_=meaning):
        return []
    if node.has("type") and node.at("type").value != "SpecificResource":
        node.at("type").fault('must be "SpecificResource"')
    if node.has("source"):
        _refuse_other(node.at("source"), resource_id)
    return _selectors(node.at("selector")) if node.has("selector") else []


def _refuse_other(node: Node, resource_id: str) -> None:
    """Note a fault unless this names the annotated resource, and nothing but it."""
    source = node.iri()
    if source is None or source == f"resource:{resource_id}":
        return
    if iri.resource_of(source) == resource_id:
        node.fault("must name the resource alone; a part of it is named by a selector")
    else:
        node.fault("names something else than the resource that is annotated")


def _selectors(node: Node) -> list[tuple[str, Selector]]:
    if isinstance(node.value, list) and len(node.value) > MAX_SELECTORS:
        node.fault(f"has {len(node.value)} selectors, at most {MAX_SELECTORS} are allowed")
        return []
    selectors: list[tuple[str, Selector]] = []
    for item in node.items():
        selector = _selector(item)
        if selector is None:
            continue
        # Selectors of one target say the same in several ways (Web Annotation Data Model, 4.2),
        # so a second range of text would be a second annotation.
        text_like = isinstance(selector, TextPosition | TextQuote)
        if text_like and any(type(other) is type(selector) for _, other in selectors):
            item.fault(f"is a second {item.value['type']}; a target has at most one")
        else:
            selectors.append((item.pointer, selector))
    return selectors


def _selector(node: Node) -> Selector | None:
    kind = node.value.get("type") if isinstance(node.value, Mapping) else None
    if not isinstance(kind, str) or kind not in _SELECTORS:
        place = node.at("type") if isinstance(node.value, Mapping) else node
        place.fault(f"must be a selector, of type {', '.join(_SELECTORS)}")
        return None
    members, read = _SELECTORS[kind]
    node.is_object("type", *members, else_="")
    return read(node)


def _position(node: Node) -> TextPosition | None:
    start, end = node.integer("start"), node.integer("end")
    if start is None or end is None:
        return None
    if start >= end:
        node.fault(f"is empty: start {start} must be less than end {end}")
        return None
    return TextPosition(start, end)


def _quote(node: Node) -> TextQuote | None:
    exact = node.string("exact", at_most=MAX_EXACT, required=True)
    prefix = node.string("prefix", at_most=MAX_CONTEXT, empty=True)
    suffix = node.string("suffix", at_most=MAX_CONTEXT, empty=True)
    return TextQuote(exact, prefix or "", suffix or "") if exact is not None else None


def _fragment(node: Node) -> Fragment | None:
    value = node.string("value", at_most=MAX_IRI, required=True)
    conforms_to = node.at("conformsTo").iri() if node.has("conformsTo") else None
    return Fragment(value, conforms_to) if value is not None else None


def _svg(node: Node) -> Svg | None:
    value = node.string("value", at_most=MAX_SVG, required=True)
    return Svg(value) if value is not None else None


_SELECTORS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Node], Selector | None]]]] = {
    "TextPositionSelector": (("start", "end"), _position),
    "TextQuoteSelector": (("exact", "prefix", "suffix"), _quote),
    "FragmentSelector": (("value", "conformsTo"), _fragment),
    "SvgSelector": (("value",), _svg),
}


def _generator(node: Node) -> dict[str, Any] | None:
    """Return the software that made the annotation (Web Annotation Data Model, 3.3.1)."""
    if isinstance(node.value, str):
        return {"id": node.iri()}
    meaning = "must be an object with id, type, name, version, homepage, or an IRI"
    if not node.is_object("id", "type", "name", "version", "homepage", else_=meaning):
        return None
    names = {name: node.at(name).iri() for name in ("id", "homepage") if node.has(name)}
    words = {
        name: node.string(name, at_most=MAX_NAME)
        for name in ("type", "name", "version")
        if node.has(name)
    }
    return {**names, **words}
