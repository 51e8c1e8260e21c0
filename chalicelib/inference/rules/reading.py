"""A passage as names are read from it: its words, and which of them are taken already.

A name is a run of words written large. What it is, is decided by those who read it in turn
(`organisations`, `events`, `people`, `places`): each claims words, and no later one may use them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.domain.sentences import sentences
from chalicelib.inference.rules.lexicon import FUNCTION, listed

_WORD: Final = re.compile(
    r"(?<![\w@])(?:"
    r"(?:[^\W\d_]\.){2,}"  # U.S., S.A., J.R.R.
    r"|[^\W\d_]\.(?=[ \xa0]?[^\W\d_])"  # an initial
    r"|(?:St|Mt|Jr|Sr|Dr|Mr|Mrs|Ms|Prof|Rev|Hon|Inc|Ltd|Corp|Co|Bros|Gen|Col|Capt|Lt|Sgt|Maj|Adm"
    r"|Gov|Sen|Sra|Srta|Mme|Mlle)\.(?!\w)"
    r"|[^\W\d_]+s['’](?=\ [A-Z])|de['’](?=\ [A-Z])"  # Thirty Years' War, de' Medici
    r"|[^\W\d_]+(?:['’‐-][^\W\d_]+)*(?!\w)"
    r"|&)"
)
_ARTICLES: Final = listed(
    "the a an this that these those each any all such no some your our its their such said"
)
_SPACE: Final = re.compile(r"[ \t\xa0]{1,2}|[ \t]?\r?\n[ \t]{0,12}")
"""What may stand between the words of a name: not the space between two columns."""
_ELISION: Final = re.compile(r"(?:[ldnsjcmt]|qu)['’](?=\w)", re.IGNORECASE)
_POSSESSIVE: Final = ("'s", "’s")


@dataclass(frozen=True, slots=True)
class Word:
    """`start` and `end` are code points of the passage; `first`: it begins a sentence.

    `joined`: only white space stands between it and the word before.
    """

    text: str
    start: int
    end: int
    first: bool
    joined: bool
    gap: str

    @property
    def large(self) -> bool:
        """Tell whether it is written large."""
        return self.text[0].isupper()

    @property
    def initial(self) -> bool:
        """Tell whether it is ``J.`` or ``J.R.R.``."""
        return self.text[1:2] == "." and self.text.isupper()

    @property
    def plain(self) -> str:
        """Return the word without a full stop, and ``Berlin`` for ``BERLIN``."""
        text = self.text.rstrip(".")
        return text.capitalize() if len(text) > 3 and text.isupper() else text


@dataclass(frozen=True, slots=True)
class Span:
    """A find: the passage's code points `[start, end)`, what it is, how sure the rule is."""

    start: int
    end: int
    label: str
    score: float


class Reading:
    """The words of a passage, and the names found so far."""

    def __init__(self, text: str, language: str, taken: Iterable[tuple[int, int]]) -> None:
        self.text = text
        self.language = language
        self.words = tuple(_words(text, language))
        self.found: list[Span] = []
        self._small = {word.text for word in self.words if not word.large}
        self._free = [True] * len(self.words)
        self._large = [word.large and word.text != "I" for word in self.words]
        spans = sorted(taken)
        at = 0
        for index, word in enumerate(self.words):
            while at < len(spans) and spans[at][1] <= word.start:
                at += 1
            if at < len(spans) and spans[at][0] < word.end:
                self._free[index] = False
        for index in self._shouted():
            self._free[index] = False

    def __len__(self) -> int:
        return len(self.words)

    def _shouted(self) -> Iterator[int]:
        """Yield the words of headings: three or more in a row in capitals."""
        begin = 0
        for index in range(len(self.words) + 1):
            inside = index < len(self.words) and self.words[index].text.isupper()
            if not inside or (index > begin and not self.words[index].joined):
                if index - begin >= 3:
                    yield from range(begin, index)
                begin = index if inside else index + 1

    def free(self, index: int) -> bool:
        """Tell whether the word exists and nobody claimed it."""
        return 0 <= index < len(self.words) and self._free[index]

    def large(self, index: int) -> bool:
        """Tell whether the word is free and written large; "I" is not."""
        return 0 <= index < len(self._large) and self._large[index] and self._free[index]

    def plain(self, index: int) -> str:
        """Return the plain word; nothing beyond the ends."""
        return self.words[index].plain if 0 <= index < len(self.words) else ""

    def lower(self, index: int) -> str:
        """Return the word in lower case; nothing beyond the ends."""
        return self.words[index].text.casefold() if 0 <= index < len(self.words) else ""

    def joined(self, index: int) -> bool:
        """Tell whether the word stands right after the one before it."""
        return 0 < index < len(self.words) and self.words[index].joined

    def term(self, start: int, end: int) -> bool:
        """Tell whether the words are rather a term than a name: "the Corresponding Source".

        That is, they follow an article, or each of them also stands in the text written small.
        """
        if self.lower(start - 1) in _ARTICLES and self.joined(start):
            return True
        return all(self.uses_small(each) for each in range(start, end))

    def uses_small(self, index: int) -> bool:
        """Tell whether the word also stands in the text written small."""
        return self.plain(index).casefold() in self._small

    def run(self, start: int, small: frozenset[str] = frozenset(), most: int = 6) -> int:
        """Return the end (exclusive) of the words written large from `start` on.

        `small` ones, up to three in a row, are bridged where another large one follows.
        """
        if not self.large(start):
            return start
        end = start + 1
        while end - start < most:
            ahead = end
            while ahead - end < 3 and self.joined(ahead) and self.words[ahead].text in small:
                ahead += 1
            if not (self.joined(ahead) and self.large(ahead)):
                break
            end = ahead + 1
        return end

    def begin(self, start: int, end: int) -> int:
        """Return `start` without the words that no name begins with."""
        while start < end and self.words[start].text in FUNCTION:
            start += 1
        return start

    def phrase(self, start: int, known: dict[str, list[tuple[str, ...]]]) -> int:
        """Return the end of the longest known phrase at `start`; `start` where there is none."""
        if not self.free(start):
            return start
        for first in dict.fromkeys((self.words[start].text.rstrip("."), self.plain(start))):
            for words in known.get(first, ()):
                if all(self._is(start + at, word, at) for at, word in enumerate(words)):
                    return start + len(words)
        return start

    def _is(self, index: int, word: str, at: int) -> bool:
        """Tell whether a free word is the one number `at` of a phrase."""
        if not self.free(index) or (at > 0 and not self.words[index].joined):
            return False
        return word in (self.words[index].text.rstrip("."), self.plain(index))

    def claim(self, start: int, end: int, label: str, score: float) -> None:
        """Take the words `[start, end)` as a name."""
        for index in range(start, end):
            self._free[index] = False
        first, last = self.words[start], self.words[end - 1]
        self.found.append(Span(first.start, last.end, label, score))

    def each(self, claims: Callable[[int], int]) -> None:
        """Call `claims` at each free large word from left to right; it returns where to go on."""
        further = 0
        for index, large in enumerate(self._large):
            if large and index >= further and self._free[index]:
                further = claims(index)


def phrases(names: Iterable[str]) -> dict[str, list[tuple[str, ...]]]:
    """Return names by their first word, longest first, for `Reading.phrase`."""
    known: dict[str, list[tuple[str, ...]]] = {}
    for name in names:
        words = tuple(word.text.rstrip(".") for word in _words(name, "en"))
        known.setdefault(words[0], []).append(words)
    for each in known.values():
        each.sort(key=lambda words: (-len(words), words))
    return known


def _words(text: str, language: str) -> Iterator[Word]:
    firsts = {start for start, _ in sentences(text)}
    end = 0
    first = True
    for match in _WORD.finditer(text):
        start, stop = match.span()
        elision = _ELISION.match(text, start, stop) if language in ("fr", "it") else None
        pieces = [(start, elision.end()), (elision.end(), stop)] if elision else [(start, stop)]
        for start, stop in pieces:
            gap = text[end:start]
            first = first or any(at in firsts for at in range(end, start + 1))
            word = text[start:stop]
            if word.endswith(_POSSESSIVE) and len(word) > 3:
                word = word[:-2]
            joined = gap == "" or _SPACE.fullmatch(gap) is not None
            yield Word(word, start, start + len(word), first, joined and end > 0, gap)
            first = False
            end = start + len(word)
