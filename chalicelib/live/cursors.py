"""Cursors: ``<resource id>:<version>`` says that everything up to that version was seen.

Of several resources it is a vector, ``A:8,B:4``. There is no order between resources, so there is
no single number for several.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from chalicelib.errors import Malformed

MAX_RESOURCES: Final = 20
"""Resources in one vector: it travels in the header Last-Event-ID, 52 characters for each."""

_ONE: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(0|[1-9][0-9]{0,14})\Z")
_VERSION: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})\Z")


def vector(seen: Mapping[str, int]) -> str:
    """Return the cursor of these versions: ``A:8,B:4``, in the mapping's order."""
    return ",".join(f"{resource_id}:{version}" for resource_id, version in seen.items())


def parse(text: str) -> dict[str, int]:
    """Read what `vector` made. Raises Malformed."""
    seen: dict[str, int] = {}
    for part in text.split(","):
        found = _ONE.match(part.strip())
        if found is None or len(seen) >= MAX_RESOURCES:
            raise Malformed(
                "A cursor is <resource id>:<version>, or up to "
                f"{MAX_RESOURCES} of them with commas between"
            )
        seen[found[1]] = int(found[2])
    return seen


def parse_for(resource_id: str, text: str) -> dict[str, int]:
    """Read a cursor of one resource, which may also be its bare version. Raises Malformed."""
    return {resource_id: int(text)} if _VERSION.match(text) else parse(text)
