"""The demo library: documents on palimpsests, and a catalogue of what to annotate in them.

`catalogue.json` says it all; this module reads it. Nothing here talks to the system.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FRAGMENT_SYNTAX = "http://tools.ietf.org/rfc/rfc3778"  # of PDF, W3C Web Annotation 4.2.1


@dataclass(frozen=True, slots=True)
class Mark:
    """One annotation to make. Exactly one of `exact`, `svg` and `fragment` says where.

    `positioned`: the target names the offsets as well as the quote. `link` is the key of another
    document of the catalogue.
    """

    motivation: str
    exact: str | None
    prefix: str
    suffix: str
    positioned: bool
    svg: str | None
    fragment: str | None
    tags: tuple[str, ...]
    schema: str | None
    comment: str | None
    link: str | None

    def span(self, text: str) -> tuple[int, int]:
        """Where the quote stands, in code points. LookupError unless it is there exactly once."""
        whole = f"{self.prefix}{self.exact}{self.suffix}"
        at = text.find(whole)
        if at < 0 or text.find(whole, at + 1) >= 0:
            raise LookupError(f"{whole!r} stands {text.count(whole)} times in the text, not once")
        start = at + len(self.prefix)
        return start, start + len(self.exact or "")

    def annotation(self, text: str | None, iri_of: Mapping[str, str]) -> dict[str, Any]:
        """The W3C Web Annotation to post, on a document whose decoded content is `text`."""
        return {
            "@context": "http://www.w3.org/ns/anno.jsonld",
            "type": "Annotation",
            "motivation": self.motivation,
            "target": {"selector": self.selectors(text)},
            "body": self.bodies(iri_of),
        }

    def selectors(self, text: str | None) -> list[dict[str, Any]]:
        """One selector, or position and quote."""
        if self.svg:
            return [{"type": "SvgSelector", "value": self.svg}]
        if self.fragment:
            selector = {"type": "FragmentSelector", "value": self.fragment}
            return [{**selector, "conformsTo": FRAGMENT_SYNTAX}]
        quote: dict[str, Any] = {"type": "TextQuoteSelector", "exact": self.exact}
        context = {"prefix": self.prefix, "suffix": self.suffix}
        quote |= {side: words for side, words in context.items() if words}
        if not self.positioned:
            return [quote]
        start, end = self.span(text or "")
        return [{"type": "TextPositionSelector", "start": start, "end": end}, quote]

    def bodies(self, iri_of: Mapping[str, str]) -> list[dict[str, Any]]:
        """Tags first, then the schema they belong to, the comment, and the link."""
        values = [(tag, "tagging") for tag in self.tags]
        values += [(self.schema, "classifying")] if self.schema else []
        values += [(self.comment, self.motivation)] if self.comment else []
        bodies = [{"type": "TextualBody", "value": v, "purpose": purpose} for v, purpose in values]
        if self.link:
            link = {"type": "SpecificResource", "source": iri_of[self.link], "purpose": "linking"}
            bodies.append(link)
        return bodies


@dataclass(frozen=True, slots=True)
class Document:
    """One document of the catalogue; its bytes lie beside it."""

    key: str
    file: str
    name: str
    format: str
    language: str | None
    entity_types: tuple[str, ...]
    description: str
    second_edition: str | None
    marks: tuple[Mark, ...]

    @property
    def content(self) -> bytes:
        return (HERE / self.file).read_bytes()

    @property
    def text(self) -> str | None:
        """The content decoded by the charset of its format; None for images and PDF."""
        return decoded(self.content, self.format)


def decoded(content: bytes, media_type: str) -> str | None:
    """Text by its charset, else UTF-8; a byte order mark is not part of it."""
    header = Message()
    header["Content-Type"] = media_type
    if header.get_content_maintype() != "text" and header.get_content_subtype() != "json":
        return None
    return content.decode(header.get_content_charset("utf-8")).removeprefix("\ufeff")


def library() -> tuple[Document, ...]:
    """Every document of the catalogue, in its order."""
    catalogue = json.loads((HERE / "catalogue.json").read_text(encoding="utf-8"))
    return tuple(_document(entry) for entry in catalogue["documents"])


def _document(entry: Mapping[str, Any]) -> Document:
    return Document(
        key=entry["key"],
        file=entry["file"],
        name=entry["name"],
        format=entry["format"],
        language=entry.get("language"),
        entity_types=tuple(entry["entityTypes"]),
        description=entry["description"],
        second_edition=entry.get("secondEdition"),
        marks=tuple(_mark(mark) for mark in entry["annotations"]),
    )


def _mark(entry: Mapping[str, Any]) -> Mark:
    return Mark(
        motivation=entry["motivation"],
        exact=entry.get("exact"),
        prefix=entry.get("prefix", ""),
        suffix=entry.get("suffix", ""),
        positioned=entry.get("anchor") == "position",
        svg=entry.get("svg"),
        fragment=entry.get("fragment"),
        tags=tuple(entry.get("tags", ())),
        schema=entry.get("schema"),
        comment=entry.get("comment"),
        link=entry.get("link"),
    )
