"""Places: by name, by their noun (Lake Baikal, Ford's Theatre), by what stands before them."""

from __future__ import annotations

from functools import cache
from typing import Final

from chalicelib.inference.rules.gazetteer import AMBIGUOUS, EXONYMS, PLACES, WITHIN
from chalicelib.inference.rules.lexicon import (
    ADJECTIVES,
    CALENDAR,
    FUNCTION,
    GIVEN,
    ORGANISATIONS,
    PLACE_HEADS,
    PLACE_OF,
    PLACE_SUFFIXES,
    PLACE_WORDS,
    TITLES,
    listed,
)
from chalicelib.inference.rules.reading import Reading, phrases

LABEL: Final = "Location"

_IN: Final = {
    "en": frozenset(("in", "near", "outside", "throughout")),
    "fr": frozenset(("à", "près", "vers")),
    "es": frozenset(("en",)),
}
"""Before an unknown name, these speak for a place."""

_GOING: Final = listed("""
lived lives arrived went travelled traveled moved sailed returned fled came landed born settled
stationed buried held walked drove flew marched escaped emigrated went going reached entered left
stood stands lies situated located defeated
""")
_TOWARDS: Final = frozenset(("at", "to", "from", "for", "into", "towards", "beyond", "via"))
_NEAR: Final = frozenset(("via", "beyond", "at"))
_NOT_A_PLACE: Final = (
    FUNCTION | CALENDAR | ADJECTIVES | TITLES | listed("Python Java Linux Windows Excel")
)
_AS_NOUN: Final = frozenset(
    ("Court", "House", "Hall", "Place", "Row", "Gate", "Park", "Hill", "Coast")
)
"""Nouns that people and organisations are called by, too."""


def read(reading: Reading) -> None:
    """Claim the places of a passage."""
    reading.each(lambda at: _with_noun(reading, at))
    reading.each(lambda at: _known(reading, at))
    reading.each(lambda at: _within_known(reading, at))
    reading.each(lambda at: _after_preposition(reading, at))
    _again(reading)


@cache
def _phrases(language: str) -> dict[str, list[tuple[str, ...]]]:
    return phrases(PLACES | EXONYMS.get(language, frozenset()))


def _known(reading: Reading, at: int) -> int:
    end = reading.phrase(at, _phrases(reading.language))
    if end == at:
        return 0
    name = " ".join(reading.plain(each) for each in range(at, end))
    foreign = name in EXONYMS.get(reading.language, frozenset())
    alone = not (reading.joined(end) and reading.large(end)) or reading.words[end].first
    if reading.joined(at) and reading.large(at - 1) and reading.plain(at - 1) not in _NOT_A_PLACE:
        alone = False
    if not alone and end - at == 1:
        return 0  # part of a longer name that nobody knows
    unsure = name in AMBIGUOUS and not (foreign and name not in ("Essen", "Halle", "Main", "Harz"))
    if unsure and not _place_before(reading, at, strict=False):
        return 0
    reading.claim(at, end, LABEL, 0.9)
    return end


def _with_noun(reading: Reading, at: int) -> int:
    """Lake Baikal, Olduvai Gorge, Gulf of Finland, Ford's Theatre."""
    start = reading.begin(at, reading.run(at))
    stop = reading.run(start)
    if start == stop:
        return 0
    first = reading.words[start].text
    if first in PLACE_OF and reading.lower(start + 1) == "of" and reading.large(start + 2):
        end = reading.run(start + 2, frozenset(("and", "the")))
        if reading.plain(end - 1) not in _NOT_A_PLACE:
            reading.claim(start, end, LABEL, 0.8)
            return end
    if first in PLACE_HEADS and stop - start >= 2:
        reading.claim(start, stop, LABEL, 0.8)
        return stop
    possessed = (
        stop < len(reading)
        and reading.words[stop].gap in ("'s ", "’s ")
        and reading.large(stop)
        and reading.words[stop].text in PLACE_SUFFIXES
    )
    if possessed:
        reading.claim(start, stop + 1, LABEL, 0.7)
        return stop + 1
    last = next(
        (each for each in range(stop - 1, start, -1) if reading.words[each].text in PLACE_SUFFIXES),
        None,
    )
    if last is None or (reading.plain(start) in TITLES and reading.words[start].text != "King"):
        return 0
    if reading.words[last].text in _AS_NOUN and reading.plain(start) in GIVEN and last - start == 1:
        return 0
    reading.claim(start, last + 1, LABEL, 0.7)
    return last + 1


def _within_known(reading: Reading, at: int) -> int:
    """Before a comma and a place that others lie in: ``Leiria, Portugal``."""
    end = reading.run(at)
    start = reading.begin(at, end)
    if start == end or end >= len(reading) or reading.words[end].gap != ", ":
        return 0
    place = reading.words[end]
    known = any(
        span.label == LABEL
        and span.start == place.start
        and reading.text[span.start : span.end] in WITHIN
        for span in reading.found
    )
    if not known or reading.plain(start) in GIVEN or not _name_like(reading, start, end):
        return 0
    if reading.lower(end - 1) in ("and", "or"):
        return 0
    if not _place_before(reading, start, strict=False) and not reading.words[start].first:
        return 0
    reading.claim(start, end, LABEL, 0.6)
    return end


def _after_preposition(reading: Reading, at: int) -> int:
    """After "in" and its like: "in Aracataca", "born at Garsington", "the mayor of Lyon"."""
    if not reading.joined(at) or reading.words[at].first:
        return 0
    if reading.text[reading.words[at].end :][:2].strip().isdigit():
        return 0  # in Proposition 1
    small = frozenset(("de", "la", "le", "les", "sur", "en", "of", "am", "an", "upon"))
    end = reading.run(at, small if reading.language != "en" else frozenset(("of",)))
    if not _name_like(reading, at, end) or not _place_before(reading, at, strict=True):
        return 0
    name = " ".join(reading.plain(each) for each in range(at, end))
    if (
        reading.term(at, end)
        or name in ORGANISATIONS
        or any(reading.plain(each) in GIVEN for each in (at,))
    ):
        return 0
    reading.claim(at, end, LABEL, 0.5)
    return end


def _name_like(reading: Reading, start: int, end: int) -> bool:
    words = reading.words[start:end]
    if not words or any(word.plain in _NOT_A_PLACE for word in words):
        return False
    return not all(
        len(word.text) < 2 or (word.text.isupper() and len(word.text) < 7) for word in words
    )


def _place_before(reading: Reading, at: int, *, strict: bool) -> bool:
    """Tell whether what stands before the word speaks for a place.

    `strict`: the name is known by nothing else.
    """
    if not reading.joined(at):
        return False
    before, earlier = reading.lower(at - 1), reading.lower(at - 2)
    if before in _IN.get(reading.language, frozenset()):
        return True
    if before == "the" and not strict:
        return reading.lower(at + 1) in ("flows", "river", "basin", "rainforest", "valley")
    if before in ("of", "de") and earlier in PLACE_WORDS:
        return True
    if before in ("named", "called") and earlier in PLACE_WORDS:
        return True
    if before in _TOWARDS and (earlier in _GOING or before in _NEAR):
        return True
    if before in ("reached", "left", "entered", "visited", "captured", "besieged"):
        return reading.language == "en"
    return not strict and before in _TOWARDS


def _again(reading: Reading) -> None:
    """Claim places found by the words around them where they stand again."""
    known = {
        reading.text[span.start : span.end]
        for span in reading.found
        if span.label == LABEL and span.score <= 0.8
    }
    names = phrases(sorted(known))

    def claims(at: int) -> int:
        end = reading.phrase(at, names)
        if end == at or (reading.joined(end) and reading.large(end)):
            return 0
        reading.claim(at, end, LABEL, 0.5)
        return end

    reading.each(claims)
