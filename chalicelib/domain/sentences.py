"""Where sentences begin and end, well enough to cut a text and to quote from it.

By punctuation and a list of abbreviations, for languages that write with capitals and full stops,
and for Chinese and Japanese. Where it is unsure it does not cut: two sentences taken for one are a
longer quote, one taken for two is a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# What ends in a full stop without ending a sentence, in lower case and without the stop.
# fmt: off
ABBREVIATIONS: Final = frozenset((
    # English
    "mr", "mrs", "ms", "dr", "prof", "rev", "hon", "st", "sr", "jr", "messrs", "gen", "col",
    "capt", "lt", "sgt", "maj", "adm", "gov", "sen", "rep", "pres", "mt", "ed", "eds", "trans",
    "vs", "viz", "cf", "ca", "approx", "dept", "al", "e.g", "i.e", "u.s", "u.k", "a.m", "p.m",
    # German
    "hr", "fr", "bzw", "vgl", "z.b", "d.h", "u.a", "hrsg", "dipl", "ing", "geb", "gest", "mio",
    # French
    "mm", "mme", "mlle", "av", "env", "j.-c",
    # Spanish
    "sra", "srta", "dña", "ud", "uds",
))
BEFORE_NUMBERS: Final = frozenset((
    "no", "nos", "vol", "ch", "sec", "fig", "figs", "p", "pp", "nr", "abs", "art", "bd", "pág",
    "núm", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
))
"""These, too, but only before a number: "No. 5", and "No." alone."""
# fmt: on

_END: Final = re.compile(
    # A stop, and what closes around it: a long run of either is gone through once, not from each.
    r"""(?<![.!?…])(?P<stop>[.!?…]++)["'”’»›)\]]*+(?=\s|$)"""
    r"|[。！？]+[」』”’）]*"  # full-width stops need no space after them
    r"|(?=\n[ \t\r]*\n)",  # a blank line
)
_WORD_BEFORE: Final = re.compile(r"[^\W_](?:[\w.\-’']*\w)?\Z")
_LOOK_BACK: Final = 30
"""Code points before a full stop in which its word is looked for."""


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield `[start, end)` of each sentence, in order, without white space around it.

    What lies between two of them is white space, and nothing else.
    """
    start = _skip_space(text, 0)
    for found in _END.finditer(text):
        end = found.end()
        if end <= start or not _ends_sentence(text, found):
            continue
        stripped = start + len(text[start:end].rstrip())
        if stripped > start:
            yield start, stripped
        start = _skip_space(text, end)
    rest = text[start:].rstrip()
    if rest:
        yield start, start + len(rest)


def _ends_sentence(text: str, found: re.Match[str]) -> bool:
    stop = found["stop"]
    if stop is None:
        return True
    next_at = _skip_space(text, found.end())
    after = text[next_at : next_at + 1]
    if after.islower():  # "What?" he asked, and waited … for nothing.
        return False
    before = _WORD_BEFORE.search(text, max(0, found.start() - _LOOK_BACK), found.start())
    if stop != "." or before is None or not after:
        return True
    word = before[0]
    # A single letter is an initial, one or two digits are an ordinal (am 3. März, Louis 14.).
    if (len(word) == 1 and word.isalpha()) or (len(word) <= 2 and word.isdigit()):
        return False
    if after.isdigit() and word.lower() in BEFORE_NUMBERS:
        return False
    return word.lower() not in ABBREVIATIONS


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at
