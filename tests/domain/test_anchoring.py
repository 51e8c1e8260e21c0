from __future__ import annotations

import time

import pytest

from chalicelib.domain.anchoring import Anchor, anchor, anchor_json, reanchor
from chalicelib.domain.annotation import (
    MAX_EXACT,
    Fragment,
    NewAnnotation,
    Svg,
    Target,
    TextPosition,
    TextQuote,
)
from chalicelib.domain.text import decode
from chalicelib.errors import Invalid

OLD, NEW = "a" * 64, "b" * 64
TEXT = "The Danube flows from Vienna 😀 to Budapest. Vienna lies on the Danube."
FIRST, SECOND = TEXT.index("Vienna"), TEXT.rindex("Vienna")
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><rect width="1" height="1"/></svg>'


def anchored(*selectors, text=TEXT, offsets="codepoint", pointers=()):
    new = NewAnnotation("linking", selectors, offsets=offsets, pointers=pointers)
    return anchor(new, text=text, checksum=OLD)


def refusal(*selectors, text=TEXT, offsets="codepoint", pointers=()):
    with pytest.raises(Invalid) as caught:
        anchored(*selectors, text=text, offsets=offsets, pointers=pointers)
    return {fault["pointer"]: fault for fault in caught.value.extra["errors"]}


def quote_at(start, end, text=TEXT):
    return TextQuote(text[start:end], text[max(0, start - 32) : start], text[end : end + 32])


# --- when an annotation is made


def test_an_annotation_without_selectors_is_on_the_whole_resource_text_or_not():
    assert anchored() == Target(OLD, ())
    assert anchored(text=None) == Target(OLD, ())


def test_a_position_alone_gets_the_quote_that_finds_it_again():
    target = anchored(TextPosition(FIRST, FIRST + 6))

    assert target == Target(OLD, (TextPosition(FIRST, FIRST + 6), quote_at(FIRST, FIRST + 6)))


def test_a_unique_quote_alone_gets_its_position_and_its_context():
    start = TEXT.index("Budapest")

    target = anchored(TextQuote("Budapest"))

    assert target.selectors == (TextPosition(start, start + 8), quote_at(start, start + 8))


def test_context_decides_between_several_places_and_stays_as_it_was_given():
    before = anchored(TextQuote("Vienna", prefix=". "))
    after = anchored(TextQuote("Vienna", suffix=" 😀"))

    assert before.position == TextPosition(SECOND, SECOND + 6)
    assert before.quote == TextQuote("Vienna", ". ", TEXT[SECOND + 6 : SECOND + 38])
    assert after.position == TextPosition(FIRST, FIRST + 6)


def test_position_and_quote_that_agree_are_taken():
    target = anchored(
        TextQuote("Vienna", ". ", " lies"), Fragment("x"), TextPosition(SECOND, SECOND + 6)
    )

    assert target.selectors == (
        TextPosition(SECOND, SECOND + 6),
        TextQuote("Vienna", ". ", " lies"),
        Fragment("x"),
    )


@pytest.mark.parametrize(
    ("quote", "pointer"),
    [
        (TextQuote("Budapest"), "/exact"),
        (TextQuote("vienna"), "/exact"),
        (TextQuote("Vienna", prefix="from "), "/prefix"),
        (TextQuote("Vienna", suffix=" 😀"), "/suffix"),
        (TextQuote("Vienna", prefix="x" * 500), "/prefix"),
        (TextQuote("Vienna", suffix="x" * 500), "/suffix"),
    ],
)
def test_position_and_quote_that_contradict_each_other_are_refused(quote, pointer):
    found = refusal(TextPosition(SECOND, SECOND + 6), quote)

    assert found.keys() == {f"/target/selector/1{pointer}"}


def test_a_prefix_is_not_looked_for_at_the_other_end():
    found = refusal(TextPosition(0, 1), TextQuote("a", prefix="b"), text="ab")

    assert found.keys() == {"/target/selector/1/prefix"}


def test_whoever_counts_in_utf_16_without_saying_so_is_told():
    found = refusal(TextPosition(SECOND + 1, SECOND + 7), TextQuote("Vienna"))

    assert "offsets=utf16" in found["/target/selector/1/exact"]["detail"]


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, len(TEXT) + 1), (len(TEXT), len(TEXT) + 1), (5, 5), (6, 5), (10**12, 10**13)],
)
def test_a_position_outside_of_the_text_or_empty_is_refused(start, end):
    assert refusal(TextPosition(start, end)).keys() == {"/target/selector/0"}


def test_a_position_spans_no_more_than_a_quote_may():
    text = "x" * (MAX_EXACT + 1)

    assert anchored(TextPosition(0, MAX_EXACT), text=text).quote == TextQuote(
        "x" * MAX_EXACT, "", "x"
    )
    assert (
        "at most"
        in refusal(TextPosition(0, MAX_EXACT + 1), text=text)["/target/selector/0"]["detail"]
    )


def test_a_position_in_utf_16_units_is_stored_in_code_points():
    target = anchored(TextPosition(SECOND + 1, SECOND + 7), TextQuote("Vienna"), offsets="utf16")

    assert target.position == TextPosition(SECOND, SECOND + 6)


def test_a_position_within_a_surrogate_pair_is_refused():
    at = TEXT.index("😀")

    found = refusal(TextPosition(0, at + 1), offsets="utf16")

    assert "surrogate" in found["/target/selector/0"]["detail"]


def test_a_quote_that_is_not_there_is_refused():
    assert "candidates" not in refusal(TextQuote("Prague"))["/target/selector/0/exact"]


def test_an_ambiguous_quote_is_refused_with_its_places():
    fault = refusal(TextQuote("Vienna"))["/target/selector/0/exact"]

    assert fault["candidates"] == [
        {
            "start": start,
            "end": start + 6,
            "prefix": quote_at(start, start + 6).prefix,
            "suffix": quote_at(start, start + 6).suffix,
        }
        for start in (FIRST, SECOND)
    ]


def test_places_are_told_in_the_unit_of_the_client():
    fault = refusal(TextQuote("Vienna"), offsets="utf16")["/target/selector/0/exact"]

    assert [place["start"] for place in fault["candidates"]] == [FIRST, SECOND + 1]


def test_a_quote_with_the_wrong_context_is_refused_with_the_places_of_the_right_ones():
    fault = refusal(TextQuote("Budapest", prefix="in "))["/target/selector/0/exact"]

    assert [place["start"] for place in fault["candidates"]] == [TEXT.index("Budapest")]


def test_of_many_places_ten_are_told_overlapping_ones_too():
    fault = refusal(TextQuote("aa"), text="a" * 100)["/target/selector/0/exact"]

    assert [place["start"] for place in fault["candidates"]] == list(range(10))


@pytest.mark.parametrize("selector", [TextPosition(0, 1), TextQuote("x")])
def test_content_without_text_takes_no_text_selector(selector):
    fault = refusal(selector, text=None)["/target/selector/0"]

    assert "no text" in fault["detail"]


def test_regions_are_cleaned_and_taken_on_any_content():
    target = anchored(
        Svg(SVG.replace("<rect", "<script>x</script><rect")), Fragment("page=2"), text=None
    )

    assert target.selectors == (Svg(SVG), Fragment("page=2"))


def test_faults_are_told_together_and_where_each_selector_stood():
    found = refusal(
        Svg("<svg/>"),
        TextQuote("Prague"),
        TextPosition(0, 1),
        TextPosition(0, 1),
        pointers=("/target/selector/0", "/target/selector/3", "/x", "/y"),
    )

    assert found.keys() == {"/target/selector/0/value", "/target/selector/3/exact", "/y"}


def test_a_single_selector_is_pointed_at_without_a_number():
    assert refusal(TextQuote("Prague"), pointers=("/target/selector",)).keys() == {
        "/target/selector/exact"
    }


def test_the_pointer_of_an_item_comes_first():
    new = NewAnnotation("linking", (TextQuote("Prague"),))
    with pytest.raises(Invalid) as caught:
        anchor(new, text=TEXT, checksum=OLD, pointer="/items/3")

    assert caught.value.extra["errors"][0]["pointer"] == "/items/3/target/selector/0/exact"


# --- when the content has changed


def after(text, start, end, old=TEXT):
    target = anchored(TextPosition(start, end), text=old)
    return reanchor(target, checksum=NEW, text=text)


def test_on_the_content_it_was_made_on_a_target_is_where_it_was():
    target = anchored(TextPosition(FIRST, FIRST + 6))

    assert reanchor(target, checksum=OLD, text=None) == Anchor("anchored", OLD, target.position)


def test_equal_bytes_in_another_charset_are_another_text():
    data = "Café, then Vienna, and on".encode()
    new = decode(data, "text/plain; charset=utf-8")
    old = decode(data, "text/plain; charset=windows-1252")
    start = old.index("Vienna")
    target = anchored(TextPosition(start, start + 6), text=old)

    assert new.index("Vienna") == start - 1
    assert reanchor(target, checksum=OLD, text=old) == Anchor("anchored", OLD, target.position)
    assert reanchor(target, checksum=OLD, text=new).state == "relocated"
    assert reanchor(target, checksum=OLD, text="Wien").state == "orphaned"


def test_the_whole_resource_stays_itself():
    assert reanchor(Target(OLD), checksum=NEW, text=None) == Anchor("anchored", NEW)


@pytest.mark.parametrize("selector", [Svg(SVG), Fragment("xywh=0,0,9,9")])
def test_a_region_of_changed_content_is_orphaned(selector):
    assert reanchor(Target(OLD, (selector,)), checksum=NEW, text=TEXT).state == "orphaned"


@pytest.mark.parametrize("start", [FIRST, SECOND])
def test_text_that_moved_is_found_again(start):
    moved = after("A preface.\n" + TEXT + " The end.", start, start + 6)

    assert moved == Anchor("relocated", NEW, TextPosition(start + 11, start + 17))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Danube flows from", "river runs from"),
        ("to Budapest", "and on to Budapest"),
        ("from Vienna 😀", "from Vienna, 😀"),
    ],
)
def test_an_edit_next_to_it_leaves_enough_to_find_it_again(old, new):
    text = TEXT.replace(old, new)

    assert after(text, FIRST, FIRST + 6).position == TextPosition(
        text.index("Vienna"), text.index("Vienna") + 6
    )


def test_another_mention_is_not_taken_for_the_one_that_is_gone():
    old = "Ada was born in Vienna, long ago, and grew up there. Later Max moved to Vienna, too."
    new = "Later Max moved to Vienna, too."

    assert after(new, 16, 22, old=old).state == "orphaned"


def test_of_two_copies_with_the_same_context_none_is_chosen():
    assert after(TEXT + "\n\n" + TEXT, FIRST, FIRST + 6).state == "orphaned"


def test_of_two_places_next_to_which_as_much_is_left_none_is_chosen():
    changed = TEXT[:40] + "!\n" + TEXT[:40] + "?"

    assert after(changed, FIRST, FIRST + 6).state == "orphaned"


def test_context_is_compared_outwards_from_the_quote():
    old = "0123456789 the same words stand here: Vienna (and so on, and so on, and so on)"
    new = "9876543210 the same words stand here: Vienna"
    at = new.index("Vienna")

    assert after(new, at, at + 6, old=old).position == TextPosition(at, at + 6)


def test_of_a_thousand_places_none_is_chosen():
    old = "this is where it stands, x, next to this"
    at = old.index("x")
    changed = "here it stands, x, and nowhere"

    assert after(changed + " x" * 900, at, at + 1, old=old).state == "relocated"
    assert after(changed + " x" * 1_000, at, at + 1, old=old).state == "orphaned"


def test_a_long_quote_is_found_without_any_context_if_it_is_there_once():
    old = "before " + "A sentence that nobody writes twice by accident." + " after"
    sentence = old[7:-6]

    assert after(f"elsewhere: {sentence}!", 7, 7 + len(sentence), old=old).position == TextPosition(
        11, 11 + len(sentence)
    )
    assert after(f"{sentence} {sentence}", 7, 7 + len(sentence), old=old).state == "orphaned"


@pytest.mark.parametrize("text", ["", "Something else.", TEXT.replace("Vienna", "Wien"), None])
def test_text_that_is_gone_is_orphaned(text):
    assert after(text, FIRST, FIRST + 6) == Anchor("orphaned", NEW)


def test_a_position_without_a_quote_cannot_be_found_again():
    assert reanchor(Target(OLD, (TextPosition(0, 3),)), checksum=NEW, text=TEXT).state == "orphaned"


def test_an_anchor_is_answered_with_the_position_it_moved_to():
    assert anchor_json(Anchor("anchored", OLD, TextPosition(1, 2))) == {
        "state": "anchored",
        "checksum": OLD,
    }
    assert anchor_json(Anchor("orphaned", NEW)) == {"state": "orphaned", "checksum": NEW}
    moved = Anchor("relocated", NEW, TextPosition(1, 2))
    assert anchor_json(moved) == {
        "state": "relocated",
        "checksum": NEW,
        "selector": {"type": "TextPositionSelector", "start": 1, "end": 2},
    }
    assert anchor_json(moved, text="😀b", offsets="utf16")["selector"] == {
        "type": "TextPositionSelector",
        "start": 2,
        "end": 3,
    }
    assert "selector" not in anchor_json(moved, offsets="utf16")


# --- cost


@pytest.mark.parametrize(
    ("exact", "prefix", "text"),
    [
        ("Vienna", "y " * 16, "x Vienna " * 110_000),
        ("a", "b", "a" * 1_000_000),
        ("a" * 500, "b", "a" * 1_000_000),
        ("a" * MAX_EXACT, "b" * 500, "a" * 1_000_000),
        ("a" * 50 + "b" + "a" * 49, "", "a" * 1_000_000),
    ],
)
def test_a_text_made_of_repetitions_is_searched_in_bounded_time(exact, prefix, text):
    target = Target(OLD, (TextQuote(exact, prefix),))
    start = time.process_time()

    for _ in range(10):
        assert reanchor(target, checksum=NEW, text=text).state == "orphaned"

    assert time.process_time() - start < 2  # 0.07 s measured; quadratic would be minutes
