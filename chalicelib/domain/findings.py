"""What detectors found, held against the text.

A detector's quote is looked up in its passage. Where it believes the quote to stand is only a hint,
used where the text there is the quote. What is not in the text is dropped, and said to be: every
finding ends as exactly one of `anchored` and `dropped`.

"In the text" means the same characters, but for white space (a line break may be a space) and the
typographic forms of quotation marks, apostrophes and hyphens, which models straighten. What is kept
is what stands in the text. Within a word of an alphabet nothing is found: no "Al" in "Also". Nor
is a letter found without an accent, or an emoji without a sign, that follows as its own code point.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from chalicelib.domain.annotation import MAX_EXACT
from chalicelib.domain.detection import Answered, Ask, Finding
from chalicelib.domain.passages import Passage

Why = Literal["empty", "too-long", "unknown-type", "not-in-text", "duplicate", "overlap"]
"""Why a finding is dropped.

``empty``: no quote, or no note where one is asked for. ``too-long``: longer than a target may be.
``unknown-type``: a label that was not asked for. ``not-in-text``: invented, or altered.
``duplicate``: the same place with the same label, or said more often than it stands there.
``overlap``: the place overlaps a longer one with the same label (two comments may).
"""


@dataclass(frozen=True, slots=True)
class Located:
    """A finding in its place: the document's code points `[start, end)`, and nothing but them."""

    start: int
    end: int
    quote: str
    label: str
    score: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A finding that becomes no annotation, and why.

    `at` is where its place starts, or its passage where it has no place.
    """

    quote: str
    label: str
    why: Why
    at: int


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found in a document; `anchored` in the order of the text."""

    anchored: tuple[Located, ...]
    dropped: tuple[Dropped, ...]

    @property
    def found(self) -> int:
        """Return how many findings the detector gave."""
        return len(self.anchored) + len(self.dropped)

    def counts(self) -> dict[str, Any]:
        """Return ``{"found": 9, "anchored": 7, "dropped": {"not-in-text": 1, "duplicate": 1}}``."""
        why = Counter(dropped.why for dropped in self.dropped)
        return {
            "found": self.found,
            "anchored": len(self.anchored),
            "dropped": {reason: why[reason] for reason in sorted(why)},
        }


def locate(text: str, answers: Iterable[Answered], ask: Ask) -> Findings:
    """Return each finding in its place in `text`, or why it has none.

    The places do not depend on the order of `answers`, nor on the order of findings within one, as
    far as their quotes differ or their hints and contexts say which is which: equal ones are taken
    for the first, second, third mention, in the order given. Labels are those of `ask`, in its
    spelling.
    """
    dropped: list[Dropped] = []
    found: list[Located] = []
    spelling = None if ask.labels is None else {each.casefold(): each for each in ask.labels}
    for answer in answers:
        candidates = []
        for finding in answer.found:
            label = finding.label
            if spelling is not None:
                label = spelling.get(label.strip().casefold(), "")
            why = _refusal(finding, ask, known=spelling is None or bool(label))
            if why is None:
                candidates.append((finding, label))
            else:
                dropped.append(Dropped(finding.quote, finding.label, why, answer.passage.start))
        places = _in_passage(answer.passage, candidates)
        for (finding, label), place in zip(candidates, places, strict=True):
            if isinstance(place, str):
                dropped.append(Dropped(finding.quote, label, place, answer.passage.start))
            else:
                start, end = place
                quote = text[start:end]
                found.append(Located(start, end, quote, label, finding.score, finding.note))
    anchored, more = _settled(found, overlaps=ask.noted)
    dropped += more
    dropped.sort(key=lambda each: (each.at, each.quote, each.label, each.why))
    return Findings(anchored, tuple(dropped))


def _refusal(finding: Finding, ask: Ask, *, known: bool) -> Why | None:
    if not finding.quote.strip() or (ask.noted and not finding.note.strip()):
        return "empty"
    if len(finding.quote) > MAX_EXACT:
        return "too-long"
    return None if known else "unknown-type"


# --- in one passage

Place = tuple[int, int]
NoPlace = Literal["not-in-text", "duplicate"]


def _in_passage(
    passage: Passage, candidates: Sequence[tuple[Finding, str]]
) -> list[Place | NoPlace]:
    """Return the place of each finding in the document, in their order.

    First those are placed whose hint or context names one mention, then the others, on the
    mentions of their quote that are left, in order; per quote and label, since one mention may be
    of several types.
    """
    mentions = _Mentions(passage.text)
    taken: dict[tuple[str, str], set[Place]] = defaultdict(set)
    places: list[Place | NoPlace] = ["not-in-text"] * len(candidates)
    later: list[int] = []
    for index, (finding, label) in enumerate(candidates):
        named = mentions.named(finding)
        if named is None:
            later.append(index)
        else:
            taken[_words(finding.quote), label].add(named)
            places[index] = named
    left: dict[tuple[str, str], Iterator[Place]] = {}
    for index in later:
        finding, label = candidates[index]
        words = _words(finding.quote)
        there = mentions.of(words)
        if (words, label) not in left:
            left[words, label] = iter([each for each in there if each not in taken[words, label]])
        free = next(left[words, label], None)
        if free is not None:
            places[index] = free
        elif there:
            places[index] = "duplicate"
    first = passage.start
    return [
        place if isinstance(place, str) else (first + place[0], first + place[1])
        for place in places
    ]


class _Mentions:
    """Where quotes stand in a passage."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._folded = text.translate(_FOLDED)
        self._of: dict[str, list[Place]] = {}

    def of(self, words: str) -> list[Place]:
        """Return where these words stand: whole, and none within another of its own."""
        if words not in self._of:
            self._of[words] = list(self._search(_pattern(words)))
        return self._of[words]

    def named(self, finding: Finding) -> Place | None:
        """Return the one place that the hint or the context names; None where neither does."""
        start, quote = finding.start, finding.quote
        if start is not None and start >= 0 and self._text.startswith(quote, start):
            first = start + len(quote) - len(quote.lstrip())
            end = first + len(quote.strip())
            if not (_within_word(self._folded, first) or _within_word(self._folded, end)):
                return first, end
        before = _words(finding.before)
        if not before:
            return None
        context = re.compile(_pattern(before).pattern + r"\s*\Z")
        reach = 2 * len(before) + 20  # white space may be wider in the text than in the answer
        named = [
            place
            for place in self.of(_words(quote))
            if context.search(self._folded, max(0, place[0] - reach), place[0])
        ]
        return named[0] if len(named) == 1 else None

    def _search(self, pattern: re.Pattern[str]) -> Iterator[Place]:
        at = 0
        while match := pattern.search(self._folded, at):
            start, end = match.span()
            if _within_word(self._folded, start) or _within_word(self._folded, end):
                at = start + 1
            else:
                yield start, end
                at = end


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(r"\s+".join(map(re.escape, words.split(" "))))


def _words(quote: str) -> str:
    return " ".join(quote.translate(_FOLDED).split())


# One character for one, so that offsets stay.
_FOLDED: Final = {
    **dict.fromkeys(map(ord, "‘’‚‛′ʼ`´"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—−"), "-"),
}

# Scripts that part words by spaces and do not glue particles to names: Latin, Greek, Cyrillic,
# Armenian (up to U+058F), and the further Latin and Greek of U+1E00 to U+1FFF.
_ALPHABET: Final = (range(0x0590), range(0x1E00, 0x2000))


def _within_word(text: str, at: int) -> bool:
    """Tell whether both sides of `at` belong to one character, or to one word of an alphabet."""
    if not 0 < at < len(text):
        return False
    if _continues(text[at]):
        return not text[at - 1].isspace()
    base = at - 1
    while base > 0 and _continues(text[base]):
        base -= 1
    return _of_alphabet(text[base]) and _of_alphabet(text[at])


def _continues(character: str) -> bool:
    """Tell whether it belongs to the character before it: an accent, a variation, a joiner."""
    return character == "\u200d" or unicodedata.category(character)[0] == "M"


def _of_alphabet(character: str) -> bool:
    return character.isalnum() and any(ord(character) in part for part in _ALPHABET)


# --- over all passages


def _settled(
    found: Iterable[Located], *, overlaps: bool
) -> tuple[tuple[Located, ...], list[Dropped]]:
    """Return findings with (place, label) unique and, unless allowed, no overlaps within a label.

    The longer wins; of equals the higher score, then the earlier: whatever order they come in.
    """
    kept: list[Located] = []
    dropped: list[Dropped] = []
    by_label: dict[str, list[Located]] = defaultdict(list)
    for each in found:
        by_label[each.label].append(each)
    for label in sorted(by_label):
        starts: list[int] = []
        spans: dict[Place, Located] = {}
        ends: list[int] = []
        for each in sorted(by_label[label], key=_preference):
            if (each.start, each.end) in spans:
                dropped.append(Dropped(each.quote, label, "duplicate", each.start))
                continue
            # Those kept do not overlap, so only the neighbours can overlap this one.
            at = bisect_left(starts, each.start)
            if not overlaps and (
                (at > 0 and ends[at - 1] > each.start)
                or (at < len(starts) and starts[at] < each.end)
            ):
                dropped.append(Dropped(each.quote, label, "overlap", each.start))
                continue
            starts.insert(at, each.start)
            ends.insert(at, each.end)
            spans[each.start, each.end] = each
        kept += spans.values()
    kept.sort(key=lambda each: (each.start, -each.end, each.label))
    return tuple(kept), dropped


def _preference(each: Located) -> tuple[int, float, int, str]:
    score = -1.0 if each.score is None else each.score
    return (each.start - each.end, -score, each.start, each.note)
