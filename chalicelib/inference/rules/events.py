"""Events: wars, battles, crises, games, by the noun that their names are made with."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from chalicelib.inference.rules.lexicon import EVENT_HEADS, EVENT_SUFFIXES, FUNCTION, listed
from chalicelib.inference.rules.reading import Reading

LABEL: Final = "Event"
_YEAR_BEFORE: Final = re.compile(r"(?<!\w)(?:1\d|20)\d\d[ \u00a0]\Z")
_OF: Final = frozenset(("of", "the"))
_NUMBERS: Final = listed("I II III One Two Three")
_ALONE: Final = frozenset(
    ("Olympics", "Armistice", "Holocaust", "Renaissance", "Reformation", "Blitz")
)
_NEEDS_MORE: Final = listed("March Congress Games Cup Fair Conference Derby")
"""Of these, a name has at least two words more, or one that is a name itself."""


def read(reading: Reading) -> None:
    """Claim the events of a passage."""
    for rule in (_headed, _ending):
        reading.each(lambda at, rule=rule: rule(reading, at))  # type: ignore[misc]


def _headed(reading: Reading, at: int) -> int:
    """Battle of Hastings, Great Fire of London."""
    start = reading.begin(at, reading.run(at))
    stop = reading.run(start)
    for head in range(start, stop):
        if reading.words[head].text in EVENT_HEADS and reading.lower(head + 1) == "of":
            name = head + 2
            if reading.lower(name) == "the" and reading.joined(name):
                name += 1
            if not (reading.joined(name) and reading.large(name)):
                continue
            end = reading.run(name)
            reading.claim(start, end, LABEL, 0.9)
            return end
    return 0


def _ending(reading: Reading, at: int) -> int:
    """Thirty Years' War, World War II, Stockholm Marathon, Olympic Games."""
    start = reading.begin(at, reading.run(at))
    stop = reading.run(start)
    if start == stop:
        return 0
    if reading.words[start].text in _ALONE and stop - start == 1 and not reading.words[start].first:
        reading.claim(start, stop, LABEL, 0.8)
        return stop
    for last in range(stop - 1, start, -1):
        word = reading.words[last].text
        if word not in EVENT_SUFFIXES or reading.words[last - 1].text in FUNCTION:
            continue
        end = last + 1
        if reading.joined(end) and reading.plain(end) in _NUMBERS and reading.free(end):
            end += 1
        reading.claim(start, end, LABEL, 0.8 if word not in _NEEDS_MORE else 0.6)
        span = reading.found[-1]
        if _YEAR_BEFORE.search(reading.text, max(0, span.start - 6), span.start):
            reading.found[-1] = replace(span, start=span.start - 5)  # the 1998 World Cup
        return end
    return 0
