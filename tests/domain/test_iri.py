from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.iri import resource_of, to_public, to_stored

R = "0192f000-aaaa-7000-8000-000000000001"
A = "0192f000-bbbb-7000-8000-000000000002"


@pytest.mark.parametrize(
    "iri",
    [
        f"/resources/{R}",
        f"resources/{R}",
        f"/dev/resources/{R}",
        f"//api.example/resources/{R}",
        f"http://127.0.0.1:8000/resources/{R}",
        f"https://api.example/resources/{R}",
        f"HTTPS://api.example/dev/resources/{R}",
        f"https://user:pass@api.example/a/b/c/resources/{R}",
        f"https://api.example/resources/{R.upper()}",
        f"https://api.example/resources/{R}/",
        f"resource:{R.upper()}",
    ],
)
def test_a_resource_of_ours_is_stored_without_any_host(iri):
    assert to_stored(iri) == f"resource:{R}"
    assert resource_of(to_stored(iri)) == R
    assert resource_of(f"resource:{R.upper()}") == R


@pytest.mark.parametrize("base", ["", "https://api.example", "https://api.example/dev"])
def test_an_annotation_of_ours_is_stored_without_any_host(base):
    stored = to_stored(f"{base}/resources/{R}/annotations/{A.upper()}")

    assert stored == f"resource:{R}/annotations/{A}"
    assert resource_of(stored) == R


@pytest.mark.parametrize("tail", ["#xywh=0,0,9,9", "?version=7", "?version=7#a/b?c", "#", "?"])
def test_query_and_fragment_stay_for_they_change_the_meaning(tail):
    assert to_stored(f"https://api.example/resources/{R}{tail}") == f"resource:{R}{tail}"
    assert resource_of(f"resource:{R}{tail}") == R
    assert to_public(f"resource:{R}{tail}", "https://x") == f"https://x/resources/{R}{tail}"


@pytest.mark.parametrize(
    "iri",
    [
        "https://www.wikidata.org/entity/Q1741",
        "urn:isbn:9780141439600",
        "mailto:someone@example.org",
        "resource:Vienna",
        "resource:",
        f"https://api.example/resources/{R}/content",
        f"https://api.example/resources/{R}/annotations",
        f"https://api.example/resources/{R}/annotations/a1",
        f"https://api.example/resources/{R.replace('-', '')}",
        f"https://api.example/resources/{{{R}}}",
        f"https://api.example/resources/urn:uuid:{R}",
        f"https://api.example/resources/{R}0",
        f"https://api.example/resources/{R}\n",
        f"https://api.example/myresources/{R}",
        f"https://api.example/?next=/resources/{R}",
        f"https://api.example/#/resources/{R}",
        f"ftp://api.example/resources/{R}",
        f"javascript:/resources/{R}",
        f"https:///resources/{R}",
        f"http\u017f://api.example/resources/{R}",
        f"../resources/{R}",
        "",
    ],
)
def test_anything_else_stays_as_it_is(iri):
    assert to_stored(iri) == iri
    assert resource_of(to_stored(iri)) is None
    assert to_public(iri, "https://api.example") == iri


def test_a_digit_of_another_script_is_not_one_of_a_uuid():
    arabic = R.replace("1", "\u0661")

    assert to_stored(f"/resources/{arabic}") == f"/resources/{arabic}"


@given(
    resource=st.uuids(),
    annotation=st.none() | st.uuids(),
    tail=st.sampled_from(["", "?version=3", "#x", "?a=b#c"]),
    base=st.sampled_from(
        ["https://api.example", "http://127.0.0.1:8000", "https://x.example/dev", "https://x/a/"]
    ),
)
def test_what_is_rendered_under_any_base_is_recognised_again(resource, annotation, tail, base):
    stored = f"resource:{resource}" + (f"/annotations/{annotation}" if annotation else "") + tail

    assert to_stored(stored) == stored
    assert to_stored(to_public(stored, base)) == stored


@given(st.text())
def test_storing_twice_is_storing_once(iri):
    assert to_stored(to_stored(iri)) == to_stored(iri)
