"""Law 7: any flipped bit in log or content is found by verify, and named.

Also swapped, inserted, dropped and rewritten commits. What verify alone cannot see is a cut tail: a
shorter chain is a whole chain. Whoever kept a version and its hash (a view's watermark, a client
with a cursor) sees that; `test_a_cut_tail_is_not_seen_by_verify_alone` states it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import dynamo
from chalicelib.domain import chain
from chalicelib.domain.chain import EMPTY, ChainFault, Commit
from chalicelib.domain.ids import Stream
from chalicelib.errors import ContentDamaged
from chalicelib.log import Log
from tests.layers.examples import CREATED, added, intent, renamed
from tests.twins import Store, TwinContent, TwinLog, _wire

STREAM = Stream.of_resource("demo", "01890a5d-ac96-774b-bcce-b302099a8057")
Item = dict[str, dict[str, Any]]


class LogOver(Log):
    """The adapter over items in wire form: parsing and checking are the real ones."""

    def __init__(self, items: list[Item]) -> None:
        self._commits = _MODEL
        self._held = items

    def _query(self, stream: Stream, *_: Any, **__: Any) -> Iterator[Any]:
        mine = [item for item in self._held if item["pk"]["S"] == stream.key]
        for item in sorted(mine, key=lambda each: float(each["sk"]["N"])):
            yield self._commits.from_raw_data(item)


_MODEL = dynamo._commit_model("log", "us-east-1")


def _commits() -> list[Commit]:
    """Return a chain of four: plain, keyed and compressed, of one and of many events."""
    log = TwinLog(Store())
    one = log.append(STREAM, EMPTY, [CREATED], intent("one"))
    two = log.append(STREAM, one.head, [renamed("Ünter"), renamed("b")], intent("two", key="k" * 9))
    many = [added(f"0192f3a0-{n:04}", "the same comment") for n in range(40)]
    three = log.append(STREAM, two.head, many, intent("three"))
    four = log.append(STREAM, three.head, [renamed("c")], intent("four"))
    assert three.encoding == "zlib"
    return [one, two, three, four]


COMMITS = _commits()
ITEMS: list[Item] = [_wire(STREAM, commit) for commit in COMMITS]


# -- flipped bits ---------------------------------------------------------------------------------


def flips(item: Item) -> Iterator[Item]:
    """Yield the item with each bit of each name and each value flipped, where that can be stored.

    Text must stay UTF-8 and a number a number: DynamoDB holds nothing else.
    """
    for name, value in item.items():
        if name in ("pk", "sk"):
            continue  # the key: see the moved commits below
        for other in _flipped_text(name):
            if other not in item:
                yield {**{k: v for k, v in item.items() if k != name}, other: value}
        for flipped in _flipped_value(value):
            yield {**item, name: flipped}


def _flipped_value(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    ((kind, held),) = value.items()
    if kind == "B":
        for other in _flipped_bytes(held):
            yield {"B": other}
    elif kind == "S":
        for text in _flipped_text(held):
            yield {"S": text}
    elif kind == "N":
        for text in _flipped_text(held):
            if text.isdecimal() and text.isascii() and int(text) != int(held):
                yield {"N": text}
    else:
        for changed in flips(held):
            yield {"M": changed}


def _flipped_bytes(data: bytes) -> Iterator[bytes]:
    for bit in range(len(data) * 8):
        yield data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def _flipped_text(text: str) -> Iterator[str]:
    for data in _flipped_bytes(text.encode()):
        try:
            yield data.decode()
        except UnicodeDecodeError:
            continue


FLIPS = [(index, item) for index, held in enumerate(ITEMS) for item in flips(held)]


def _verify(items: list[Item]) -> list[ChainFault]:
    return LogOver(items).verify(STREAM)


def _finds(index: int, item: Item) -> None:
    faults = _verify([*ITEMS[:index], item, *ITEMS[index + 1 :]])

    assert faults, f"nothing is wrong with {item}"
    assert faults[0].version == COMMITS[index].first, (faults, item)


def test_an_untouched_chain_has_no_faults() -> None:
    assert _verify(ITEMS) == []


@given(flip=st.sampled_from(FLIPS))
@settings(max_examples=500)
def test_a_flipped_bit_in_a_commit_is_found_and_named(flip: tuple[int, Item]) -> None:
    _finds(*flip)


@pytest.mark.long
def test_every_flipped_bit_in_a_commit_is_found_and_named() -> None:
    assert len(FLIPS) > 10_000
    for flip in FLIPS:
        _finds(*flip)


@given(data=st.binary(min_size=1, max_size=200), at=st.integers(0, 2**16))
@settings(max_examples=200)
def test_a_flipped_bit_in_content_is_found_and_named(data: bytes, at: int) -> None:
    store = Store()
    content = TwinContent(store)
    checksum = content.put("demo", data)
    flipped = list(_flipped_bytes(data))
    store.objects["demo", checksum] = flipped[at % len(flipped)]

    with pytest.raises(ContentDamaged, match=checksum):
        content.get("demo", checksum)


# -- moved, dropped, inserted and rewritten commits -------------------------------------------------


def _first(commits: list[Commit]) -> int | None:
    faults = LogOver([_wire(STREAM, commit) for commit in commits]).verify(STREAM)
    return faults[0].version if faults else None


@pytest.mark.parametrize("index", range(4))
def test_a_commit_moved_to_another_version_is_named(index: int) -> None:
    for place in (2, 5, 45, 99):
        moved = replace(COMMITS[index], first=place)
        if place != COMMITS[index].first:
            rest = [c for c in COMMITS if c is not COMMITS[index] and c.first != place]
            named = _first([*rest, moved])
            assert named is not None
            assert named <= max(place, COMMITS[index].last + 1)


@pytest.mark.parametrize("index", range(3))
def test_a_dropped_commit_is_named_by_the_one_after_it(index: int) -> None:
    rest = [*COMMITS[:index], *COMMITS[index + 1 :]]

    assert _first(rest) == COMMITS[index + 1].first


@pytest.mark.parametrize("index", range(3))
def test_swapped_commits_are_named(index: int) -> None:
    one, two = COMMITS[index : index + 2]
    swapped = [replace(two, first=one.first), replace(one, first=one.first + two.count)]

    assert _first([*COMMITS[:index], *swapped, *COMMITS[index + 2 :]]) == one.first


def test_an_inserted_commit_is_named() -> None:
    two, three = COMMITS[1:3]
    forged = _rehashed(replace(two, first=4, id="forged", previous=two.hash))
    shifted = [replace(c, first=c.first + forged.count) for c in COMMITS[2:]]

    assert _first([*COMMITS[:2], forged, *shifted]) == three.first + forged.count


@pytest.mark.parametrize("index", range(3))
def test_a_commit_rewritten_with_its_hash_is_named_by_the_one_after_it(index: int) -> None:
    forged = _rehashed(replace(COMMITS[index], id="forged"))

    assert _first([*COMMITS[:index], forged, *COMMITS[index + 1 :]]) == COMMITS[index + 1].first


@pytest.mark.parametrize("changes", [{"key": "other"}, {"key": None}, {"at": "2026-12-01"}])
def test_no_stored_fact_can_change_alone(changes: dict[str, Any]) -> None:
    forged = replace(COMMITS[1], **changes)

    assert _first([COMMITS[0], forged, *COMMITS[2:]]) == forged.first


def test_a_commit_of_another_stream_is_named() -> None:
    other = Stream.of_resource("demo", "01890a5d-ac96-774b-bcce-b302099a8058")
    foreign = TwinLog(Store()).append(other, EMPTY, [CREATED], intent())

    assert _first([foreign, *COMMITS[1:]]) == 1


def test_a_stream_keeps_its_chain_in_another_workspace() -> None:
    elsewhere = Stream("archive", STREAM.name)
    items = [_wire(elsewhere, commit) for commit in COMMITS]

    assert LogOver(items).verify(elsewhere) == []


def test_a_cut_tail_is_not_seen_by_verify_alone() -> None:
    """What ends earlier is whole. Who remembers a head, with its hash, sees it."""
    remembered = COMMITS[3].head

    assert _first(COMMITS[:3]) is None
    assert COMMITS[2].head != remembered
    assert list(chain.verify(COMMITS[3:], after=COMMITS[2].head)) == []


# -- the law catches ------------------------------------------------------------------------------


def _blind(hashed: Any) -> int:
    """Return how many flips a chain with another hash would not find."""
    unseen = 0
    for index, item in FLIPS:
        try:
            commit = next(iter(LogOver([item]).read(STREAM, COMMITS[index].first - 1)))
        except Exception:
            continue
        try:
            commit.events()
        except chain.Unreadable:
            continue
        if commit.hash == COMMITS[index].hash and hashed(commit) == hashed(COMMITS[index]):
            unseen += 1
    return unseen


def over_the_decompressed_body(commit: Commit) -> bytes:
    """Hash what the body says and not what is stored."""
    body = zlib.decompress(commit.body) if commit.encoding == "zlib" else commit.body
    return hashlib.sha256(_facts(commit) + body).digest()


def over_the_body_alone(commit: Commit) -> bytes:
    """Hash the body, and no other stored fact."""
    return hashlib.sha256(commit.body).digest()


def without_the_actor(commit: Commit) -> bytes:
    """Hash everything but who did it."""
    return chain.rehash(replace(commit, actor=COMMITS[0].actor))


def test_the_law_catches_a_hash_over_the_decompressed_body() -> None:
    """Deflate ends inside a byte: the bits that fill it up mean nothing, and may flip unseen."""
    unseen = 0
    for size in range(30, 46):
        many = [added(f"0192f3a0-{n:04}", "the same comment") for n in range(size)]
        commit = TwinLog(Store()).append(STREAM, EMPTY, [CREATED, *many], intent())
        for body in _flipped_bytes(commit.body):
            flipped = replace(commit, body=body)
            try:
                unseen += over_the_decompressed_body(flipped) == over_the_decompressed_body(commit)
            except zlib.error:
                continue
            assert chain.rehash(flipped) != commit.hash
    assert unseen > 0


def test_the_law_catches_a_hash_over_the_body_alone() -> None:
    assert _blind(over_the_body_alone) > 100


def test_the_law_catches_a_hash_that_leaves_out_the_actor() -> None:
    assert _blind(without_the_actor) > 10


def test_the_real_hash_is_blind_to_nothing() -> None:
    assert _blind(chain.rehash) == 0


def _facts(commit: Commit) -> bytes:
    return repr(replace(commit, body=b"", hash=b"")).encode()


def _rehashed(commit: Commit) -> Commit:
    return replace(commit, hash=chain.rehash(commit))
