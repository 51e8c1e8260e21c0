"""Annotations that clients send: what is understood, what is refused, and how that is told."""

from __future__ import annotations

import json

import pytest

from chalicelib.domain.annotation import (
    MAX_BODIES,
    MAX_CONTEXT,
    MAX_EXACT,
    MAX_IRI,
    MAX_SELECTORS,
    MAX_SVG,
    MAX_VALUE,
    MOTIVATIONS,
    Fragment,
    SpecificResource,
    Svg,
    TextPosition,
    TextQuote,
    TextualBody,
    body_from_json,
    parse,
)
from chalicelib.errors import Invalid
from tests.domain.annotations import (
    LINK,
    OTHER,
    POSITION,
    QUOTE,
    SURROGATE,
    TAG,
    R,
    faults,
    faults_of,
    read,
)

# --- what is understood


def test_a_whole_annotation_is_read():
    new = parse(
        {
            "@context": "http://www.w3.org/ns/anno.jsonld",
            "type": "Annotation",
            "motivation": "linking",
            "target": {
                "type": "SpecificResource",
                "source": f"https://api.example/dev/resources/{R}",
                "selector": [POSITION, {**QUOTE, "prefix": "in ", "suffix": ", "}],
            },
            "body": [{**TAG, "format": "text/plain; charset=utf-8", "language": "de-AT"}, LINK],
            "generator": {"id": "https://example.org/tool", "type": "Software", "name": "Tool"},
        },
        resource_id=R,
    )

    assert new.motivation == "linking"
    assert new.selectors == (TextPosition(3, 9), TextQuote("Vienna", "in ", ", "))
    assert new.bodies == (
        TextualBody("Place", "tagging", "text/plain; charset=utf-8", "de-AT"),
        SpecificResource(f"resource:{OTHER}", "linking"),
    )
    assert new.generator == {"id": "https://example.org/tool", "type": "Software", "name": "Tool"}


def test_a_motivation_is_enough():
    new = parse({"motivation": "bookmarking"}, resource_id=R)

    assert (new.selectors, new.bodies, new.generator) == ((), (), None)


@pytest.mark.parametrize("motivation", MOTIVATIONS)
def test_each_of_the_thirteen_motivations_is_known_alone_or_in_a_list(motivation):
    assert len(MOTIVATIONS) == 13
    assert read(motivation=motivation).motivation == motivation
    assert read(motivation=[motivation]).motivation == motivation


@pytest.mark.parametrize(
    "target",
    [
        f"https://elsewhere.example/resources/{R}",
        f"/resources/{R.upper()}",
        {"source": f"resources/{R}"},
        {"selector": []},
        {},
    ],
)
def test_a_target_without_selectors_is_the_whole_resource(target):
    assert read(target=target).selectors == ()


@pytest.mark.parametrize(
    ("selector", "value"),
    [
        (POSITION, TextPosition(3, 9)),
        (QUOTE, TextQuote("Vienna")),
        ({**QUOTE, "prefix": ""}, TextQuote("Vienna")),
        ({"type": "FragmentSelector", "value": "xywh=0,0,9,9"}, Fragment("xywh=0,0,9,9", None)),
        (
            {"type": "FragmentSelector", "value": "page=2", "conformsTo": "http://x/rfc3778"},
            Fragment("page=2", "http://x/rfc3778"),
        ),
        ({"type": "SvgSelector", "value": "<svg/>"}, Svg("<svg/>")),
    ],
)
def test_selectors_are_read_alone_and_in_a_list(selector, value):
    assert read(target={"selector": selector}).selectors == (value,)
    assert read(target={"selector": [selector]}).selectors == (value,)


@pytest.mark.parametrize(
    ("body", "bodies"),
    [
        ([], ()),
        (TAG, (TextualBody("Place", "tagging"),)),
        ({"value": "Place", "purpose": ["tagging"]}, (TextualBody("Place", "tagging"),)),
        ({"source": "urn:isbn:978"}, (SpecificResource("urn:isbn:978"),)),
        ("https://www.wikidata.org/entity/Q1741", (SpecificResource("https://www.wikidata.org/entity/Q1741"),)),
        (f"/resources/{OTHER}", (SpecificResource(f"resource:{OTHER}"),)),
        ([TAG, dict(TAG), LINK], (TextualBody("Place", "tagging"), SpecificResource(f"resource:{OTHER}", "linking"))),
    ],
)  # fmt: skip
def test_bodies_are_read_in_each_of_their_forms_and_equal_ones_are_one(body, bodies):
    assert read(body=body).bodies == bodies
    assert body_from_json(body) == bodies


def test_what_the_server_assigns_is_ignored():
    new = read(
        id="https://x/1", creator={"id": 1}, created="never", modified=3, anchor={"state": "?"}
    )

    assert new == read()


def test_positions_keep_the_unit_they_were_sent_in():
    assert parse({"motivation": "linking"}, resource_id=R, offsets="utf16").offsets == "utf16"
    assert read().offsets == "codepoint"


def test_each_selector_remembers_where_it_stood():
    alone = parse(
        {"motivation": "linking", "target": {"selector": QUOTE}}, resource_id=R, pointer="/items/4"
    )

    assert alone.pointers == ("/target/selector",)
    assert read(target={"selector": [QUOTE, POSITION]}).pointers == (
        "/target/selector/0",
        "/target/selector/1",
    )


# --- what is refused, and how it is told


def test_every_fault_is_told_with_its_pointer():
    data = {
        "type": "Note",
        "motivation": "shouting",
        "colour": "red",
        "a/b~c": 1,
        "target": {
            "source": f"/resources/{OTHER}",
            "state": {},
            "selector": [
                {"type": "TextPositionSelector", "start": True, "end": -1},
                {"type": "XPathSelector", "value": "/p"},
                {"type": "TextQuoteSelector", "refinedBy": QUOTE},
                "Vienna",
            ],
        },
        "body": [{"type": "Video", "id": "https://x/v"}, {"type": "TextualBody"}, 7],
    }

    found = faults_of(lambda: parse(data, resource_id=R, pointer="/items/1"))

    assert set(found) == {
        "/items/1/type",
        "/items/1/motivation",
        "/items/1/colour",
        "/items/1/a~1b~0c",
        "/items/1/target/source",
        "/items/1/target/state",
        "/items/1/target/selector/0/start",
        "/items/1/target/selector/0/end",
        "/items/1/target/selector/1/type",
        "/items/1/target/selector/2/exact",
        "/items/1/target/selector/2/refinedBy",
        "/items/1/target/selector/3",
        "/items/1/body/0/type",
        "/items/1/body/1/value",
        "/items/1/body/2",
    }
    assert "not supported" in found["/items/1/target/selector/2/refinedBy"]


@pytest.mark.parametrize("data", [None, [], "x", 3, True])
def test_an_annotation_is_an_object(data):
    assert faults_of(lambda: parse(data, resource_id=R, pointer="/items/0")).keys() == {"/items/0"}


def test_a_motivation_is_required():
    assert "required" in faults_of(lambda: parse({}, resource_id=R))["/motivation"]


@pytest.mark.parametrize("motivation", [None, [], ["linking", "tagging"], {}, 3, "oa:linking"])
def test_a_motivation_is_one_of_the_thirteen(motivation):
    assert "/motivation" in faults(motivation=motivation)


@pytest.mark.parametrize(
    ("target", "pointer"),
    [
        (f"/resources/{OTHER}", "/target"),
        ("https://www.wikidata.org/entity/Q1741", "/target"),
        ("nothing", "/target"),
        (f"/resources/{R}#xywh=0,0,1,1", "/target"),
        (None, "/target"),
        ([{"source": f"/resources/{R}"}], "/target"),
        ({"source": f"/resources/{OTHER}"}, "/target/source"),
        ({"source": f"/resources/{R}/annotations/{OTHER}"}, "/target/source"),
        ({"source": f"/resources/{R}?version=2"}, "/target/source"),
        ({"source": None}, "/target/source"),
        ({"type": "Choice"}, "/target/type"),
        ({"selector": None}, "/target/selector"),
    ],
)
def test_a_target_is_the_resource_and_one_of_it(target, pointer):
    assert faults(target=target).keys() == {pointer}


@pytest.mark.parametrize(
    ("selector", "pointer"),
    [
        ({**POSITION, "start": 3.0}, "/start"),
        ({**POSITION, "end": "9"}, "/end"),
        ({**POSITION, "end": True}, "/end"),
        ({**POSITION, "end": 2**53}, "/end"),
        ({**POSITION, "end": None}, "/end"),
        ({"type": "TextPositionSelector", "start": 3}, "/end"),
        ({**POSITION, "end": 3}, ""),
        ({**POSITION, "end": 2}, ""),
        ({**QUOTE, "exact": ""}, "/exact"),
        ({**QUOTE, "exact": 3}, "/exact"),
        ({**QUOTE, "exact": SURROGATE}, "/exact"),
        ({**QUOTE, "prefix": SURROGATE}, "/prefix"),
        ({**QUOTE, "suffix": None}, "/suffix"),
        ({**QUOTE, "start": 3}, "/start"),
        ({"type": "FragmentSelector"}, "/value"),
        ({"type": "FragmentSelector", "value": ""}, "/value"),
        ({"type": "FragmentSelector", "value": "x", "conformsTo": "not an iri"}, "/conformsTo"),
        ({"type": "SvgSelector", "id": "https://x/y.svg", "value": "<svg/>"}, "/id"),
        ({"type": ["TextQuoteSelector"], "exact": "x"}, "/type"),
        ({"exact": "x"}, "/type"),
    ],
)
def test_a_selector_with_a_fault_is_refused_where_it_is(selector, pointer):
    assert faults(target={"selector": selector}).keys() == {f"/target/selector{pointer}"}


@pytest.mark.parametrize("selector", [QUOTE, POSITION])
def test_a_target_has_one_position_and_one_quote_at_most(selector):
    assert "second" in faults(target={"selector": [selector, selector]})["/target/selector/1"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (None, ""),
        (3, ""),
        ([[TAG]], "/0"),
        ({}, ""),
        ({"type": "TextualBody", "value": ""}, "/value"),
        ({"type": "TextualBody", "value": None}, "/value"),
        ({**TAG, "value": SURROGATE}, "/value"),
        ({**TAG, "purpose": "shouting"}, "/purpose"),
        ({**TAG, "format": "markdown"}, "/format"),
        ({**TAG, "language": "English, please"}, "/language"),
        ({**TAG, "language": ""}, "/language"),
        ({**TAG, "creator": "x"}, "/creator"),
        ({"type": "SpecificResource"}, "/source"),
        ({**LINK, "source": "Vienna"}, "/source"),
        ({**LINK, "source": "https://x/a b"}, "/source"),
        ({**LINK, "source": f"https://x/{SURROGATE}"}, "/source"),
        ({**LINK, "source": "JavaScript:alert(1)"}, "/source"),
        ({**LINK, "source": "data:text/html,x"}, "/source"),
        ({**LINK, "source": "https://x/\n"}, "/source"),
        ({**LINK, "selector": QUOTE}, "/selector"),
        ("Vienna", ""),
    ],
)
def test_a_body_with_a_fault_is_refused_where_it_is(body, pointer):
    assert faults(body=body).keys() == {f"/body{pointer}"}
    assert faults_of(lambda: body_from_json(body, "/x/body")).keys() == {f"/x/body{pointer}"}


@pytest.mark.parametrize(
    ("generator", "pointer"),
    [
        (3, ""),
        ("not an iri", ""),
        ("http://[::1/x", ""),
        ("https:///x", ""),
        ("http://x/100%", ""),
        ("urn:%zz", ""),
        ({"id": "x"}, "/id"),
        ({"name": ""}, "/name"),
        ({"name": "x", "version": 2}, "/version"),
    ],
)
def test_a_generator_with_a_fault_is_refused_where_it_is(generator, pointer):
    assert faults(generator=generator).keys() == {f"/generator{pointer}"}


@pytest.mark.parametrize(
    "iri",
    [
        "http://[::1]:8000/a%20b",
        "https://ada@host/?q[]=1",
        "HTTPS://bücher.example/ü",
        "urn:x:y",
        "a:b",
    ],
)
def test_an_iri_may_have_whatever_an_iri_may_have(iri):
    assert iri in str(read(generator=iri).generator)


def test_each_limit_is_the_last_that_is_accepted():
    def quote(exact=1, prefix=1, suffix=1):
        members = {"exact": "😀" * exact, "prefix": "p" * prefix, "suffix": "s" * suffix}
        return read(target={"selector": {**QUOTE, **members}})

    def fragments(count):
        fragment = {"type": "FragmentSelector", "value": "x"}
        return read(target={"selector": [fragment] * count})

    def source(length):
        return read(body="https://x/" + "y" * (length - 10))

    limits = [
        (lambda n: quote(exact=n), MAX_EXACT, 10_000),
        (lambda n: quote(prefix=n), MAX_CONTEXT, 500),
        (lambda n: quote(suffix=n), MAX_CONTEXT, 500),
        (fragments, MAX_SELECTORS, 10),
        (lambda n: read(body=[{"value": str(i)} for i in range(n)]), MAX_BODIES, 20),
        (lambda n: read(body={"value": "x" * n}), MAX_VALUE, 100_000),
        (source, MAX_IRI, 2_048),
        (lambda n: read(target={"selector": {"type": "SvgSelector", "value": "x" * n}}), MAX_SVG, 50_000),
    ]  # fmt: skip
    for call, limit, number in limits:
        assert limit == number
        call(limit)
        with pytest.raises(Invalid, match=f"at most {limit}"):
            call(limit + 1)


def test_a_flood_of_faults_is_told_in_part():
    with pytest.raises(Invalid) as caught:
        read(**{f"x{i}" * 500: i for i in range(5_000)})

    assert len(caught.value.extra["errors"]) == 100
    assert len(json.dumps(caught.value.extra)) < 100_000


def test_a_member_named_by_half_a_character_can_still_be_answered():
    assert faults(**{SURROGATE: 1}).keys() == {"/\\ud83d"}
