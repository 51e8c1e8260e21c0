"""The detector that needs no model: expressions, word lists, and a calendar.

It finds what can be recognised by form and by the words around it, and says nothing of the rest: a
phrase in capitals with no evidence has no type. It reads English well, and of German, French and
Spanish dates, amounts, addresses, and the names that give themselves away. The same passage gets
the same answer every time. How good it is stands in `docs/inference.md`, measured.

A finding's `score` is a rule's fixed confidence, not a probability.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from chalicelib.domain.detection import Ask, Detection, Entities, Finding, Usage
from chalicelib.domain.passages import Passage, Size
from chalicelib.errors import InferenceFailed
from chalicelib.inference import Capabilities
from chalicelib.inference.rules.reading import Span

VERSION: Final = "1.0"

_KINDS: Final = {
    "Person": ("People",),
    "Organization": ("Organisation", "Institution"),
    "Location": ("Place",),
    "Date": (),
    "Event": (),
    "Author": (),
    "Money": (),
    "Percent": ("Percentage",),
    "Email": ("E-mail",),
    "URL": ("Link",),
}
"""What the rules find, and by what other names a vocabulary may call it."""

_BY_NAME: Final = {
    name.casefold(): kind for kind, others in _KINDS.items() for name in (kind, *others)
}


class Rules:
    """A `Detector` by rules."""

    generator: dict[str, Any] = {  # noqa: RUF012 a constant of the class
        "id": f"urn:palimpsest:rules:{VERSION}",
        "type": "Software",
        "name": "rules",
        "version": VERSION,
    }
    capabilities = Capabilities(
        entities=frozenset(_KINDS) | {name for names in _KINDS.values() for name in names},
        terms=True,
    )
    size = Size(20_000)

    def detect(self, passage: Passage, ask: Ask, *, language: str | None = None) -> Detection:
        """Return the mentions of the types that it knows, with their exact places as hints."""
        why = self.capabilities.refusal(ask)
        if why is not None or not isinstance(ask, Entities):
            raise InferenceFailed(why or "rules find entities alone", reason="unable")
        found = list(_found(passage.text, ask, language))
        return Detection(tuple(found), Usage(), self.capabilities.unable(ask))


def _found(text: str, ask: Entities, claimed: str | None) -> Iterable[Finding]:
    from chalicelib.inference.rules.language import language_of
    from chalicelib.inference.rules.terms import terms

    labels: dict[str, list[str]] = {}
    for each in ask.types:
        kind = _BY_NAME.get(each.casefold())
        if kind is not None:
            labels.setdefault(kind, []).append(each)
    for span in sorted(
        _spans(text, language_of(text, claimed), frozenset(labels)),
        key=lambda span: (span.start, span.end, span.label),
    ):
        for label in labels.get(span.label, ()):
            yield _finding(text, span, label)
    asked = {each: ask.terms[each] for each in ask.types if ask.terms.get(each)}
    for span in terms(text, asked):
        yield _finding(text, span, span.label)


def _finding(text: str, span: Span, label: str) -> Finding:
    return Finding(text[span.start : span.end], label, span.score, start=span.start)


def _spans(text: str, language: str, kinds: frozenset[str]) -> Iterable[Span]:
    """Return every find. Kinds not asked for are found, too: they keep others from their words."""
    from chalicelib.inference.rules import events, organisations, people, places
    from chalicelib.inference.rules.addresses import emails, urls
    from chalicelib.inference.rules.amounts import money, percentages
    from chalicelib.inference.rules.authors import authors
    from chalicelib.inference.rules.dates import dates
    from chalicelib.inference.rules.reading import Reading

    fixed = [*emails(text), *urls(text), *percentages(text), *money(text)]
    fixed += [span for span in dates(text, language) if not _overlaps(span, fixed)]
    named: list[Span] = []
    if kinds & {"Person", "Organization", "Location", "Event", "Author"}:
        reading = Reading(text, language, [(span.start, span.end) for span in fixed])
        for each in (events, organisations, people, places):
            each.read(reading)
        named = reading.found
        held = [span for span in named if span.label == events.LABEL]
        fixed = [span for span in fixed if not _overlaps(span, held)]  # the 1998 World Cup
    by = authors(text, [span for span in named if span.label == people.LABEL])
    return [*fixed, *named, *by]


def _overlaps(span: Span, others: Iterable[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in others)
