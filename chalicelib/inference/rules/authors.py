"""Authors: people of whom the text says that they wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from chalicelib.inference.rules.lexicon import AUTHOR_ROLES
from chalicelib.inference.rules.reading import Span

LABEL: Final = "Author"

_ROLE: Final = "(?:" + "|".join(sorted(AUTHOR_ROLES)) + ")"
_WORK: Final = (
    r"(?:novels?|books?|poems?|poetry|essays?|plays?|stories|story|memoirs?|biography|verses?|sonnets?"
    r"|tragedy|comedy|treatise|pamphlet|romans?|poèmes?|livres?|novelas?|libros?|poemas?|Romane?"
    r"|Gedichte?|Bücher|Erzählung(?:en)?)"
)
_BEFORE: Final = re.compile(
    rf"(?:\b{_ROLE}\b,?|\b(?:written|penned|authored|escrit[ao]|écrite?|geschrieben)\s+(?:by|par|por|von)"
    rf"|\b{_WORK}\s+(?:by|de|von|por))\s+\Z"
)
_AFTER: Final = re.compile(
    rf"\A(?:,\s+(?:the|an?|whose|a)\s+(?:[\w-]+\s+){{0,3}}?{_ROLE}\b"
    rf"|\s+(?:wrote(?!\s+(?:to|back|home|for))|has written|a écrit|escribió|schrieb)\b"
    rf"|\s+published\s+(?:his|her|a|the|an)\s+(?:[\w-]+\s+){{0,3}}{_WORK}"
    rf"|(?:'s|’s)\s+(?:[\w-]+\s+){{0,2}}{_WORK}\b)"
)
_NEAR: Final = 60


def authors(text: str, people: Iterable[Span]) -> Iterator[Span]:
    """Yield those of the people whom the words right around them call authors."""
    for span in people:
        before = text[max(0, span.start - _NEAR) : span.start]
        after = text[span.end : span.end + _NEAR]
        if _BEFORE.search(before) or _AFTER.match(after):
            yield Span(span.start, span.end, LABEL, min(span.score, 0.8))
