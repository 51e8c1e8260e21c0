"""The writer that needs no model: it chooses sentences of the sources, and quotes them.

Nothing is worded anew, and the document says so. Chosen are the sentences that hold the rare words
of the prompt, and those that hold what the sources speak of most; of two that say nearly the same,
one. The same brief gets the same document every time. White space is closed up; all else stands as
it stood, in the language in which it stood: asked for another, it still quotes.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.sentences import sentences
from chalicelib.errors import InferenceFailed
from chalicelib.inference import Brief, Draft, Source

VERSION: Final = "1.0"
MAX_SENTENCES: Final = 12
MIN_WORDS: Final = 5
MAX_WORDS: Final = 70
MAX_TITLE: Final = 120

_WORD: Final = re.compile(r"[^\W\d_]{2,}")
# Lines of a document that are not its prose: headings, tables, lists of links, code, tags.
# The space before is that of its line: else a run of empty lines is gone through from each of them.
_NOT_PROSE: Final = re.compile(
    r"^[^\S\n]*+(?:#{1,6}\s|\||```|~~~|<|={3,}|-{3,}|\*\s|-\s|\d+\.\s)", re.M
)
_ALIKE: Final = 0.6
"""Share of words in common from which two sentences say the same."""

_NOTES: Final = {
    "en": "Put together by rules: every sentence below is quoted from a source, word for word.",
    "de": "Von Regeln zusammengestellt: Jeder Satz ist wörtlich aus einer Quelle zitiert.",
    "fr": "Assemblé par des règles : chaque phrase est citée mot pour mot d'une source.",
    "es": "Reunido por reglas: cada frase está citada literalmente de una fuente.",
}
_STOP: Final = frozenset(
    """
    about above after again all also and any are because been before being between both but can
    could did does doing down during each few for from had has have having her here hers him his
    how into its just more most not now off once only other our out over own same she should
    some such than that the their them then there these they this those through too under until
    very was were what when where which while who whom why will with would you your aber als
    auch auf aus bei bin bis das dass dem den der des die doch ein eine einem einen einer für
    hat ich ihr ist mit nach nicht noch nur oder sein sich sie sind über und uns von vor war
    wenn wie wird wurde zum zur aux avec ces cette dans des elle est être les leur lui mais même
    nous par pas plus pour que qui sans ses son sont sur une vous como con del desde donde ella
    entre era esta este hasta las los más muy para pero por porque que sin sobre sus una uno
    write writing document article text summary summarise summarize tell describe
    """.split()  # noqa: SIM905 a list of words reads as one
)
"""Words that say nothing of what a text is about, and those that prompts are made of."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    source: int
    index: int
    quote: str
    stems: frozenset[str]


class Extractive:
    """A `Writer` by choice of sentences."""

    generator: dict[str, Any] = {  # noqa: RUF012 a constant of the class
        "id": f"urn:palimpsest:extractive:{VERSION}",
        "type": "Software",
        "name": "extractive",
        "version": VERSION,
    }
    formats = frozenset(("text/markdown", "text/plain"))

    def write(self, brief: Brief) -> Draft:
        """Return the chosen sentences by source, each source named and linked by its id."""
        if brief.format not in self.formats:
            detail = f"this writer writes {' and '.join(sorted(self.formats))}, not {brief.format}"
            raise InferenceFailed(detail, reason="unable")
        candidates = [each for at, s in enumerate(brief.sources) for each in _prose(at, s.text)]
        if not candidates:
            detail = "this writer only quotes, and the sources hold no sentence that it could quote"
            raise InferenceFailed(detail, reason="nothing-to-quote")
        asked = _stems(f"{brief.prompt} {brief.title}")
        chosen = _chosen(candidates, asked)
        title = brief.title or _title(brief)
        used = sorted({each.source for each in chosen})
        languages = {brief.sources[at].language for at in used}
        language = languages.pop() if len(languages) == 1 else None
        write = _markdown if brief.format == "text/markdown" else _plain
        text = write(title, brief, chosen, _note(brief, language))
        ids = tuple(dict.fromkeys(brief.sources[at].id for at in used))
        return Draft(title, text, brief.format, language, ids)


# --- choosing


def _prose(source: int, text: str) -> Iterator[_Sentence]:
    index = -1
    for start, end in sentences(text):
        index += 1
        raw = text[start:end]
        while _NOT_PROSE.match(raw) and "\n" in raw:
            raw = raw.partition("\n")[2].lstrip()  # a heading right above: it does not follow on
            index += 1
        quote = " ".join(raw.split())
        count = len(_WORD.findall(quote))
        if not MIN_WORDS <= count <= MAX_WORDS or _NOT_PROSE.search(raw):
            continue
        if not quote.rstrip("\"'”’»)*_").endswith((".", "!", "?", "…", "。")) or quote.isupper():
            continue
        yield _Sentence(source, index, quote, _stems(quote))


def _stems(text: str) -> frozenset[str]:
    return frozenset(
        _stem(word) for word in (each.casefold() for each in _WORD.findall(text))
        if len(word) > 2 and word not in _STOP
    )  # fmt: skip


def _stem(word: str) -> str:
    """Return the word without what often only bends it; enough to find "letters" by "letter"."""
    for ending in ("ing", "ed", "es", "en", "er", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _chosen(candidates: list[_Sentence], asked: frozenset[str]) -> list[_Sentence]:
    """Return the best sentences, in the order of the sources."""
    frequency = Counter(stem for each in candidates for stem in each.stems)
    total = len(candidates)

    def score(each: _Sentence) -> float:
        rare = sum(math.log(1 + total / frequency[stem]) for stem in sorted(each.stems & asked))
        # sorted: floats summed in another order differ in their last digit
        central = sum(math.log(frequency[stem]) for stem in sorted(each.stems))
        return 3 * rare + central / math.sqrt(1 + len(each.stems)) + 1 / (1 + each.index)

    ranked = sorted(candidates, key=lambda each: (-score(each), each.source, each.index))
    matching = [each for each in ranked if each.stems & asked] or ranked
    best: dict[int, _Sentence] = {}
    for each in matching:
        best.setdefault(each.source, each)
    # The best of each source first, so that one long source does not speak for all.
    chosen: list[_Sentence] = []
    for each in [*best.values(), *matching]:
        if len(chosen) < MAX_SENTENCES and not any(_alike(each, other) for other in chosen):
            chosen.append(each)
    return sorted(chosen, key=lambda each: (each.source, each.index))


def _alike(left: _Sentence, right: _Sentence) -> bool:
    both = len(left.stems | right.stems)
    return left.quote == right.quote or len(left.stems & right.stems) > _ALIKE * both


# --- composing


def _title(brief: Brief) -> str:
    prompt = " ".join(brief.prompt.split()).rstrip(".")
    if prompt:
        return prompt if len(prompt) <= MAX_TITLE else prompt[: MAX_TITLE - 1].rstrip() + "…"
    if len(brief.sources) == 1:
        return f"Extracts from “{brief.sources[0].name}”"
    return f"Extracts from {len(brief.sources)} sources"


def _note(brief: Brief, language: str | None) -> str:
    primary = (brief.language or language or "en").casefold().partition("-")[0]
    return _NOTES.get(primary, _NOTES["en"])


def _paragraphs(chosen: list[_Sentence]) -> dict[int, list[str]]:
    """Return the quotes by source; sentences that stood next to each other are one paragraph."""
    by_source: dict[int, list[str]] = defaultdict(list)
    before: _Sentence | None = None
    for each in chosen:
        follows = before and (before.source, before.index + 1) == (each.source, each.index)
        if follows:
            by_source[each.source][-1] += f" {each.quote}"
        else:
            by_source[each.source].append(each.quote)
        before = each
    return by_source


def _markdown(title: str, brief: Brief, chosen: list[_Sentence], note: str) -> str:
    lines = [f"# {_literal(_one_line(title))}", "", f"*{note}*"]
    for at, quotes in _paragraphs(chosen).items():
        source = brief.sources[at]
        lines += ["", f"## {_linked(source)}"]
        for quote in quotes:
            lines += ["", f"> {_literal(quote)}"]
    return "\n".join(lines) + "\n"


def _plain(title: str, brief: Brief, chosen: list[_Sentence], note: str) -> str:
    lines = [_one_line(title), "", note]
    for at, quotes in _paragraphs(chosen).items():
        source = brief.sources[at]
        lines += ["", f"{_one_line(source.name)} (resource:{source.id})"]
        for quote in quotes:
            lines += ["", f"    “{quote}”"]
    return "\n".join(lines) + "\n"


def _linked(source: Source) -> str:
    name = re.sub(r"([\[\]\\])", r"\\\1", _one_line(source.name))
    return f"[{_literal(name)}](resource:{source.id})"


def _literal(text: str) -> str:
    """Keep a source's tags from being tags of the document."""
    return text.replace("<", "\\<")


def _one_line(text: str) -> str:
    return " ".join(text.split())
