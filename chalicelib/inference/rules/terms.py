"""Words that a vocabulary lists: each is of its type wherever it stands as a word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from chalicelib.inference.rules.reading import Span


def terms(text: str, listed: Mapping[str, tuple[str, ...]]) -> Iterator[Span]:
    """Yield where the terms of each type stand, the longest where they overlap.

    A term in small letters is found in any case; one with a large letter as it is written.
    """
    for label, words in listed.items():
        for flags, chosen in (
            (re.IGNORECASE, [word for word in words if word.islower()]),
            (0, [word for word in words if word.strip() and not word.islower()]),
        ):
            if not chosen:
                continue
            chosen.sort(key=lambda word: (-len(word), word))
            either = "|".join(r"\s+".join(map(re.escape, word.split())) for word in chosen)
            for match in re.finditer(rf"(?<!\w)(?:{either})(?!\w)", text, flags):
                yield Span(match.start(), match.end(), label, 0.9)
