"""What a view gives back, before it becomes bytes, and how many of those can be sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

MAX_ANSWER_BYTES: Final = 5 * 1024 * 1024  # a Lambda returns 6 MB (AWS "Lambda quotas", 2026-11)
PAGE_BYTES: Final = 4 * 1024 * 1024
"""An answer of several items or events ends before this, unless its first is larger: there is room
for what stands round them. What is left is in the next answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is plain JSON data, or text for a `media_type` of its own; None sends nothing.

    It may be a function that makes it, which is called only where it is sent (not for 304 or HEAD),
    or an `sse.EventStream`, which goes on for as long as the environment lets it.
    `etag` is opaque and without quotes; with it a GET answers 304 where the client's copy is right.
    `again` is what an answer to a POST is made from anew when its Idempotency-Key comes again:
    small JSON data, such as a cursor.
    """

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None
    media_type: str | None = None  # None: as negotiated
    again: Any = None


def sent_bytes(text: str) -> int:
    """Return the size of a body in what a Lambda returns, where it stands as a JSON string.

    So a quote takes two bytes, and one that is escaped in the body already takes four. Before
    Python 3.12, Lambda escapes what is not ASCII, too (AWS, "Building Lambda functions with
    Python", response format, 2026-11).
    """
    return len(json.dumps(text, ensure_ascii=sys.version_info < (3, 12)).encode())


def is_too_large(text: str) -> bool:
    """Tell whether a body is larger than an answer can be."""
    # A character takes at most twelve bytes: most bodies need not be counted.
    return len(text) > MAX_ANSWER_BYTES // 12 and sent_bytes(text) > MAX_ANSWER_BYTES
