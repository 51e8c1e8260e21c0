from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.ids import CHECKSUM, UUID, WORKSPACE, Stream, derived_id, minted_id

keys = st.text(min_size=1, max_size=40)


def test_a_stream_is_named_by_workspace_and_resource() -> None:
    stream = Stream.of_resource("demo", "0192f")

    assert (stream.key, stream.name) == ("demo/resource#0192f", "resource#0192f")
    assert stream.resource_id == "0192f"
    assert Stream.of_system("demo").key == "demo/system"
    assert Stream.of_system("demo").resource_id is None


@pytest.mark.parametrize("stream", [Stream.of_resource("a-1", "x#y"), Stream.of_system("demo")])
def test_a_key_reads_as_the_stream_that_wrote_it(stream: Stream) -> None:
    assert Stream.parse(stream.key) == stream


@pytest.mark.parametrize(
    "key",
    [
        "",
        "demo",
        "demo/",
        "/system",
        "demo/resource#",
        "demo/list#all#",
        "Demo/system",
        "a/b/system",
    ],
)
def test_what_is_no_key_of_a_stream_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is not the key of a stream"):
        Stream.parse(key)


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**74 - 1))
def test_a_minted_id_is_a_uuid_of_version_7_with_its_time(unix_ms: int, bits: int) -> None:
    minted = uuid.UUID(minted_id(unix_ms, bits))

    assert (minted.version, minted.variant) == (7, uuid.RFC_4122)
    assert minted.int >> 80 == unix_ms
    assert UUID.match(str(minted))


@given(
    st.lists(st.integers(0, 2**48 - 1), min_size=2, max_size=2, unique=True),
    st.integers(0, 2**74 - 1),
)
def test_minted_ids_sort_by_time(times: list[int], bits: int) -> None:
    earlier, later = sorted(times)

    assert minted_id(earlier, bits) < minted_id(later, 0)


@given(keys, st.integers(0, 1000))
def test_a_derived_id_is_a_uuid_of_version_8_and_always_the_same(key: str, index: int) -> None:
    derived = uuid.UUID(derived_id(key, index))

    assert (derived.version, derived.variant) == (8, uuid.RFC_4122)
    assert str(derived) == derived_id(key, index)


@given(keys)
def test_derived_ids_of_one_key_differ_and_sort_by_index(key: str) -> None:
    ids = [derived_id(key, index) for index in range(101)]

    assert ids == sorted(ids)
    assert len(set(ids)) == 101


def test_derived_ids_of_other_keys_are_others() -> None:
    assert len({derived_id(f"key {n}", 0) for n in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("demo", True),
        ("a" * 40, True),
        ("a" * 41, False),
        ("", False),
        ("Demo", False),
        ("a b", False),
        ("demo\n", False),
    ],
)
def test_a_workspace_is_short_and_plain(text: str, good: bool) -> None:
    assert bool(WORKSPACE.match(text)) is good


def test_a_checksum_is_64_lower_case_hex_digits() -> None:
    assert CHECKSUM.match("0" * 64)
    for wrong in ("0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", "../" + "0" * 61):
        assert not CHECKSUM.match(wrong)
