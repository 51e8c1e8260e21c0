"""Which language a text is in, of the four that the rules read, by its small words."""

from __future__ import annotations

import re
from typing import Final

from chalicelib.inference.rules.lexicon import listed

LANGUAGES: Final = ("en", "de", "fr", "es")

_SMALL: Final = {
    "en": listed("the of and to in is was that it for with he she his her at by from not on"),
    "de": listed(
        "der die das und ist nicht ein eine den dem des im zu mit auf für von sich war er es"
    ),
    "fr": listed("le la les des et est une dans que qui pour pas sur du au avec ce il elle en à"),
    "es": listed("el la los las de y que en un una es por con para no se del al su lo"),
}
_WORD: Final = re.compile(r"[^\W\d_]+")
_SAMPLE: Final = 4_000
"""Code points that are looked at."""


def language_of(text: str, claimed: str | None) -> str:
    """Return the claimed language if it is one of the four, else the one that it looks like.

    English where it looks like none.
    """
    primary = (claimed or "").casefold().partition("-")[0]
    if primary in LANGUAGES:
        return primary
    words = [word.casefold() for word in _WORD.findall(text[:_SAMPLE])]
    counts = {each: sum(word in _SMALL[each] for word in words) for each in LANGUAGES}
    return max(LANGUAGES, key=lambda each: counts[each])
