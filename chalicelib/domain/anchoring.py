"""Where in the content an annotation stands, checked when it is made and looked up when it is read.

An annotation is anchored once, against one representation, and its target never changes after that.
When the content changes, `reanchor` answers where the same words stand now, or that they are not
to be found: an orphan is better than a confident wrong place.

A quote keeps the text itself and some of what stands next to it on both sides. That is what makes
it possible to find it again, so whichever of position and quote a client leaves out is added, and
up to 32 code points of context on each side that it left empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal, TypedDict

from chalicelib import errors
from chalicelib.domain import svg
from chalicelib.domain.annotation import (
    MAX_EXACT,
    NewAnnotation,
    Selector,
    Svg,
    Target,
    TextPosition,
    TextQuote,
)
from chalicelib.domain.quotes import context, found_again, places
from chalicelib.domain.text import Offsets, code_point_offset, utf16_offset

MAX_CANDIDATES: Final = 10
"""Places named in a refusal."""

State = Literal["anchored", "relocated", "orphaned"]


class Candidate(TypedDict):
    """A place where an ambiguous quote stands, with what distinguishes it."""

    start: int
    end: int
    prefix: str
    suffix: str


class AmbiguousFault(errors.Fault):
    """A fault of a quote that stands in several places; the first ten of them."""

    candidates: list[Candidate]


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a target stands in the content `checksum`.

    ``anchored``: it was made on this content (or is the whole resource), and is where it was.
    ``relocated``: the content is another, and the quote stands at `position` in it.
    ``orphaned``: the content is another, and the target cannot be named in it.
    """

    state: State
    checksum: str
    position: TextPosition | None = None


def anchor(
    new: NewAnnotation, *, text: str | None, checksum: str | None, pointer: str = ""
) -> Target:
    """Return the target of a new annotation, every selector checked against the content.

    `text` is the decoded content that `checksum` names, None where that is not text. `pointer` is
    where the annotation stands in the request. Raises Invalid with all faults: text selectors
    without a text, positions outside of it, quotes that are not there or (with `candidates`, in the
    client's unit) in several places, selectors that contradict each other, unclean SVG.
    """
    faults: list[errors.Fault] = []
    selectors: list[Selector] = []
    pointers = [pointer + at for at in new.pointers] or [
        f"{pointer}/target/selector/{index}" for index in range(len(new.selectors))
    ]
    of_text: dict[type[Selector], tuple[Selector, str]] = {}
    for selector, at in zip(new.selectors, pointers, strict=True):
        if isinstance(selector, TextPosition | TextQuote):
            if type(selector) in of_text:
                faults.append({"pointer": at, "detail": "is a second range of the text"})
            of_text[type(selector)] = (selector, at)
            continue
        try:
            selectors.append(
                Svg(svg.clean(selector.value)) if isinstance(selector, Svg) else selector
            )
        except errors.Invalid as error:
            faults.append({"pointer": f"{at}/value", "detail": error.detail})
    if of_text:
        try:
            selectors[:0] = _text_selectors(of_text, text, new.offsets)
        except errors.Invalid as error:
            faults += error.extra["errors"]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        detail = f"the target is not valid: {faults[0]['detail']}{more}"
        raise errors.Invalid(detail, errors=tuple(faults))
    return Target(checksum, tuple(selectors))


def reanchor(target: Target, *, checksum: str, text: str | None) -> Anchor:
    """Return where `target` stands in the content `checksum`, whose text (if it is text) is `text`.

    Where content has changed, what has a quote is looked up (`quotes.found_again`), verbatim and
    with its context; what cannot be found for sure, and every region, is orphaned. Equal bytes are
    the content as it was, unless they are now read in another charset: whoever cannot rule that out
    gives the text, and it is compared.
    """
    if not target.selectors or (target.checksum == checksum and _reads_as_it_did(target, text)):
        return Anchor("anchored", checksum, target.position)
    found = found_again(target.quote, text) if target.quote and text is not None else None
    if found is None:
        return Anchor("orphaned", checksum)
    return Anchor("relocated", checksum, found)


def anchor_json(
    anchor: Anchor, *, text: str | None = None, offsets: Offsets = "codepoint"
) -> dict[str, Any]:
    """Return the `anchor` member of an annotation's answer.

    ``{"state": "relocated", "checksum": "<current>",
    "selector": {"type": "TextPositionSelector", "start": 3, "end": 9}}``; only what was relocated
    has a selector here. `text` is the content that `anchor.checksum` names; with
    ``offsets="utf16"`` and no text, the selector is left out.
    """
    answer: dict[str, Any] = {"state": anchor.state, "checksum": anchor.checksum}
    if anchor.state == "relocated" and anchor.position is not None:
        start, end = anchor.position.start, anchor.position.end
        if offsets == "utf16" and text is not None:
            start, end = utf16_offset(text, start), utf16_offset(text, end)
        if offsets == "codepoint" or text is not None:
            answer["selector"] = {"type": "TextPositionSelector", "start": start, "end": end}
    return answer


def _reads_as_it_did(target: Target, text: str | None) -> bool:
    position, quote = target.position, target.quote
    if text is None or position is None or quote is None:
        return True
    return text[position.start : position.end] == quote.exact


def _text_selectors(
    given: dict[type[Selector], tuple[Selector, str]], text: str | None, offsets: Offsets
) -> tuple[TextPosition, TextQuote]:
    """Return position and quote of the range that is meant, both whichever was given."""
    position, position_at = given.get(TextPosition, (None, ""))
    quote, quote_at = given.get(TextQuote, (None, ""))
    if text is None:
        detail = "this content has no text that a position or a quote could name"
        raise _invalid(position_at or quote_at, detail)
    assert isinstance(position, TextPosition | None)
    assert isinstance(quote, TextQuote | None)
    if quote is not None and not quote.exact:
        raise _invalid(f"{quote_at}/exact", "must not be empty")
    if position is not None:
        position = _within(position, text, offsets, position_at)
        if quote is not None:
            _refuse_contradiction(position, quote, text, offsets, quote_at)
    else:
        assert quote is not None
        position = _located(quote, text, offsets, quote_at)
    return position, _completed(quote, position, text)


def _within(position: TextPosition, text: str, offsets: Offsets, at: str) -> TextPosition:
    """Return the position in code points, if that is a range of this text."""
    start, end = position.start, position.end
    try:
        if offsets == "utf16":
            start, end = code_point_offset(text, start), code_point_offset(text, end)
    except errors.Invalid as error:
        raise _invalid(at, error.detail) from error
    if not 0 <= start < end <= len(text):
        length = utf16_offset(text, len(text)) if offsets == "utf16" else len(text)
        detail = f"[{position.start}, {position.end}) is not a range of this text, [0, {length})"
        raise _invalid(at, detail)
    if end - start > MAX_EXACT:
        raise _invalid(at, f"spans {end - start} code points, at most {MAX_EXACT} are allowed")
    return TextPosition(start, end)


def _refuse_contradiction(
    position: TextPosition, quote: TextQuote, text: str, offsets: Offsets, at: str
) -> None:
    start, end = position.start, position.end
    if text[start:end] != quote.exact:
        stands = _short(text[start:end])
        hint = " (the offsets fit as UTF-16 code units: send them with ?offsets=utf16)"
        fits = offsets == "codepoint" and _in_utf16(position, text) == quote.exact
        detail = f"is not the text at the given position, which is {stands}{hint if fits else ''}"
        raise _invalid(f"{at}/exact", detail)
    before = start - len(quote.prefix)
    if before < 0 or not text.startswith(quote.prefix, before):
        raise _invalid(f"{at}/prefix", "does not stand before the given position")
    if not text.startswith(quote.suffix, end):
        raise _invalid(f"{at}/suffix", "does not stand after the given position")


def _in_utf16(position: TextPosition, text: str) -> str | None:
    """Return the text that the position would name if it counted UTF-16 code units."""
    try:
        start = code_point_offset(text, position.start)
        return text[start : code_point_offset(text, position.end)]
    except errors.Invalid:
        return None


def _located(quote: TextQuote, text: str, offsets: Offsets, at: str) -> TextPosition:
    """Return the one place where the quote stands with its context."""
    found = list(islice(places(quote, text), MAX_CANDIDATES + 1))
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(
            at,
            "stands in several places: say which by prefix and suffix, or by position",
            found,
            text,
            offsets,
        )
    elsewhere = list(islice(places(TextQuote(quote.exact), text), MAX_CANDIDATES + 1))
    if not elsewhere:
        raise _invalid(f"{at}/exact", "does not stand in the text")
    detail = "stands in the text, but not with this prefix and suffix"
    raise _ambiguous(at, detail, elsewhere, text, offsets)


def _completed(quote: TextQuote | None, position: TextPosition, text: str) -> TextQuote:
    """Return the quote with context on each side where none was given."""
    start, end = position.start, position.end
    around = context(position, text)
    if quote is None:
        return TextQuote(text[start:end], *around)
    return TextQuote(quote.exact, quote.prefix or around[0], quote.suffix or around[1])


def _ambiguous(
    at: str, detail: str, found: list[TextPosition], text: str, offsets: Offsets
) -> errors.Invalid:
    candidates = []
    for position in found[:MAX_CANDIDATES]:
        start, end = position.start, position.end
        prefix, suffix = context(position, text)
        if offsets == "utf16":
            start, end = utf16_offset(text, start), utf16_offset(text, end)
        candidates.append(Candidate(start=start, end=end, prefix=prefix, suffix=suffix))
    fault: AmbiguousFault = {"pointer": f"{at}/exact", "detail": detail, "candidates": candidates}
    return errors.Invalid(detail, errors=(fault,))


def _invalid(pointer: str, detail: str) -> errors.Invalid:
    return errors.Invalid(detail, errors=({"pointer": pointer, "detail": detail},))


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
