"""docs/annotations.md says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chalicelib.domain import anchoring, iri, quotes, svg
from chalicelib.domain import annotation as annotations

PAGE = (Path(__file__).parents[2] / "docs" / "annotations.md").read_text()
REQUEST, OPERATIONS, EVENT = map(json.loads, re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
R = "0192f000-aaaa-7000-8000-000000000001"


def test_the_request_is_accepted():
    text = "The river Danube, it is, flows through Vienna and on."
    at = text.index("Vienna")
    REQUEST["target"]["selector"][0] |= {"start": at, "end": at + 6}

    new = annotations.parse(REQUEST, resource_id=R)
    target = anchoring.anchor(new, text=text, checksum="a" * 64)

    assert target.selectors == new.selectors


def test_the_operations_are_accepted():
    before = annotations.body_from_json([OPERATIONS["operations"][1]["item"], "urn:isbn:1"])

    after = annotations.apply_operations(before, OPERATIONS["operations"])

    assert [type(body).__name__ for body in after] == ["SpecificResource", "TextualBody"]


def test_the_event_is_what_is_stored():
    annotation = annotations.decode(EVENT)

    assert annotations.encode(annotation) == EVENT
    assert svg.clean(annotation.target.selectors[3].value) == annotation.target.selectors[3].value


@pytest.mark.parametrize("name", [name for name in annotations.__all__ if name.startswith("MAX_")])
def test_each_limit_is_named_with_its_number(name):
    assert re.search(rf"\| {getattr(annotations, name):,} \| `{name}` \|", PAGE)


def test_the_other_numbers_are_those_of_the_code():
    assert f"up to {quotes.CONTEXT} code points" in PAGE
    assert f"{quotes.CONTEXT // 2} code points on one side" in PAGE
    assert f"At most {quotes.MAX_EXAMINED:,} occurrences" in PAGE
    assert f"than {svg.MAX_DEPTH} levels" in PAGE
    assert anchoring.MAX_CANDIDATES == 10
    assert ", ".join(annotations.MOTIVATIONS) in PAGE


def test_references_are_stored_as_the_table_says():
    rows = re.findall(r"^\| `(\S+)` \| `(resource:\S+)` \| `(\S+)` \|$", PAGE, re.MULTILINE)

    assert len(rows) == 2
    for sent, stored, answered in (tuple(_whole(cell) for cell in row) for row in rows):
        assert iri.to_stored(sent) == stored
        assert iri.to_public(stored, "https://api.example") == answered


def _whole(iri: str) -> str:
    return iri.replace("0192F…", R.upper()).replace("0192f…", R)
