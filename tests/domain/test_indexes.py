from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.annotation import SpecificResource, TextualBody
from chalicelib.domain.indexes import MAX_WORDS, WORD_PREFIX, matches, places, referred, words
from tests.domain.given import mark, removed, resource

OTHER = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Archimedes Palimpsest", ("the", "archimedes", "palimpsest")),
        ("the THE The", ("the",)),
        ("Straße ﬁn ｆｕｌｌ", ("strasse", "fin", "full")),
        ("a-b_c d.e", ("a", "b_c", "d", "e")),
        ("Παλίμψηστος 羊皮紙", ("παλίμψηστοσ", "羊皮紙")),
        ("", ()),
        ("— … !", ()),
    ],
)
def test_words_are_folded_and_each_counts_once(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


def test_a_resource_stands_at_its_types_and_the_beginnings_of_its_words() -> None:
    page = replace(resource(), name="Old ox", entity_types=("Person", "Place"))

    assert places(page) == {
        ("all", ""),
        ("type", "Person"),
        ("type", "Place"),
        *(("word", prefix) for prefix in ("o", "ol", "old", "ox")),
    }


def test_an_archived_resource_stands_among_the_archived_too() -> None:
    assert places(replace(resource(), archived=True)) - places(resource()) == {("archived", "true")}


def test_only_so_many_words_of_a_name_are_indexed() -> None:
    name = " ".join(f"word{n:03}" for n in range(MAX_WORDS + 5))
    long = replace(resource(), name=name)

    assert matches(long, (f"word{MAX_WORDS - 1:03}",))
    assert not matches(long, (f"word{MAX_WORDS:03}",))


def test_every_wanted_word_must_begin_one_of_the_name() -> None:
    page = replace(resource(), name="The Archimedes Palimpsest")

    assert matches(page, ("arch", "pal"))
    assert matches(page, ())
    assert not matches(page, ("arch", "codex"))
    assert not matches(page, ("medes",))


@given(st.text(max_size=40), st.data())
def test_whoever_matches_a_word_stands_where_it_is_looked_up(
    name: str, data: st.DataObject
) -> None:
    page = replace(resource(), name=name)
    if not words(name):
        return
    word = data.draw(st.sampled_from(words(name)[:MAX_WORDS]))
    wanted = word[: data.draw(st.integers(1, len(word)))]

    assert matches(page, (wanted,))
    assert ("word", wanted[:WORD_PREFIX]) in places(page)


def test_an_annotation_stands_at_the_resources_that_it_refers_to() -> None:
    bodies = (SpecificResource(f"resource:{OTHER}"), TextualBody("x"))
    linking = replace(mark(), annotation=replace(mark().annotation, bodies=bodies))

    assert referred(linking) == {("ref", OTHER)}
    assert referred(replace(linking, removed=True)) == frozenset()
    assert referred(mark(removed())) == frozenset()
    assert referred(None) == frozenset()
