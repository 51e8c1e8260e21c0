"""Annotations as clients read them: W3C JSON, which can be sent back as it is."""

from __future__ import annotations

import json

from chalicelib.domain.annotation import (
    Annotation,
    Fragment,
    SpecificResource,
    Target,
    TextPosition,
    TextQuote,
    TextualBody,
    parse,
    to_json,
)
from tests.domain.annotations import (
    OTHER,
    R,
)

PLACE = TextualBody("Place", "tagging")
REFERENCE = SpecificResource(f"resource:{OTHER}", "linking")
STORED = Annotation(
    "0192f000-bbbb-7000-8000-000000000002",
    "linking",
    Target("9f86" * 16, (TextPosition(2, 3), TextQuote("b", "a😀"), Fragment("x", "http://y/z"))),
    (PLACE, REFERENCE),
    {"id": f"resource:{OTHER}", "name": "Tool"},
)
ANSWER = {
    "resource_id": R,
    "base_url": "https://api.example/dev",
    "creator": {"id": "u1", "type": "Person", "name": "Ada"},
    "created": "2026-11-23T09:35:00.123Z",
}


def test_an_annotation_is_answered_in_w3c_json():
    assert to_json(STORED, **ANSWER, modified=None, anchor={"state": "anchored"}) == {
        "@context": "http://www.w3.org/ns/anno.jsonld",
        "id": f"https://api.example/dev/resources/{R}/annotations/{STORED.id}",
        "type": "Annotation",
        "motivation": "linking",
        "target": {
            "source": f"https://api.example/dev/resources/{R}",
            "selector": [
                {"type": "TextPositionSelector", "start": 2, "end": 3},
                {"type": "TextQuoteSelector", "exact": "b", "prefix": "a😀"},
                {"type": "FragmentSelector", "value": "x", "conformsTo": "http://y/z"},
            ],
        },
        "body": [
            {"type": "TextualBody", "value": "Place", "purpose": "tagging"},
            {
                "type": "SpecificResource",
                "source": f"https://api.example/dev/resources/{OTHER}",
                "purpose": "linking",
            },
        ],
        "creator": {"id": "u1", "type": "Person", "name": "Ada"},
        "created": "2026-11-23T09:35:00.123Z",
        "generator": {"id": f"https://api.example/dev/resources/{OTHER}", "name": "Tool"},
        "anchor": {"state": "anchored"},
    }


def test_what_is_absent_is_left_out():
    answer = to_json(Annotation("a", "bookmarking", Target(None)), **ANSWER, modified="later")

    assert answer["target"] == {"source": f"https://api.example/dev/resources/{R}"}
    assert answer["body"] == []
    assert answer["modified"] == "later"
    assert not {"generator", "anchor"} & answer.keys()


def test_positions_are_answered_in_utf_16_units_where_the_text_is_known():
    known = to_json(STORED, **ANSWER, text="a😀b", offsets="utf16")
    unknown = to_json(STORED, **ANSWER, text=None, offsets="utf16")

    assert known["target"]["selector"][0] == {"type": "TextPositionSelector", "start": 3, "end": 4}
    assert known["target"]["selector"][1:] == unknown["target"]["selector"]


def test_an_answer_can_be_sent_back_as_it_is():
    answer = to_json(STORED, **ANSWER, modified="later", anchor={"state": "anchored"})

    again = parse(json.loads(json.dumps(answer)), resource_id=R)

    assert again.motivation == STORED.motivation
    assert again.selectors == STORED.target.selectors
    assert again.bodies == STORED.bodies
    assert again.generator == STORED.generator
