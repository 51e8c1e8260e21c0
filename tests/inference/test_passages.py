from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.passages import Passage, Size, cut
from chalicelib.domain.sentences import _END, sentences

BOOK = Path(__file__).parents[2] / "infra/library/gospels.txt"

texts = st.lists(
    st.sampled_from(
        ["a", "Bo ", "😀", "é", ". ", "! ", "\r\n\r\n", "\n", "Mr. ", "東京。", "word " * 9]
    ),
    max_size=80,
).map("".join)


def read(text):
    return [text[start:end] for start, end in sentences(text)]


# --- sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He left. She stayed.", ["He left.", "She stayed."]),
        ("Dr. J. L. Heiberg came. He read.", ["Dr. J. L. Heiberg came.", "He read."]),
        ("Am 3. März kam er. Es war kalt.", ["Am 3. März kam er.", "Es war kalt."]),
        ("See no. 5 of it. No. He would not.", ["See no. 5 of it.", "No.", "He would not."]),
        ("It cost 1.5 million in 1808. He paid.", ["It cost 1.5 million in 1808.", "He paid."]),
        ("“Is it?” he asked. “Yes.” Then …", ["“Is it?” he asked.", "“Yes.”", "Then …"]),
        ("A HEADING\n\nA sentence\nin two lines.", ["A HEADING", "A sentence\nin two lines."]),
        ("彼は行った。雨だ！「はい。」", ["彼は行った。", "雨だ！", "「はい。」"]),
        ("M. Dupont est là. Il parle.", ["M. Dupont est là.", "Il parle."]),
        (" \n\n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize("run", ["." * 50, "?!…" * 20])
def test_a_run_of_stops_is_gone_through_once_not_from_each_of_them(run):
    text = f"So{run} Yes."

    assert read(text) == [f"So{run}", "Yes."]
    # Or a text of a million full stops would take as many times a million steps.
    assert [at for at in range(2 + len(run)) if _END.match(text, at)] == [2]


@given(texts)
def test_sentences_are_in_order_and_only_white_space_lies_between(text):
    at = 0
    for start, end in sentences(text):
        assert text[at:start].strip() == ""
        assert text[start:end].strip() == text[start:end] != ""
        at = end
    assert text[at:].strip() == ""


# --- passages


def whole(text, size, overlap, passages):
    """The law: bounded, in order, and whatever is not longer than the overlap is whole somewhere."""
    assert (passages == ()) == (text == "")
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text != ""
        assert len(passage.text) <= size.code_points
        assert size.bytes is None or len(passage.text.encode()) <= size.bytes
    if text:
        assert passages[0].start == 0
        assert passages[-1].end == len(text)
    for before, after in pairwise(passages):
        assert before.start < after.start <= before.end - overlap
        assert before.end < after.end


@given(texts, st.integers(21, 90), st.none() | st.integers(81, 200))
def test_passages_are_bounded_and_overlap_and_are_the_whole_text(text, code_points, in_bytes):
    size = Size(code_points, in_bytes)

    whole(text, size, 10, cut(text, size, overlap=10))


def test_the_law_of_passages_catches_a_cut_without_overlap():
    text = "word " * 40
    size = Size(50)
    blocks = tuple(Passage(text[at : at + 50], at) for at in range(0, 200, 50))

    with pytest.raises(AssertionError):
        whole(text, size, 10, blocks)


def test_passages_end_where_sentences_end():
    text = "This is a sentence of some words. " * 20

    passages = cut(text, Size(100), overlap=20)

    assert all(passage.text.rstrip().endswith("words.") for passage in passages)
    assert all(passage.text.startswith("This") for passage in passages)


def test_a_text_without_sentences_is_cut_between_words_and_one_without_words_anywhere():
    words, block = "word " * 100, "x" * 500

    between = cut(words, Size(101), overlap=20)

    assert all(passage.text.strip("word ") == "" for passage in between)
    assert all(passage.text.startswith("word") for passage in between)
    assert [len(passage.text) for passage in cut(block, Size(100), overlap=20)][:3] == [100] * 3


def test_a_short_text_is_one_passage():
    assert cut("Short. 😀", Size(1000)) == (Passage("Short. 😀", 0),)


def test_a_size_that_leaves_no_room_for_the_overlap_is_refused():
    with pytest.raises(ValueError, match="overlap"):
        cut("text", Size(400), overlap=200)
    with pytest.raises(ValueError, match="overlap"):
        cut("text", Size(4000, bytes=1600), overlap=200)


@settings(deadline=None)
@given(st.sampled_from([Size(6_000), Size(100_000, bytes=20_000)]))
def test_a_book_is_cut_in_a_moment(size):
    text = BOOK.read_text() + "é😀"
    began = time.perf_counter()

    passages = cut(text, size)

    assert time.perf_counter() - began < 2
    whole(text, size, 200, passages)
