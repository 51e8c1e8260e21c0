"""SVG selectors: shapes that outline a region of an image, and nothing that could do anything else.

What `clean` returns is put into pages by clients, so it is judged as a browser would judge it. Two
parsers have to agree on it: an XML parser (defusedxml: no DTD, no entities), and the HTML parser in
nh3, whose allow-list cleaner has the last word. Between them the drawing is written anew from what
was understood, without prefixes, comments, text or CDATA: what only one of the two parsers can see
does not survive.

What is not geometry is dropped, whole: a shape within `defs` or `clipPath` was never drawn as such,
so it goes with its parent. Geometry that is wrong is refused, never dropped: `<rect x="one" …>`
without its `x` would be another region.

::

    <s:svg xmlns:s="http://www.w3.org/2000/svg"><s:rect x="1" width="2" height="2"
           onclick="…" style="…"/><s:script>…</s:script></s:svg>
    becomes
    <svg xmlns="http://www.w3.org/2000/svg"><rect x="1" width="2" height="2"/></svg>
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from chalicelib import errors

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAMESPACE: Final = "http://www.w3.org/2000/svg"
MAX_LENGTH: Final = 50_000
MAX_DEPTH: Final = 32
"""Elements within elements. HTML parsers and recursive readers are not made for 10,000."""

_SPACES: Final = re.compile(r"[ \t\r\n]+")
_NUMBER: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_LENGTH: Final = re.compile(rf"{_NUMBER}(?:%|[a-zA-Z]{{1,4}})?")
_NUMBERS: Final = re.compile(r"[0-9eE+\-., ]*")
_PATH: Final = re.compile(r"[MmZzLlHhVvCcSsQqTtAaEe0-9+\-., ]*")
_TRANSFORM: Final = re.compile(
    r"(?:(?:matrix|translate|scale|rotate|skewX|skewY) ?\([0-9eE+\-., ]*\)[, ]*)*"
)
_ASPECT: Final = re.compile(r"(?:none|x(?:Min|Mid|Max)Y(?:Min|Mid|Max))(?: (?:meet|slice))?")
_FILL_RULE: Final = re.compile(r"nonzero|evenodd")  # which side of a path's edge is inside

_BOX: Final = dict.fromkeys(("x", "y", "width", "height"), _LENGTH)
_COMMON: Final = {"transform": _TRANSFORM, "fill-rule": _FILL_RULE}
_ALLOWED: Final[Mapping[str, Mapping[str, re.Pattern[str]]]] = {
    "svg": {**_BOX, **_COMMON, "viewBox": _NUMBERS, "preserveAspectRatio": _ASPECT},
    "g": _COMMON,
    "rect": {**_BOX, **_COMMON, "rx": _LENGTH, "ry": _LENGTH},
    "circle": {**dict.fromkeys(("cx", "cy", "r"), _LENGTH), **_COMMON},
    "ellipse": {**dict.fromkeys(("cx", "cy", "rx", "ry"), _LENGTH), **_COMMON},
    "line": {**dict.fromkeys(("x1", "y1", "x2", "y2"), _LENGTH), **_COMMON},
    "polygon": {"points": _NUMBERS, **_COMMON},
    "polyline": {"points": _NUMBERS, **_COMMON},
    "path": {"d": _PATH, **_COMMON},
}

# What gives a shape its extent: without any of these it outlines nothing.
_EXTENT: Final[Mapping[str, tuple[str, ...]]] = {
    "rect": ("width", "height"),
    "circle": ("r",),
    "ellipse": ("rx", "ry"),
    "line": ("x1", "y1", "x2", "y2"),
    "polygon": ("points",),
    "polyline": ("points",),
    "path": ("d",),
}


def clean(value: str) -> str:
    """Return `value` reduced to shapes and their geometry, as well-formed XML of one line.

    A root without a namespace is taken for SVG. Cleaning what was cleaned changes nothing.

    Raises Invalid where `value` is not well-formed, has a DTD, is not SVG, is too long or too deep,
    holds geometry that cannot be read, or where no shape remains.
    """
    import nh3

    if len(value) > MAX_LENGTH:
        raise errors.Invalid(f"an SVG selector has at most {MAX_LENGTH} characters")
    drawing = _write(_parse(value))
    browser = nh3.clean(
        drawing,
        tags=set(_ALLOWED),
        attributes={tag: {"xmlns", *attributes} for tag, attributes in _ALLOWED.items()},
        clean_content_tags={"script", "style"},
        link_rel=None,
    )
    result = _write(_parse(browser))
    if len(result) > MAX_LENGTH:
        raise errors.Invalid(f"an SVG selector has at most {MAX_LENGTH} characters, once cleaned")
    return result


def _parse(value: str) -> Element:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(value, forbid_dtd=True)
    except DefusedXmlException as error:
        raise errors.Invalid("an SVG selector has no DTD and no entities") from error
    except (ParseError, ValueError) as error:
        raise errors.Invalid(f"the SVG is not well-formed: {error}") from error
    if root.tag not in ("svg", f"{{{NAMESPACE}}}svg"):
        raise errors.Invalid(f"the root must be svg in the namespace {NAMESPACE}")
    return root


def _write(root: Element) -> str:
    """Return the allowed part of a drawing as XML. Raises Invalid where no shape is in it."""
    namespace = root.tag.removesuffix("svg")
    shapes: list[str] = []

    def write(element: Element, name: str, depth: int) -> Iterator[str]:
        if depth > MAX_DEPTH:
            raise errors.Invalid(f"an SVG selector is at most {MAX_DEPTH} elements deep")
        geometry = dict(_geometry(element, name))
        if any(geometry.get(attribute) for attribute in _EXTENT.get(name, ())):
            shapes.append(name)
        xmlns = f' xmlns="{NAMESPACE}"' if depth == 1 else ""
        yield f"<{name}{xmlns}" + "".join(f' {key}="{val}"' for key, val in geometry.items())
        inner = "".join(
            part
            for child in element
            if (local := _local(child, namespace)) in _ALLOWED
            for part in write(child, local, depth + 1)
        )
        yield f">{inner}</{name}>" if inner else "/>"

    result = "".join(write(root, "svg", 1))
    if not shapes:
        raise errors.Invalid(f"the SVG outlines nothing: it needs one of {', '.join(_EXTENT)}")
    return result


def _local(element: Element, namespace: str) -> str:
    """Return the element's name within `namespace`, else ""."""
    name = element.tag
    return name.removeprefix(namespace) if name.startswith(namespace) else ""


def _geometry(element: Element, name: str) -> Iterator[tuple[str, str]]:
    """Yield the allowed attributes. Raises Invalid for a value that is not what its name says.

    Values hold no character that XML or HTML would need escaped: the patterns see to it.
    """
    for attribute, pattern in _ALLOWED[name].items():
        value = element.get(attribute)
        if value is None:
            continue
        value = _SPACES.sub(" ", value).strip(" ")  # XML reads a newline in a value as a space
        if not pattern.fullmatch(value):
            raise errors.Invalid(f"{attribute}={value[:100]!r} of {name} is not geometry")
        yield attribute, value
