"""Which index entries a resource has: pure, so that a move of its view can compare two states.

Newest first is `all`; `type` is by entity type; `archived` holds the archived ones; `word` is by
the first one to three letters of each word of the name, so that any prefix is found in one place.
`ref` is by a resource and holds the annotations, of other resources too, that refer to it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from chalicelib.domain.links import references
from chalicelib.domain.marks import Mark
from chalicelib.domain.resource import Resource

WORD_PREFIX: Final = 3
"""Letters of a word that are indexed. A longer prefix is looked up by its first three."""
MAX_WORDS: Final = 20
"""Different words of a name that are indexed: its first twenty."""

_WORD = re.compile(r"\w+", re.UNICODE)

Place = tuple[str, str]
"""(index, value)."""


def words(text: str) -> tuple[str, ...]:
    """Return the different words of a text, compatibility-normalised and case-folded."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return tuple(dict.fromkeys(_WORD.findall(folded)))


def places(resource: Resource) -> frozenset[Place]:
    """Return every place in the indexes where the resource stands."""
    found: set[Place] = {("all", "")}
    found |= {("type", kind) for kind in resource.entity_types}
    if resource.archived:
        found.add(("archived", "true"))
    for word in words(resource.name)[:MAX_WORDS]:
        found |= {("word", word[:size]) for size in range(1, min(len(word), WORD_PREFIX) + 1)}
    return frozenset(found)


def referred(mark: Mark | None) -> frozenset[Place]:
    """Return every place where an annotation stands; none for one that was removed, or is none."""
    if mark is None or mark.removed:
        return frozenset()
    return frozenset([("ref", each) for each in references(mark.annotation.bodies)])


def matches(resource: Resource, wanted: tuple[str, ...]) -> bool:
    """Tell whether each wanted word is a prefix of one of the name's indexed words."""
    own = words(resource.name)[:MAX_WORDS]
    return all(any(word.startswith(prefix) for word in own) for prefix in wanted)
