"""Cursors of lists, each bound to the list that gave it: its path and its filters.

A flow's cursor is a place in an order. In another order the same place would lead to a wrong page,
which looks like a right one. So what a client gets as `next` ends with a digest of the question,
and comes back only where that is the same; how large pages are, in which unit they count, and what
is laid over them, may change on the way.

    cursor: "WyIyMDI2LTExLTIzVDA5…Il0.pUa3xq0L"
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from chalicelib.domain.cursor import foreign
from chalicelib.edge import strict_json
from chalicelib.edge.query import Parameter, Values

_FREE: Final = ("cursor", "limit", "after", "offsets")  # no part of what is asked for
_DIGEST_BYTES: Final = 6


def takes_bound(parameters: Sequence[Parameter]) -> bool:
    """Tell whether a route's cursors are bound."""
    return any(parameter.bound for parameter in parameters)


def bound(path: str, args: Values, body: Any) -> Any:
    """Return a page whose `next`, if there is one, is bound to what was asked for."""
    if isinstance(body, Mapping) and body.get("next") is not None:
        return {**body, "next": f"{body['next']}.{_digest(path, args)}"}
    return body


def unbound(path: str, args: Values) -> Values:
    """Return the arguments with the flow's own cursor. Raises Malformed for another list's."""
    if args["cursor"] is None:
        return args
    place, _, digest = args["cursor"].rpartition(".")
    if digest != _digest(path, args):
        raise foreign()
    return {**args, "cursor": place}


def _digest(path: str, args: Values) -> str:
    filters = {
        name: sorted(value) if isinstance(value, tuple) else value
        for name, value in sorted(args.items())
        if name not in _FREE
    }
    digest = hashlib.sha256(strict_json.dumps([path, filters]).encode()).digest()
    return base64.urlsafe_b64encode(digest[:_DIGEST_BYTES]).decode()
