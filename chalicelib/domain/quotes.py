"""Finding a quote in a text, in the one it was taken from and in a changed one.

A search is `str.find`, which is linear in the text, also for repetitive ones (CPython since 3.10).
How many occurrences are compared is bounded: beyond that a quote is found by its whole context, or
not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from chalicelib.domain.annotation import TextPosition, TextQuote

CONTEXT: Final = 32
"""Code points of context that are kept on each side, as annotation clients in browsers do."""

MAX_EXAMINED: Final = 1_000
"""Occurrences whose context is compared; fewer for a long quote, see `_examined`."""


def places(quote: TextQuote, text: str) -> Iterator[TextPosition]:
    """Yield each place where the quote stands with its whole context, overlapping ones too."""
    needle = quote.prefix + quote.exact + quote.suffix
    at = text.find(needle)
    while at >= 0:
        start = at + len(quote.prefix)
        yield TextPosition(start, start + len(quote.exact))
        at = text.find(needle, at + 1)


def context(position: TextPosition, text: str) -> tuple[str, str]:
    """Return what stands before and after a position, up to 32 code points each."""
    start, end = position.start, position.end
    return text[max(0, start - CONTEXT) : start], text[end : end + CONTEXT]


def found_again(quote: TextQuote, text: str) -> TextPosition | None:
    """Return where the quote stands in a changed text, None where that cannot be said for sure.

    That is the one place where it stands with its whole context. Else, of the places where it
    stands verbatim, the one next to which most of the context is left, if that is one and enough:
    half of the context, or 16 code points on one side. Less agrees by chance, as `` in Vienna, ``
    does in another sentence. A quote as long as a context needs none where it stands only once.
    """
    whole = list(islice(places(quote, text), 2))
    if whole:
        return whole[0] if len(whole) == 1 else None
    examined = _examined(quote)
    found = list(islice(places(TextQuote(quote.exact), text), examined + 1))
    if not found or len(found) > examined:
        return None
    if len(found) == 1 and len(quote.exact) >= CONTEXT:
        return found[0]
    agreements = [_agreement(quote, place, text) for place in found]
    totals = [sum(each) for each in agreements]
    most = max(totals)
    best = totals.index(most)
    half = (len(quote.prefix) + len(quote.suffix)) / 2
    enough = most >= half or max(agreements[best]) >= CONTEXT // 2
    return found[best] if enough and totals.count(most) == 1 else None


def _examined(quote: TextQuote) -> int:
    """Return how many occurrences are compared: `str.find` prepares itself anew for each."""
    return max(2, min(MAX_EXAMINED, 100_000 // len(quote.exact)))


def _agreement(quote: TextQuote, place: TextPosition, text: str) -> tuple[int, int]:
    """Return how many code points of the context are left on each side, outwards from `place`."""
    before = text[max(0, place.start - len(quote.prefix)) : place.start]
    after = text[place.end : place.end + len(quote.suffix)]
    return _common(quote.prefix[::-1], before[::-1]), _common(quote.suffix, after)


def _common(left: str, right: str) -> int:
    """Return the length of what both begin with, by bisection: a context may be 500 long."""
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[:middle] == right[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
