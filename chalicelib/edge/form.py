"""multipart/form-data: text fields and files, within limits.

Parsed by the package `multipart` in strict mode. The boundary, and the order of the parts, mean
nothing to anyone behind this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.errors import Malformed, TooLarge

# A Lambda is handed at most 6 MB (AWS "Lambda quotas", 2026-11), in which bytes stand as base64:
# 4 MiB of content become 5.6 MB and leave room for headers and fields.
MAX_CONTENT_BYTES: Final = 4 * 1024 * 1024
MAX_PARTS: Final = 128  # a list may come as one field for each item


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its bytes, and what it says of them."""

    name: str
    data: bytes
    filename: str | None
    media_type: str | None  # as sent, with parameters: "text/plain; charset=windows-1252"

    @property
    def text(self) -> str:
        """Return the part as a text field; `Malformed` unless it is UTF-8."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            raise Malformed(f"The field {self.name!r} is not UTF-8") from None


Form = Mapping[str, tuple[Part, ...]]

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_EXTENDED: Final = re.compile(r";\s*filename\*\s*=", re.IGNORECASE)


def parse(body: bytes, boundary: str) -> Form:
    """Return the parts by name, in their order. Raises `Malformed` or `TooLarge`."""
    from multipart import MultipartError, ParserLimitReached, PushMultipartParser

    if len(body) > MAX_CONTENT_BYTES + 512 * 1024:
        raise too_large()
    parts: dict[str, tuple[Part, ...]] = {}
    try:
        with PushMultipartParser(
            boundary, max_segment_size=MAX_CONTENT_BYTES, max_segment_count=MAX_PARTS, strict=True
        ) as parser:
            segment, chunks = None, list[bytes]()
            for found in parser.parse(body):
                if isinstance(found, bytes | bytearray):
                    chunks.append(bytes(found))
                elif found is not None:
                    segment, chunks = found, []
                    _understood(segment)
                elif segment is not None:
                    name, media_type = segment.name or "", segment.header("Content-Type")
                    part = Part(name, b"".join(chunks), segment.filename, media_type)
                    parts[name] = (*parts.get(name, ()), part)
    except ParserLimitReached as error:
        if "size" in str(error).lower():
            raise too_large() from None
        raise Malformed(f"The form is refused: {error}") from None
    except (MultipartError, ValueError) as error:
        told = error.args[0] if error.args else error  # behind it stands what Python said
        raise Malformed(f"The multipart body cannot be read: {told}") from None
    return parts


def _understood(segment: Any) -> None:
    """Refuse what would be stored otherwise than it was meant. RFC 7578, 4.2 and 4.7."""
    disposition = _QUOTED.sub("", segment.header("Content-Disposition") or "")
    if segment.filename is None and _EXTENDED.search(disposition):
        raise Malformed('A form has no filename*: send the name as filename="…", in UTF-8')
    coding = (segment.header("Content-Transfer-Encoding") or "binary").strip().lower()
    if coding not in ("binary", "8bit", "7bit"):
        raise Malformed(f"The part {segment.name!r} is in {coding}: send its bytes as they are")


def only(parts: tuple[Part, ...]) -> Part:
    """Return the one part of a name that may stand once. Raises `Malformed`."""
    if len(parts) > 1:
        raise Malformed(f"The form has the field {parts[0].name!r} {len(parts)} times")
    return parts[0]


def too_large() -> TooLarge:
    """Return the error for content that does not fit into a request."""
    return TooLarge(
        f"Content in a request may have {MAX_CONTENT_BYTES} bytes; "
        "for more, ask POST /uploads for an address to put it to",
        limit_bytes=MAX_CONTENT_BYTES,
    )
