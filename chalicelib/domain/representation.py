"""The content of a resource in one media type: bytes named by their SHA-256."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Representation:
    """`checksum` is the lower-case hex SHA-256 of the bytes, `size` their number.

    Media type and file name belong here and not to the stored object: the same bytes may be one
    resource's text/plain and another's text/markdown.
    """

    checksum: str
    format: str
    size: int
    filename: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return ``{"checksum": "9f86…", "format": "text/plain", "size": 12}``."""
        data: dict[str, Any] = {
            "checksum": self.checksum,
            "format": self.format,
            "size": self.size,
        }
        if self.filename is not None:
            data["filename"] = self.filename
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Representation:
        """Read what `to_json` made."""
        return cls(data["checksum"], data["format"], data["size"], data.get("filename"))
