from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.annotation import (
    MOTIVATIONS,
    Annotation,
    Fragment,
    SpecificResource,
    Svg,
    Target,
    TextPosition,
    TextQuote,
    TextualBody,
    decode,
    decode_bodies,
    encode,
    encode_bodies,
    parse,
    to_json,
)

EXAMPLE = Annotation(
    "0192f000-bbbb-7000-8000-000000000002",
    "linking",
    Target(
        "9f86" * 16,
        (
            TextPosition(3, 9),
            TextQuote("Vienna", "in ", ", "),
            Fragment("xywh=0,0,9,9", "http://www.w3.org/TR/media-frags/"),
            Svg("<svg/>"),
        ),
    ),
    (
        TextualBody("Place", "tagging", "text/plain", "en"),
        SpecificResource("resource:0192f000-aaaa-7000-8000-000000000009", "linking"),
    ),
    {"name": "rules 1.0", "type": "Software"},
)
STORED = {
    "id": "0192f000-bbbb-7000-8000-000000000002",
    "motivation": "linking",
    "target": {
        "checksum": "9f86" * 16,
        "selector": [
            {"type": "TextPositionSelector", "start": 3, "end": 9},
            {"type": "TextQuoteSelector", "exact": "Vienna", "prefix": "in ", "suffix": ", "},
            {
                "type": "FragmentSelector",
                "value": "xywh=0,0,9,9",
                "conformsTo": "http://www.w3.org/TR/media-frags/",
            },
            {"type": "SvgSelector", "value": "<svg/>"},
        ],
    },
    "body": [
        {
            "type": "TextualBody",
            "value": "Place",
            "purpose": "tagging",
            "format": "text/plain",
            "language": "en",
        },
        {
            "type": "SpecificResource",
            "source": "resource:0192f000-aaaa-7000-8000-000000000009",
            "purpose": "linking",
        },
    ],
    "generator": {"name": "rules 1.0", "type": "Software"},
}

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
maybe = st.none() | words
motivations = st.sampled_from(MOTIVATIONS)
selectors = st.one_of(
    st.builds(TextPosition, st.integers(0, 50), st.integers(51, 99)),
    st.builds(TextQuote, words, st.just("") | words, st.just("") | words),
    st.builds(Fragment, words, maybe),
    st.builds(Svg, words),
)
bodies = st.one_of(
    st.builds(TextualBody, words, st.none() | motivations, maybe, maybe),
    st.builds(SpecificResource, words, st.none() | motivations),
)
annotations = st.builds(
    Annotation,
    words,
    motivations,
    st.builds(Target, maybe, st.lists(selectors, max_size=4).map(tuple)),
    st.lists(bodies, max_size=4).map(tuple),
    st.none() | st.dictionaries(words, words, max_size=2),
)


def test_this_is_what_an_event_holds():
    assert encode(EXAMPLE) == STORED
    assert decode(STORED) == EXAMPLE


def test_what_is_empty_is_not_stored():
    bare = Annotation("a", "highlighting", Target(None))

    assert encode(bare) == {"id": "a", "motivation": "highlighting", "target": {}}
    assert decode(encode(bare)) == bare


@given(annotations)
def test_what_was_stored_reads_back_as_it_was(annotation):
    assert decode(json.loads(json.dumps(encode(annotation)))) == annotation


@given(st.lists(bodies, max_size=5).map(tuple))
def test_bodies_that_were_stored_read_back_as_they_were(several):
    assert decode_bodies(json.loads(json.dumps(encode_bodies(several)))) == several


@pytest.mark.parametrize("member", ["selector", "body"])
def test_a_kind_that_is_not_known_is_never_guessed(member):
    unknown = [{"type": "XPathSelector", "value": "/p"}]
    data = {"id": "a", "motivation": "linking", "target": {}, "body": unknown}
    if member == "selector":
        data = {**data, "target": {"selector": unknown}, "body": []}

    with pytest.raises(ValueError, match="XPathSelector"):
        decode(data)


iris = st.sampled_from(
    ["resource:0192f000-aaaa-7000-8000-000000000009", "https://x.example/y?z=1#a", "urn:isbn:1"]
)
accepted = st.builds(
    Annotation,
    st.just("0192f000-bbbb-7000-8000-000000000002"),
    motivations,
    st.builds(
        Target,
        st.just("a" * 64),
        st.lists(
            st.builds(Fragment, words, st.none() | iris)
            | st.builds(TextQuote, words, st.just("") | words, st.just("") | words),
            max_size=3,
            unique_by=type,
        ).map(tuple),
    ),
    st.lists(
        st.builds(TextualBody, words, st.none() | motivations)
        | st.builds(SpecificResource, iris, st.none() | motivations),
        max_size=3,
        unique=True,
    ).map(tuple),
    st.none() | st.fixed_dictionaries({"id": iris, "name": words}),
)


@given(accepted, st.sampled_from(["https://api.example", "http://127.0.0.1:8000/dev/"]))
def test_what_is_answered_reads_back_with_the_same_meaning(annotation, base):
    resource = "0192f000-aaaa-7000-8000-000000000001"
    answer = to_json(annotation, resource_id=resource, base_url=base, creator={}, created="")

    again = parse(json.loads(json.dumps(answer)), resource_id=resource)

    assert again.selectors == annotation.target.selectors
    assert again.bodies == annotation.bodies
    assert again.generator == annotation.generator
