"""What fits into one item of the views: a bound on an annotation, and on a vocabulary.

The log compresses, the views do not. Without a bound, a commit that is small in the log could lead
to an item that DynamoDB refuses, and the stream's view would be stuck at that version for ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from chalicelib.domain import annotation as w3c
from chalicelib.domain.annotation import Annotation
from chalicelib.errors import TooLarge

MAX_STATE_BYTES: Final = 350 * 1024
"""Of a state's JSON in UTF-8. An item takes 400 KB (AWS, "Quotas in Amazon DynamoDB", 2026-11);
the rest is for keys, times, the creator, and 200 steps of history."""


def fitting(annotation: Annotation) -> Annotation:
    """Return the annotation. Raises TooLarge when no view could show it."""
    refuse_beyond(w3c.encode(annotation), "the annotation")
    return annotation


def refuse_beyond(state: Mapping[str, Any], what: str) -> None:
    """Raise TooLarge when a state's JSON is beyond the limit."""
    size = len(json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_STATE_BYTES:
        raise TooLarge(
            f"{what} takes {size} bytes; it may take {MAX_STATE_BYTES}",
            limit_bytes=MAX_STATE_BYTES,
        )
