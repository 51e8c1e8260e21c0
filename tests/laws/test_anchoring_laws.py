"""What is anchored is the span that was meant, or it is refused; what is found again reads the same.

Each law takes what it judges as an argument, and is shown to catch a broken double: one that takes
the first place where the words stand, and one that keeps the old position.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.anchoring import Anchor, anchor, reanchor
from chalicelib.domain.annotation import NewAnnotation, Target, TextPosition, TextQuote
from chalicelib.errors import Invalid

OLD, NEW = "a" * 64, "b" * 64

# Few words and many of them: repetitions, overlaps ("aa" in "aaa"), characters beyond U+FFFF.
texts = st.lists(
    st.sampled_from(["a", "aa", "ab", "😀", "é", " ", "Vienna ", "\r\n", "in Vienna, "]),
    min_size=1,
    max_size=60,
).map("".join)


@st.composite
def spans(draw):
    text = draw(texts)
    start = draw(st.integers(0, len(text) - 1))
    return text, start, draw(st.integers(start + 1, min(len(text), start + 20)))


@st.composite
def edits(draw, kept):
    """A span of a text, and the text after an edit that leaves the span and `kept` around it."""
    text, start, end = draw(spans())
    left, right = max(0, start - kept), min(len(text), end + kept)
    inserted = draw(st.just("") | texts)
    if draw(st.booleans()):
        cut_from = draw(st.integers(0, left))
        cut_to = draw(st.integers(cut_from, left))
    else:
        cut_from = draw(st.integers(right, len(text)))
        cut_to = draw(st.integers(cut_from, len(text)))
    changed = text[:cut_from] + inserted + text[cut_to:]
    moved = len(inserted) - (cut_to - cut_from) if cut_from < start else 0
    if cut_from == cut_to == start:  # an insertion right before the span
        moved = len(inserted)
    return text, start, end, changed, start + moved


def a_quote_is_anchored_where_it_was_meant_or_refused(anchor, case, prefix, suffix):
    text, start, end = case
    quote = TextQuote(
        text[start:end], text[max(0, start - prefix) : start], text[end : end + suffix]
    )
    try:
        target = anchor(NewAnnotation("linking", (quote,)), text=text, checksum=OLD)
    except Invalid as refusal:
        [fault] = refusal.extra["errors"]
        places = [(place["start"], place["end"]) for place in fault["candidates"]]
        assert all(text[a:b] == quote.exact for a, b in places)
        assert (start, end) in places or len(places) == 10
        return
    assert target.position == TextPosition(start, end)
    assert_true_of(target, text)


def assert_true_of(target, text):
    position, quote = target.position, target.quote
    assert text[position.start : position.end] == quote.exact
    assert text[: position.start].endswith(quote.prefix)
    assert text[position.end :].startswith(quote.suffix)


def what_is_found_again_reads_the_same(reanchor, case):
    text, start, end, changed, _ = case
    target = anchor(NewAnnotation("linking", (TextPosition(start, end),)), text=text, checksum=OLD)
    found = reanchor(target, checksum=NEW, text=changed)
    assert found.state in ("relocated", "orphaned")
    if found.state == "relocated":
        assert changed[found.position.start : found.position.end] == text[start:end]
    else:
        assert found.position is None


def an_edit_elsewhere_never_leads_to_another_place(reanchor, case):
    text, start, end, changed, now = case
    target = anchor(NewAnnotation("linking", (TextPosition(start, end),)), text=text, checksum=OLD)
    found = reanchor(target, checksum=NEW, text=changed)
    if found.state == "relocated":
        assert found.position == TextPosition(now, now + end - start)
    else:  # only because the same words stand with the same context elsewhere, too
        whole = target.quote.prefix + target.quote.exact + target.quote.suffix
        assert changed.find(whole) != changed.rfind(whole)


contexts = st.integers(0, 12)


@given(spans(), contexts, contexts)
def test_a_quote_is_anchored_where_it_was_meant_or_refused(case, prefix, suffix):
    a_quote_is_anchored_where_it_was_meant_or_refused(anchor, case, prefix, suffix)


@given(spans(), st.sampled_from(["codepoint", "utf16"]))
def test_a_position_is_anchored_with_a_quote_that_is_true(case, offsets):
    text, start, end = case
    given = TextPosition(start, end)
    if offsets == "utf16":
        given = TextPosition(*(len(text[:at].encode("utf-16-le")) // 2 for at in (start, end)))

    new = NewAnnotation("linking", (given,), offsets=offsets)
    target = anchor(new, text=text, checksum=OLD)

    assert target.position == TextPosition(start, end)
    assert_true_of(target, text)


@given(edits(kept=0))
def test_what_is_found_again_reads_the_same(case):
    what_is_found_again_reads_the_same(reanchor, case)


@given(edits(kept=32))
def test_an_edit_elsewhere_never_leads_to_another_place(case):
    an_edit_elsewhere_never_leads_to_another_place(reanchor, case)


@given(spans(), texts)
def test_in_a_text_of_its_own_what_is_found_reads_the_same(case, changed):
    text, start, end = case

    what_is_found_again_reads_the_same(reanchor, (text, start, end, changed, None))


# --- the laws catch what is broken


def first_place(new, *, text, checksum):
    [quote] = new.selectors
    at = text.find(quote.exact)
    return Target(checksum, (TextPosition(at, at + len(quote.exact)), quote))


def first_place_again(target, *, checksum, text):
    at = text.find(target.quote.exact)
    if at < 0:
        return Anchor("orphaned", checksum)
    return Anchor("relocated", checksum, TextPosition(at, at + len(target.quote.exact)))


def where_it_was(target, *, checksum, text):
    return Anchor("relocated", checksum, target.position)


def caught(law, *strategies):
    """Assert that the law fails on some example of the strategies."""
    run = settings(max_examples=1_000, database=None)(given(*strategies)(law))
    with pytest.raises(AssertionError):
        run()


def test_the_law_catches_an_anchor_in_the_first_place_it_finds():
    def law(case, prefix, suffix):
        a_quote_is_anchored_where_it_was_meant_or_refused(first_place, case, prefix, suffix)

    caught(law, spans(), contexts, contexts)


def test_the_law_catches_a_position_that_is_kept():
    def law(case):
        what_is_found_again_reads_the_same(where_it_was, case)

    caught(law, edits(kept=0))


def test_the_law_catches_a_search_that_takes_the_first_place():
    def law(case):
        an_edit_elsewhere_never_leads_to_another_place(first_place_again, case)

    caught(law, edits(kept=32))
