"""What a view gives back, before it becomes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
