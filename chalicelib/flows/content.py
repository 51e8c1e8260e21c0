"""Content on its way in and out: stored before the log names it, decoded for what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chalicelib.domain import text as texts
from chalicelib.domain.representation import Representation
from chalicelib.errors import Invalid

if TYPE_CHECKING:
    from chalicelib.system import System

MAX_TEXT_BYTES: Final = 16 * 1024 * 1024
"""Text beyond this takes no text anchors: each write would have to read all of it."""


def store(
    system: System, workspace: str, data: bytes, format: str, filename: str | None
) -> Representation:
    """Store bytes and return the representation that names them."""
    checksum = system.content.put(workspace, data)
    return Representation(checksum, format, len(data), filename)


def uploaded(
    system: System,
    workspace: str,
    checksum: str,
    format: str,
    filename: str | None,
) -> Representation:
    """Return the representation of bytes that were uploaded before.

    Raises Invalid when this workspace holds no such bytes, whatever another one holds.
    """
    size = system.content.size(workspace, checksum)
    if size is None:
        raise Invalid(
            "the upload is not known in this workspace",
            errors=({"pointer": "/upload", "detail": "nothing was uploaded under this id"},),
        )
    return Representation(checksum, format, size, filename)


def text_of(system: System, workspace: str, representation: Representation) -> str | None:
    """Return content as text; None when it is not text, cannot be decoded, or is too large."""
    if not texts.is_text(representation.format) or representation.size > MAX_TEXT_BYTES:
        return None
    data, cached = system.content.get(workspace, representation.checksum)
    system.metrics.count("ContentCacheHit" if cached else "ContentCacheMiss")
    try:
        return texts.decode(data, representation.format)
    except Invalid:
        return None
