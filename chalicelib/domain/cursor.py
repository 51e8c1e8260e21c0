"""Cursors of lists: a place in an order, as text that says nothing to whoever carries it.

::

    [2, "0192f0c1-0000-7000-8000-000000000001"]
    WzIsIjAxOTJmMGMxLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMSJd
"""

from __future__ import annotations

import base64
import json
from typing import Any

from chalicelib.errors import Malformed


def encode(place: Any) -> str:
    """Return a place, of what JSON knows, as a cursor."""
    text = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str) -> Any:
    """Return the place. Raises Malformed for what `encode` did not make."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except ValueError as error:
        raise foreign() from error


def foreign() -> Malformed:
    """Return what is said of a cursor that came from elsewhere."""
    return Malformed("`cursor` is not one that this list gave", parameters=["cursor"])
