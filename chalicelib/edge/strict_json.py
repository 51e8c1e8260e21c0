"""JSON from strangers: RFC 8259 by the letter, and nothing that two readers could read differently.

Refused beyond bad syntax: duplicate keys, NaN and Infinity, numbers that a double cannot hold,
nesting deeper than 64, lone surrogates (they are not Unicode text and cannot be stored), and any
charset but UTF-8.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

from chalicelib.errors import Malformed

MAX_NESTING: Final = 64
MAX_SAFE_INTEGER: Final = 2**53 - 1  # RFC 7493 (I-JSON), 2.2: beyond it, readers differ

_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def loads(data: bytes) -> Any:
    """Parse one JSON document. Raises `Malformed`, with `line` and `column` where it can tell."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"The JSON is not UTF-8 (at byte {error.start})") from None
    if not text.strip():
        raise Malformed("A JSON document is expected, the body is empty")
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(
            f"Not JSON: {error.msg.removesuffix(' at')} at line {error.lineno}, "
            f"column {error.colno}",
            line=error.lineno,
            column=error.colno,
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("[") + text.count("{") > MAX_NESTING and isinstance(document, dict | list):
        _check_nesting(document)
    if _SURROGATE_ESCAPE.search(text):
        _check_surrogates(document)
    return document


def dumps(document: Any) -> str:
    """Write compact JSON, non-ASCII as it is. TypeError for whatever JSON does not know."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise Malformed(f"The JSON has the member {_shown(twice)} twice in one object")
    return members


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > MAX_SAFE_INTEGER:
        raise Malformed(f"The number {_shown(text)} is beyond 2^53 - 1; send it as a string")
    return int(text)


def _fraction(text: str) -> float:
    """Return the number; ``3.0`` is 3, as RFC 8785 writes it and JSON Schema reads it."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise Malformed(f"The number {_shown(text)} is beyond what a double can hold")
    return int(value) if value.is_integer() and abs(value) <= MAX_SAFE_INTEGER else value


def _constant(text: str) -> Any:
    raise Malformed(f"{text} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)


def _check_nesting(document: Any) -> None:
    level = [document]
    for _ in range(MAX_NESTING):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> Malformed:
    return Malformed(f"The JSON is nested deeper than {MAX_NESTING} levels")


def _check_surrogates(document: Any) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Malformed("The JSON has half of a surrogate pair in a string") from None


def _shown(text: str) -> str:
    """Return `text` short and printable, for a message."""
    return json.dumps(text if len(text) <= 40 else text[:40] + "…")
