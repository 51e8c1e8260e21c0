"""Findings in their places as annotations: what a client that found them itself would post.

::

    Entities     linking       the entity type as a tag; what it refers to is not resolved yet
    Tags         tagging       the tag, and the schema that it is of
    Highlights   highlighting  nothing
    Assessments  assessing     the judgement
    Comments     commenting    the remark
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, assert_never

from chalicelib.domain.annotation import Body, NewAnnotation, TextPosition, TextQuote, TextualBody
from chalicelib.domain.detection import Ask, Assessments, Comments, Entities, Highlights, Tags
from chalicelib.domain.findings import Located
from chalicelib.domain.quotes import context


def new_annotations(
    anchored: Iterable[Located],
    *,
    text: str,
    ask: Ask,
    generator: Mapping[str, Any],
    language: str | None = None,
) -> Iterator[NewAnnotation]:
    """Yield an annotation for each finding, with position, quote, and `generator` as its maker.

    `language` is the one in which notes are written. `anchoring.anchor` accepts each.
    """
    for each in anchored:
        position = TextPosition(each.start, each.end)
        quote = TextQuote(each.quote, *context(position, text))
        bodies = _bodies(each, ask, language)
        yield NewAnnotation(ask.motivation, (position, quote), bodies, generator)


def _bodies(each: Located, ask: Ask, language: str | None) -> tuple[Body, ...]:
    match ask:
        case Entities():
            return (TextualBody(each.label, "tagging"),)
        case Tags():
            return (TextualBody(each.label, "tagging"), TextualBody(ask.schema.id, "classifying"))
        case Highlights():
            return ()
        case Assessments() | Comments():
            return (TextualBody(each.note, ask.motivation, "text/plain", language),)
        case _:
            assert_never(ask)
