"""The values an annotation is made of, and the limits of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.domain import svg
from chalicelib.domain.text import Offsets

# Web Annotation Data Model, 3.3.5 "Motivation and Purpose".
MOTIVATIONS: Final = (
    "assessing",
    "bookmarking",
    "classifying",
    "commenting",
    "describing",
    "editing",
    "highlighting",
    "identifying",
    "linking",
    "moderating",
    "questioning",
    "replying",
    "tagging",
)

MAX_BODIES: Final = 20
MAX_SELECTORS: Final = 10
MAX_OPERATIONS: Final = 100
MAX_EXACT: Final = 10_000  # code points; also the length of a text range
MAX_CONTEXT: Final = 500  # code points, of prefix and of suffix
MAX_VALUE: Final = 100_000  # code points of a TextualBody
MAX_IRI: Final = 2_048
MAX_NAME: Final = 255  # characters of a media type, a language tag, a generator's name
MAX_SVG: Final = svg.MAX_LENGTH


@dataclass(frozen=True, slots=True)
class TextPosition:
    """The code points `[start, end)` of the text; never empty."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TextQuote:
    """The text itself, and what stands next to it; an empty side says nothing."""

    exact: str
    prefix: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part named by a fragment identifier (``xywh=0,0,9,9``); `conforms_to` names its syntax."""

    value: str
    conforms_to: str | None = None


@dataclass(frozen=True, slots=True)
class Svg:
    """A region outlined by shapes. In a `Target` it went through `svg.clean`."""

    value: str


Selector = TextPosition | TextQuote | Fragment | Svg


@dataclass(frozen=True, slots=True)
class Target:
    """A part of the resource, or all of it where there are no selectors.

    `checksum` names the representation that the selectors were checked against: SHA-256, hex.
    """

    checksum: str | None
    selectors: tuple[Selector, ...] = ()

    @property
    def position(self) -> TextPosition | None:
        """Return the text range, where the target has one."""
        return next((each for each in self.selectors if isinstance(each, TextPosition)), None)

    @property
    def quote(self) -> TextQuote | None:
        """Return the quote, where the target has one."""
        return next((each for each in self.selectors if isinstance(each, TextQuote)), None)


@dataclass(frozen=True, slots=True)
class TextualBody:
    """A body that is its own text: a comment, a tag."""

    value: str
    purpose: str | None = None
    format: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class SpecificResource:
    """A body that is another resource. `source` is in stored form (`iri.to_stored`)."""

    source: str
    purpose: str | None = None


Body = TextualBody | SpecificResource
"""Bodies are an ordered set: equal ones are one."""


@dataclass(frozen=True, slots=True)
class NewAnnotation:
    """What a client asks for, well-formed but not yet held against the content.

    `offsets` is the unit of its positions: UTF-16 is converted where the text is at hand, in
    `anchoring.anchor`. `pointers` says where in the request each selector stood, for faults.
    """

    motivation: str
    selectors: tuple[Selector, ...] = ()
    bodies: tuple[Body, ...] = ()
    generator: Mapping[str, Any] | None = None
    offsets: Offsets = field(default="codepoint", kw_only=True)
    pointers: tuple[str, ...] = field(default=(), kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What ``annotation.added`` stores; creator and time are the commit's.

    Bodies may change later, the target never does.
    """

    id: str
    motivation: str
    target: Target
    bodies: tuple[Body, ...] = ()
    generator: Mapping[str, Any] | None = None
