"""Long documents cut into passages that a detector can take.

Each passage knows where in the document it stands, so that what is found in it has a place there.
Neighbours overlap: whatever is not longer than the overlap stands whole in at least one of them.
Passages end where sentences end, if one ends in their last half; else where a word does; else
where they must.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from chalicelib.domain.sentences import sentences

OVERLAP: Final = 200
"""Code points that neighbours share unless told otherwise: longer than any name."""


@dataclass(frozen=True, slots=True)
class Passage:
    """`text` is the document's code points from `start` on."""

    text: str
    start: int = 0

    @property
    def end(self) -> int:
        """Return where in the document it ends."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Size:
    """How much text a detector takes at once: in code points, in UTF-8 bytes where that counts."""

    code_points: int
    bytes: int | None = None


def cut(text: str, size: Size, *, overlap: int = OVERLAP) -> tuple[Passage, ...]:
    """Return the passages of `text`, in order; none for an empty text.

    Together they are the whole text. Each is at most `size`, begins at or before the end of the one
    before minus `overlap`, and ends after it. Raises ValueError where `size` has no room for that.
    """
    if size.code_points <= 2 * overlap or (size.bytes or 9 * overlap) <= 8 * overlap:
        raise ValueError(f"passages of {size} cannot overlap by {overlap} code points")
    if not text:
        return ()
    reach = _Reach(text, size)
    spans = list(sentences(text))
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    passages = []
    start = end = 0
    while True:
        furthest = reach.of(start)
        if furthest == len(text):
            passages.append(Passage(text[start:], start))
            return tuple(passages)
        least = max(start + overlap, end, start + (furthest - start) // 2) + 1
        end = _last(ends, least, furthest) or _word_end(text, least, furthest) or furthest
        passages.append(Passage(text[start:end], start))
        latest = end - overlap
        earliest = max(start + 1, latest - (end - start) // 4)
        wanted = (_last(starts, earliest, latest), _word_start(text, earliest, latest), latest)
        # Further back, wide characters may leave no room to go on; from the latest place they do.
        start = next(at for at in wanted if at is not None and reach.of(at) > end)


class _Reach:
    """How far a passage can go from where it starts."""

    def __init__(self, text: str, size: Size) -> None:
        self._length = len(text)
        self._size = size
        # Bytes before each code point; not needed where no text of that length has too many.
        self._bytes: list[int] | None = None
        if size.bytes is not None and not (text.isascii() and size.code_points <= size.bytes):
            widths = (len(character.encode()) for character in text)
            self._bytes = list(accumulate(widths, initial=0))

    def of(self, start: int) -> int:
        furthest = min(self._length, start + self._size.code_points)
        if self._bytes is None or self._size.bytes is None:
            return furthest
        allowed = self._bytes[start] + self._size.bytes
        return min(furthest, bisect_right(self._bytes, allowed) - 1)


def _last(places: list[int], least: int, most: int) -> int | None:
    """Return the last of the sorted `places` that is in [least, most]."""
    at = bisect_right(places, most)
    return places[at - 1] if at and places[at - 1] >= least else None


def _word_end(text: str, least: int, most: int) -> int | None:
    """Return the last place in [least, most] with white space after it."""
    return next((at for at in range(most, least - 1, -1) if text[at].isspace()), None)


def _word_start(text: str, least: int, most: int) -> int | None:
    """Return the last place in [least, most] with white space before it."""
    return next((at for at in range(most, least - 1, -1) if text[at - 1].isspace()), None)
