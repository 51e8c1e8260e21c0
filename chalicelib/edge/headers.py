"""Request headers and the few grammars in them that we read: media types, entity tags, Accept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.errors import Malformed

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110, 5.6.2
_MEDIA_TYPE: Final = re.compile(rf"\s*({_NAME}/{_NAME})\s*((?:;.*)?)\Z", re.DOTALL)
_PARAMETER: Final = re.compile(rf';\s*(?:({_NAME})=({_NAME}|"(?:[^"\\]|\\.)*"))?\s*')
_ETAG: Final = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|\Z)')  # RFC 9110, 8.8.3
_RANGE: Final = re.compile(rf'({_NAME}/{_NAME})((?:[^,"]|"(?:[^"\\]|\\.)*")*)')
_QUALITY: Final = re.compile(r";\s*q=([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)
_EMPTY_ELEMENT: Final = re.compile(r"\s*,")


class Headers:
    """Headers by name, whatever its case; a header that came more than once is a list."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), []).append(value)

    @classmethod
    def of_event(cls, event: Mapping[str, Any]) -> Headers:
        """Read an API Gateway proxy event: `multiValueHeaders` if it has them, else `headers`."""
        many = event.get("multiValueHeaders")
        if many:
            return cls((name, value) for name, values in many.items() for value in values)
        return cls((event.get("headers") or {}).items())

    def joined(self, name: str) -> str | None:
        """Return a list-valued header whole: its lines joined by commas (RFC 9110, 5.3)."""
        values = self._values.get(name.lower())
        return None if values is None else ", ".join(values)

    def one(self, name: str) -> str | None:
        """Return a header that may stand only once, trimmed; `Malformed` if it came twice."""
        values = self._values.get(name.lower(), [])
        if len(values) > 1:
            raise Malformed(f"The header {name} came {len(values)} times")
        return values[0].strip() if values else None


@dataclass(frozen=True, slots=True)
class MediaType:
    """``text/plain; charset=utf-8``: `name` in lower case, parameters by lower-case name."""

    name: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> MediaType:
        """Read a Content-Type. Raises `Malformed` for what is none."""
        match = _MEDIA_TYPE.match(text)
        if match is None:
            raise Malformed("The Content-Type is not a media type")
        rest, at, parameters = match[2], 0, dict[str, str]()
        while at < len(rest):
            pair = _PARAMETER.match(rest, at)
            if pair is None or pair.end() == at:
                raise Malformed("The Content-Type has a parameter that cannot be read")
            if pair[1]:
                parameters.setdefault(pair[1].lower(), _unquoted(pair[2]))
            at = pair.end()
        return cls(match[1].lower(), parameters)


@dataclass(frozen=True, slots=True)
class EntityTags:
    """What If-Match or If-None-Match names: anything (`*`), or a list of tags, (weak?, opaque)."""

    anything: bool
    tags: tuple[tuple[bool, str], ...] = ()

    @classmethod
    def parse(cls, text: str, header: str) -> EntityTags:
        """Read ``*`` or ``"7", W/"8"``. Raises `Malformed` for anything else (RFC 9110, 13.1)."""
        if text.strip() == "*":
            return cls(True)
        tags: list[tuple[bool, str]] = []
        at = 0
        while at < len(text):
            if empty := _EMPTY_ELEMENT.match(text, at):
                at = empty.end()
            elif tag := _ETAG.match(text, at):
                tags.append((tag[1] is not None, tag[2]))
                at = tag.end()
            elif not text[at:].strip():
                break
            else:
                tags.clear()
                break
        if not tags:
            raise Malformed(f'{header} must be * or a list of entity tags, such as "7"')
        return cls(False, tuple(tags))

    def match_strongly(self, opaque: str) -> bool:
        """Compare as If-Match must: a weak tag is like nothing."""
        return self.anything or (False, opaque) in self.tags

    def match_weakly(self, opaque: str) -> bool:
        """Compare as If-None-Match must: W/"7" and "7" are alike."""
        return self.anything or any(tag == opaque for _, tag in self.tags)


def negotiate(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offered media type that Accept likes best, the first of equals; None if none.

    Parameters of media ranges (`profile`) are not compared: what we offer has no variants in them.
    """
    if accept is None or not accept.strip():
        return offers[0]
    ranges: dict[str, float] = {}
    for found in _RANGE.finditer(accept):
        quality = _QUALITY.search(found[2])
        ranges[found[1].lower()] = float(quality[1]) if quality else 1.0
    best, best_quality = None, 0.0
    for offer in offers:
        for name in (offer, offer.partition("/")[0] + "/*", "*/*"):
            if name in ranges:
                if ranges[name] > best_quality:
                    best, best_quality = offer, ranges[name]
                break
    return best


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
