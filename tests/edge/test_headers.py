from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.edge import schemas
from chalicelib.edge.headers import EntityTags, Headers, MediaType, negotiate
from chalicelib.edge.schemas.common import MEDIA_TYPE
from chalicelib.errors import Malformed

JSON, LD, HTML = "application/json", "application/ld+json", "text/html"


def test_names_are_found_in_any_case_and_lines_of_a_list_are_joined() -> None:
    headers = Headers.of_event({"multiValueHeaders": {"If-Match": ['"1"', '"2"'], "HOST": ["a"]}})

    assert headers.joined("if-match") == '"1", "2"'
    assert headers.one("host") == "a"
    assert headers.one("Origin") is None


def test_a_header_that_may_stand_once_is_refused_when_it_comes_twice() -> None:
    headers = Headers([("Idempotency-Key", "a"), ("idempotency-key", "a")])

    with pytest.raises(Malformed, match="2 times"):
        headers.one("Idempotency-Key")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ('"7"', ((False, "7"),)),
        ('W/"7"', ((True, "7"),)),
        ('"7", W/"8" ,"a,b"', ((False, "7"), (True, "8"), (False, "a,b"))),
        (', ,"7",,', ((False, "7"),)),
        ('""', ((False, ""),)),
    ],
)
def test_entity_tags_are_read_as_rfc_9110_writes_them(text: str, tags: object) -> None:
    assert EntityTags.parse(text, "If-Match") == EntityTags(False, tags)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "7", '"7', "'7'", '*, "7"', '"7" "8"', '"7", x', 'w/"7"', ","]
)
def test_what_is_no_list_of_tags_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="If-Match"):
        EntityTags.parse(text, "If-Match")


def test_if_match_compares_strongly_and_if_none_match_weakly() -> None:
    weak = EntityTags.parse('W/"7"', "If-None-Match")

    assert weak.match_weakly("7")
    assert not weak.match_strongly("7")
    assert EntityTags.parse("*", "If-Match").match_strongly("anything")


@given(st.text(max_size=40))
def test_any_text_is_tags_or_malformed(text: str) -> None:
    with contextlib.suppress(Malformed):
        EntityTags.parse(text, "If-Match")


def test_a_media_type_is_read_with_its_parameters() -> None:
    found = MediaType.parse('Text/HTML ; Charset="utf-8"; q=1 ;; boundary="a\\"b"')

    assert found.name == "text/html"
    assert found.parameters == {"charset": "utf-8", "q": "1", "boundary": 'a"b'}


@pytest.mark.parametrize("text", ["json", "a/b c", "a/b; x", "/", "a/", 'a/b; x="', "*"])
def test_what_is_no_media_type_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        MediaType.parse(text)


@given(st.text(max_size=60))
def test_any_text_is_a_media_type_or_malformed(text: str) -> None:
    with contextlib.suppress(Malformed):
        MediaType.parse(text)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (LD, LD),
        ('application/ld+json;profile="http://www.w3.org/ns/anno.jsonld"', LD),
        ("application/ld+json;q=0.5, application/json;q=0.4", LD),
        ("application/json, application/ld+json", JSON),
        ("application/json;q=0, */*", LD),
        ("application/json;q=0", None),
        ("text/turtle", None),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
    ],
)
def test_the_best_liked_media_type_is_chosen(accept: str | None, chosen: str | None) -> None:
    assert negotiate(accept, (JSON, LD)) == chosen


def test_a_browser_gets_html_where_there_is_some() -> None:
    assert negotiate("text/html,application/xml;q=0.9,*/*;q=0.8", (JSON, HTML)) == HTML
    assert negotiate("*/*", (JSON, HTML)) == JSON


@given(st.from_regex(MEDIA_TYPE["pattern"], alphabet=st.characters(codec="ascii")))
@example('text/plain; a="b\\"')
@example('text/plain; a="\\\\"')
def test_what_the_contract_takes_for_a_media_type_can_be_read(text: str) -> None:
    if not schemas.faults(MEDIA_TYPE, text):
        MediaType.parse(text)
