from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain import chain
from chalicelib.domain.chain import (
    EMPTY,
    MAX_BODY_BYTES,
    Commit,
    Damaged,
    Head,
    Unreadable,
    rehash,
    verify,
)
from chalicelib.domain.events import Event, ResourceArchived
from chalicelib.errors import TooLarge
from tests.domain.given import ADA, CREATED, added

NOW = "2026-11-23T09:35:00.123Z"


def seal(*events: Event, head: Head = EMPTY, packed: bool = False, **changes: Any) -> Commit:
    facts: dict[str, Any] = {
        "id": "commit-1",
        "key": None,
        "now": NOW,
        "actor": ADA,
        "correlation": "request-1",
        **changes,
    }
    return chain.seal("resource#r", head, events, **facts, smaller=lambda a, b: packed)


def test_the_first_commit_begins_the_chain() -> None:
    commit = seal(CREATED, ResourceArchived())

    assert (commit.first, commit.count, commit.last) == (1, 2, 2)
    assert commit.previous is None
    assert commit.head == Head(2, commit.hash, NOW)


def test_the_next_commit_names_the_hash_before() -> None:
    one = seal(CREATED)
    two = seal(ResourceArchived(), head=one.head, id="commit-2")

    assert (two.first, two.previous) == (2, one.hash)
    assert list(verify([one, two])) == []
    assert list(verify([two], after=one.head)) == []


def test_the_hash_is_the_documented_one() -> None:
    """Recomputed here as `docs/event-store.md` says, with nothing of ours."""
    one = seal(CREATED, key="k" * 64)
    two = seal(ResourceArchived(), head=one.head)

    for commit, extra in ((one, {"key": "k" * 64}), (two, {"previous": one.hash.hex()})):
        facts = {
            "stream": "resource#r",
            "sk": commit.first,
            "count": 1,
            "id": "commit-1",
            "at": NOW,
            "actor": {"id": "ada", "type": "Person", "name": "Ada"},
            "correlation": "request-1",
            "encoding": "identity",
            **extra,
        }
        # RFC 8785 of plain ASCII is sorted keys without spaces
        text = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        assert commit.hash == hashlib.sha256(text + b"\0" + commit.body).digest()


def test_a_compressed_body_is_hashed_as_stored() -> None:
    plain, packed = seal(CREATED), seal(CREATED, packed=True)

    assert zlib.decompress(packed.body) == plain.body
    assert packed.encoding == "zlib"
    assert packed.hash != plain.hash
    assert packed.events() == tuple(replace(e, hash=packed.hash) for e in plain.events())


def test_time_never_goes_back_along_a_chain() -> None:
    one = seal(CREATED)

    assert seal(CREATED, head=one.head, now="2026-01-01T00:00:00.000Z").at == NOW


def test_events_carry_their_place_and_what_their_commit_says() -> None:
    one = seal(CREATED)
    two = seal(added("a"), added("b"), head=one.head)

    events = two.events()

    assert [(e.version, e.first) for e in events] == [(2, 2), (3, 2)]
    assert {(e.at, e.actor, e.correlation, e.hash, e.previous) for e in events} == {
        (NOW, ADA, "request-1", two.hash, one.hash)
    }


def test_text_is_kept_as_it_is_down_to_its_normal_form() -> None:
    for value in ("é", "é", "\U0001f5fa", "\u2028", "\x7f", '"\\', "\x00"):
        (event,) = seal(added("a", value)).events()
        assert event.event == added("a", value)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": b"[]"},
        {"body": b"{}"},
        {"body": b"not json"},
        {"body": b"\xff"},
        {"body": b'[{"type":"resource.archived","v":1}]'},
        {"body": b'[{"type":"resource.archived","v":9,"data":{}}]'},
        {"body": b'[{"type":"resource.renamed","v":1,"data":{}}]'},
        {"body": b"[1]"},
        {"encoding": "zlib"},
        {"encoding": "zstd"},
        {"count": 2},
    ],
    ids=str,
)
def test_a_body_that_is_no_body_cannot_be_read(changes: dict[str, Any]) -> None:
    commit = replace(seal(CREATED), **changes)

    with pytest.raises(Damaged, match="its hash is not that of what is stored"):
        commit.events()
    assert [fault.version for fault in verify([commit])] == [1]
    fitting = replace(commit, hash=rehash(commit))
    with pytest.raises(Unreadable) as told:
        fitting.events()
    assert not isinstance(told.value, Damaged)
    assert str(told.value).startswith(("the body ", "event type ", "resource.archived v9 "))
    assert [fault.reason for fault in verify([fitting])] == [str(told.value)]


def test_a_bomb_is_not_inflated() -> None:
    bomb = zlib.compress(b"[" + b" " * (MAX_BODY_BYTES + 10) + b"]", 9)

    with pytest.raises(Unreadable):
        replace(seal(CREATED), encoding="zlib", body=bomb).events()


def test_a_body_just_as_large_as_allowed_is_read_and_one_byte_more_is_not_written() -> None:
    empty = len(seal(CREATED, added("a", "")).body)
    fits = added("a", "x" * (MAX_BODY_BYTES - empty))
    over = added("a", "x" * (MAX_BODY_BYTES - empty + 1))

    commit = seal(CREATED, fits, packed=True)
    assert commit.events()[1].event == fits
    with pytest.raises(TooLarge):
        seal(CREATED, over, packed=True)


def test_bytes_behind_a_compressed_body_are_seen() -> None:
    commit = seal(CREATED, packed=True)

    with pytest.raises(Unreadable):
        replace(commit, body=commit.body + b"x").events()


def test_every_fault_is_told_the_first_one_first() -> None:
    commits = [seal(CREATED)]
    for number in range(2, 6):
        commits.append(seal(ResourceArchived(), head=commits[-1].head, id=f"commit-{number}"))
    commits[1] = replace(commits[1], actor=replace(ADA, name="Eve"))
    del commits[3]

    faults = list(verify(commits))

    assert [fault.version for fault in faults] == [2, 5, 5]
    assert "hash" in faults[0].reason
    assert "hole" in faults[1].reason
