from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.edge import strict_json
from chalicelib.errors import Malformed

SAFE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | SAFE | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_is_read_again(document: object) -> None:
    assert strict_json.loads(strict_json.dumps(document).encode()) == document


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_malformed_and_nothing_else(data: bytes) -> None:
    try:
        document = strict_json.loads(data)
    except Malformed:
        return
    assert json.loads(data.decode("utf-8-sig")) == document


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "{",
        '{"a":1,}',
        "[1 2]",
        "'a'",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1e400",
        "-1e400",
        "9007199254740992",
        "-9007199254740992",
        "1" * 5000,
        '{"a":1,"a":1}',
        '[{"x":{"b":1,"b":2}}]',
        r'"\ud800"',
        r'{"\udfff": 1}',
        r'["\udc00\ud800"]',
        "[" * 65 + "]" * 65,
        "[" * 100_000,
        '{"a":' * 65 + "1" + "}" * 65,
    ],
)
def test_what_two_readers_could_read_differently_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        strict_json.loads(text.encode())


def test_a_surrogate_pair_is_one_character() -> None:
    assert strict_json.loads(rb'"\ud83d\ude00"') == "😀"


def test_64_levels_are_taken_and_width_is_not_depth() -> None:
    assert strict_json.loads(b"[" * 64 + b"]" * 64)
    assert len(strict_json.loads(b"[" + b"[]," * 5000 + b"[]]")) == 5001


def test_a_byte_order_mark_is_dropped_and_other_charsets_are_refused() -> None:
    assert strict_json.loads(b"\xef\xbb\xbf{}") == {}
    with pytest.raises(Malformed, match="UTF-8"):
        strict_json.loads('{"a":"ä"}'.encode("latin-1"))


@pytest.mark.parametrize("text", ["3.0", "3e0", "0.3e1", "30e-1"])
def test_a_whole_number_is_an_integer_however_it_is_written(text: str) -> None:
    assert type(strict_json.loads(text.encode())) is int
    assert strict_json.loads(b"0.5") == 0.5
    assert strict_json.loads(b"-0.0") == 0


def test_a_syntax_error_tells_where_it_is() -> None:
    with pytest.raises(Malformed) as refused:
        strict_json.loads(b'{\n "a": 1,\n "b" 2\n}')

    assert refused.value.extra == {"line": 3, "column": 6}


def test_what_json_does_not_know_is_never_written() -> None:
    for value in (math.nan, math.inf, {1, 2}, b"x", object()):
        with pytest.raises((TypeError, ValueError)):
            strict_json.dumps(value)


@pytest.mark.parametrize("text", ['"a\nb"', '"a', "[1 2]", "{"])
def test_what_is_wrong_is_told_in_words_that_stand_once(text: str) -> None:
    """Given a message that ends in a preposition, when the place is added, it is not doubled."""
    with pytest.raises(Malformed) as refused:
        strict_json.loads(text.encode())

    assert refused.value.detail.count(" at ") == 1
    assert refused.value.detail.endswith(f"at line 1, column {refused.value.extra['column']}")
