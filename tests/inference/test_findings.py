from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.anchoring import anchor
from chalicelib.domain.annotation import TextPosition, TextQuote, TextualBody
from chalicelib.domain.detected import new_annotations
from chalicelib.domain.detection import (
    Answered,
    Comments,
    Entities,
    Finding,
    Highlights,
    Tags,
)
from chalicelib.domain.events import TagSchema
from chalicelib.domain.findings import Dropped, Findings, Located, locate
from chalicelib.domain.passages import Passage, Size, cut

TEXT = "Vienna 😀 is on the Danube; Jordan left Vienna for Jordan, and O’Neill for\nNew\n York. Vienna!"
ASK = Entities(("Person", "Location"))


def found(*findings, text=TEXT, ask=ASK, start=0):
    return locate(text, [Answered(Passage(text[start:], start), findings)], ask)


def spans(findings):
    return [(each.start, each.quote, each.label) for each in findings.anchored]


def why(findings):
    return {each.quote: each.why for each in findings.dropped}


def nth(quote, n, text=TEXT):
    at = -1
    for _ in range(n):
        at = text.index(quote, at + 1)
    return at


# --- where a quote stands


def test_a_quote_is_found_where_it_stands_whatever_place_the_detector_claims():
    at = nth("Danube", 1)

    for claimed in (None, at, 3, -5, 10_000):
        assert spans(found(Finding("Danube", "Location", start=claimed))) == [
            (at, "Danube", "Location")
        ]


def test_repeated_mentions_stay_separate_in_the_order_of_the_text():
    three = found(*[Finding("Vienna", "Location")] * 3)

    assert spans(three) == [(nth("Vienna", n), "Vienna", "Location") for n in (1, 2, 3)]
    assert three.dropped == ()


@pytest.mark.parametrize("start", [None, 8])
@pytest.mark.parametrize(
    "accented", ["Jose\u0301", "Jose\u0323\u0301", "Jose\u0301s", "Jose\u200d"]
)
def test_a_letter_is_not_cut_from_its_accent_wherever_the_detector_believes_it(accented, start):
    text = f"Ana met {accented} and Jose."

    assert spans(found(Finding("Jose", "Person", start=start), text=text)) == [
        (text.rindex("Jose"), "Jose", "Person")
    ]
    assert why(found(Finding("Jose", "Person", start=start), text=text[:-9])) == {
        "Jose": "not-in-text"
    }


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("Jose\u0301s", "s"),
        ("\u2764\ufe0f", "\u2764"),
        ("\U0001f469\u200d\U0001f4bb", "\U0001f469"),
        ("\u0939\u093f", "\u0939"),
    ],
)
def test_no_part_of_what_is_read_as_one_is_found(text, quote):
    assert why(found(Finding(quote, "Person"), text=text)) == {quote: "not-in-text"}


def test_an_accented_name_is_found_with_its_accents_also_after_a_mark_that_stands_alone():
    text = "Ana met Jose\u0301, \u0301 and Zoe\u0308."

    for quote in ("Jose\u0301", "\u0301 and Zoe\u0308", "Zoe\u0308"):
        assert spans(found(Finding(quote, "Person"), text=text)) == [
            (text.index(quote, 13 if quote[0] == "\u0301" else 0), quote, "Person")
        ]


def test_a_place_that_the_detector_claims_within_a_word_is_none():
    hinted = Finding("Al", "Person", start=0)

    assert spans(found(hinted, text="Also Al.")) == [(5, "Al", "Person")]
    assert why(found(hinted, text="Also.")) == {"Al": "not-in-text"}
    assert spans(found(Finding(" Al ", "Person", start=4), text="Also Al .")) == [
        (5, "Al", "Person")
    ]


def test_fewer_findings_than_mentions_take_the_first_ones():
    assert spans(found(*[Finding("Vienna", "Location")] * 2)) == [
        (nth("Vienna", n), "Vienna", "Location") for n in (1, 2)
    ]


def test_more_findings_than_mentions_are_duplicates():
    five = found(*[Finding("Vienna", "Location")] * 5)

    assert (five.found, len(five.anchored)) == (5, 3)
    assert [each.why for each in five.dropped] == ["duplicate"] * 2


def test_the_words_before_a_quote_tell_equal_quotes_apart():
    two = found(
        Finding("Jordan", "Location", before="Vienna for"),
        Finding("Jordan", "Person", before="the Danube; "),
    )

    assert spans(two) == [
        (nth("Jordan", 1), "Jordan", "Person"),
        (nth("Jordan", 2), "Jordan", "Location"),
    ]


def test_a_right_hint_takes_its_mention_and_the_others_take_what_is_left():
    two = found(
        Finding("Vienna", "Location"), Finding("Vienna", "Location", start=nth("Vienna", 1))
    )

    assert spans(two) == [(nth("Vienna", n), "Vienna", "Location") for n in (1, 2)]


def test_one_mention_may_be_of_two_types():
    both = found(Finding("Danube", "Person"), Finding("Danube", "Location"))

    assert [label for _, _, label in spans(both)] == ["Location", "Person"]
    assert both.dropped == ()


def test_line_breaks_and_straightened_quotes_do_not_lose_a_quote():
    two = found(Finding("New York", "Location"), Finding("O'Neill", "Person"))

    assert spans(two) == [
        (nth("O’Neill", 1), "O’Neill", "Person"),
        (nth("New\n York", 1), "New\n York", "Location"),
    ]


def test_nothing_is_found_within_a_word():
    text = "Also Al, a Berliner in Berlin."

    two = found(Finding("Al", "Person"), Finding("Berlin", "Location"), text=text)

    assert spans(two) == [(5, "Al", "Person"), (23, "Berlin", "Location")]


def test_a_script_without_spaces_has_no_words_to_be_within():
    assert spans(found(Finding("東京", "Location"), text="彼は東京に行った。")) == [
        (2, "東京", "Location")
    ]


def test_a_place_counts_from_the_beginning_of_the_document():
    at = nth("Vienna", 2)

    assert spans(found(Finding("Vienna", "Location"), start=at - 4)) == [(at, "Vienna", "Location")]


# --- what is dropped


def test_what_becomes_no_annotation_is_said_with_its_reason():
    result = found(
        Finding("Atlantis", "Location"),
        Finding("Danube", "River"),
        Finding("  ", "Person"),
        Finding("x" * 10_001, "Person"),
    )

    assert result.anchored == ()
    assert why(result) == {
        "Atlantis": "not-in-text",
        "Danube": "unknown-type",
        "  ": "empty",
        "x" * 10_001: "too-long",
    }
    assert result.counts() == {
        "found": 4,
        "anchored": 0,
        "dropped": {"empty": 1, "not-in-text": 1, "too-long": 1, "unknown-type": 1},
    }


def test_a_type_is_spelled_as_it_was_asked_for():
    assert spans(found(Finding("Danube", " location"))) == [
        (nth("Danube", 1), "Danube", "Location")
    ]


def test_of_overlapping_places_with_one_label_the_longer_stays():
    text = "the Bank of England"

    result = found(
        Finding("England", "Location"),
        Finding("Bank of England", "Location"),
        Finding("England", "Person"),
        text=text,
    )

    assert spans(result) == [(4, "Bank of England", "Location"), (12, "England", "Person")]
    assert result.dropped == (Dropped("England", "Location", "overlap", 12),)


def test_what_two_passages_both_see_is_one():
    text = "One two. Vienna here. Three four."
    answers = [
        Answered(Passage(text[:21], 0), (Finding("Vienna", "Location"),)),
        Answered(Passage(text[9:], 9), (Finding("Vienna", "Location", score=0.5),)),
    ]

    result = locate(text, answers, ASK)

    assert result.anchored == (Located(9, 15, "Vienna", "Location", 0.5),)
    assert why(result) == {"Vienna": "duplicate"}


def test_two_comments_may_overlap_but_not_be_on_the_same_place():
    result = found(
        Finding("Vienna 😀 is on the Danube", note="A city."),
        Finding("Danube", note="A river."),
        Finding("Danube", note="A long river."),
        Finding("Jordan"),
        ask=Comments(),
    )

    assert [(each.quote, each.note) for each in result.anchored] == [
        ("Vienna 😀 is on the Danube", "A city."),
        ("Danube", "A river."),
    ]
    assert [each.why for each in result.dropped] == ["duplicate", "empty"]


# --- as annotations


@pytest.mark.parametrize(
    ("ask", "finding", "motivation", "bodies"),
    [
        (ASK, Finding("Danube", "Location"), "linking", (TextualBody("Location", "tagging"),)),
        (
            Tags(TagSchema("irac", "IRAC", "", (("Issue", ""),)), ("Issue",)),
            Finding("Danube", "Issue"),
            "tagging",
            (TextualBody("Issue", "tagging"), TextualBody("irac", "classifying")),
        ),
        (Highlights(), Finding("Danube"), "highlighting", ()),
        (
            Comments(),
            Finding("Danube", note="Long."),
            "commenting",
            (TextualBody("Long.", "commenting", "text/plain", "en"),),
        ),
    ],
)
def test_each_ask_has_its_motivation_and_its_bodies(ask, finding, motivation, bodies):
    at = nth("Danube", 1)
    generator = {"id": "urn:palimpsest:rules", "type": "Software", "name": "rules"}

    (new,) = new_annotations(
        found(finding, ask=ask).anchored, text=TEXT, ask=ask, generator=generator, language="en"
    )

    assert (new.motivation, new.bodies, new.generator) == (motivation, bodies, generator)
    assert new.selectors == (
        TextPosition(at, at + 6),
        TextQuote("Danube", TEXT[:at], TEXT[at + 6 : at + 38]),
    )
    assert anchor(new, text=TEXT, checksum="a" * 64).selectors == new.selectors


# --- laws

words = st.sampled_from(
    ["a", "aa", "A b", "Al", "Also", "😀", "é", "Vienna", "東京", "O’N", ". ", " ", "\n"]
)
texts = st.lists(words, min_size=1, max_size=60).map("".join)
labels = st.sampled_from(["Person", "person", "Location", "Ship"])
findings = st.builds(
    Finding,
    st.one_of(words, st.just("a a"), st.just("invented")),
    labels,
    st.none() | st.sampled_from([0.2, 0.9]),
    before=st.sampled_from(["", "a", "Vienna "]),
    start=st.none() | st.integers(-2, 80),
)


@st.composite
def answered(draw):
    text = draw(texts)
    passages = cut(text, Size(40), overlap=8)
    return text, [Answered(each, tuple(draw(st.lists(findings, max_size=6)))) for each in passages]


def exact(result: Findings, text, answers):
    """The law: every finding ends once, and what is anchored is in the text, once, as it says."""
    assert result.found == sum(len(answer.found) for answer in answers)
    for each in result.anchored:
        assert text[each.start : each.end] == each.quote
        assert each.quote.strip() == each.quote != ""
        assert each.label in ASK.types
        assert any(p.passage.start <= each.start and each.end <= p.passage.end for p in answers)
    for label in ASK.types:
        of_label = [each for each in result.anchored if each.label == label]
        for before, after in pairwise(of_label):
            assert before.end <= after.start


@given(answered())
def test_each_anchored_span_is_its_quote_and_nothing_is_lost(case):
    text, answers = case

    exact(locate(text, answers, ASK), text, answers)


def trusting(text, answers, ask):
    """The broken double: takes the offsets that the detector claims."""
    anchored = [
        Located(
            answer.passage.start + each.start,
            answer.passage.start + each.start + len(each.quote),
            each.quote,
            each.label,
        )
        for answer in answers
        for each in answer.found
        if each.start is not None
    ]
    return Findings(tuple(anchored), ())


def test_the_law_catches_one_who_trusts_offsets():
    text = "😀 Vienna"
    answers = [Answered(Passage(text), (Finding("Vienna", "Location", start=3),))]

    exact(locate(text, answers, ASK), text, answers)
    with pytest.raises(AssertionError):
        exact(trusting(text, answers, ASK), text, answers)


@given(answered(), st.randoms(use_true_random=False))
def test_the_order_of_passages_and_of_different_findings_does_not_matter(case, random):
    text, answers = case
    shuffled = [
        replace(answer, found=tuple(sorted(answer.found, key=lambda f: (f.quote, f.label.lower()))))
        for answer in answers
    ]
    random.shuffle(shuffled)
    for answer in answers:
        assert sorted(answer.found, key=repr) == sorted(
            next(a.found for a in shuffled if a.passage == answer.passage), key=repr
        )

    assert places(locate(text, answers, ASK)) == places(locate(text, shuffled, ASK))


def places(result):
    return [(each.start, each.end, each.label) for each in result.anchored]


@given(answered())
def test_what_is_anchored_is_found_again_in_its_place(case):
    text, answers = case
    once = locate(text, answers, ASK)
    again = [
        Answered(
            Passage(text),
            tuple(
                Finding(each.quote, each.label, each.score, each.note, start=each.start)
                for each in once.anchored
            ),
        )
    ]

    twice = locate(text, again, ASK)

    assert twice.anchored == once.anchored
    assert twice.dropped == ()
