"""Commits, and the chain that binds them.

A commit is the unit of atomicity: 1..100 events of one stream, one item in the log. Its hash
covers every stored fact and the body *as stored*: a flipped bit in a compressed body can
decompress to the same text. `docs/event-store.md` tells a stranger how to recompute it.

    hash = SHA-256(JCS{stream, sk, count, id, key, at, actor, correlation, encoding, previous}
                   ‖ 0x00 ‖ body as stored)

Absent members (`key`, and `previous` of the first commit) are absent from the JCS object; binary
ones are lower-case hex. JCS is RFC 8785.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from chalicelib.domain import events
from chalicelib.domain.actor import Actor
from chalicelib.domain.events import Event, StoredEvent
from chalicelib.errors import TooLarge

MAX_EVENTS: Final = 100
"""Events in one commit."""
MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""A body's size before compression; the reader inflates no further."""

Encoding = Literal["identity", "zlib"]


class Unreadable(Exception):
    """A commit's body cannot be decoded; says why. It is as it was appended: by another code."""


class Damaged(Unreadable):
    """A commit's body cannot be decoded, and is not what was appended: the hash does not fit."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a stream ends: the last version, and the hash and time of its last whole commit."""

    version: int
    hash: bytes | None
    at: str

    @property
    def empty(self) -> bool:
        """Tell whether nothing has been appended yet."""
        return self.version == 0


EMPTY: Final = Head(0, None, "")


@dataclass(frozen=True, slots=True)
class Commit:
    """One item of the log, as stored. `first` is its sort key."""

    stream: str
    first: int
    count: int
    id: str
    key: str | None
    at: str
    actor: Actor
    correlation: str
    encoding: str
    previous: bytes | None
    hash: bytes
    body: bytes

    @property
    def last(self) -> int:
        """Return the version of its last event; the next commit's `first` is one more."""
        return self.first + self.count - 1

    @property
    def head(self) -> Head:
        """Return the stream's head when this commit is the last one."""
        return Head(self.last, self.hash, self.at)

    def events(self) -> tuple[StoredEvent, ...]:
        """Decode the body, upcast to today's shapes.

        Raises Unreadable when it is newer than this code, Damaged when the hash does not fit it,
        which is looked at only then: a read that succeeds costs no hashing.
        """
        try:
            decoded = _decoded(self)
        except Unreadable as error:
            if rehash(self) != self.hash:
                raise Damaged("its hash is not that of what is stored") from error
            raise
        first, at, actor, correlation = self.first, self.at, self.actor, self.correlation
        own, previous = self.hash, self.previous
        return tuple(
            [
                StoredEvent(event, version, at, actor, correlation, first, own, previous)
                for version, event in enumerate(decoded, first)
            ]
        )


def seal(
    stream: str,
    head: Head,
    new: Iterable[Event],
    *,
    id: str,
    key: str | None,
    now: str,
    actor: Actor,
    correlation: str,
    smaller: Callable[[bytes, bytes], bool],
) -> Commit:
    """Return the commit that continues `head`.

    `now` is ISO 8601 UTC with milliseconds; a stream's times never go back. `smaller(a, b)` tells
    whether storing `a` costs less than storing `b`: a body is compressed only then. Raises TooLarge
    for what no reader would inflate.
    """
    import rfc8785

    encoded = [events.encode(event) for event in new]
    plain = rfc8785.dumps(encoded)
    if len(plain) > MAX_BODY_BYTES:
        raise TooLarge(
            f"{len(encoded)} event(s) take {len(plain)} bytes; one commit may take "
            f"{MAX_BODY_BYTES} before compression",
            limit_bytes=MAX_BODY_BYTES,
        )
    packed = zlib.compress(plain, 9)
    encoding: Encoding = "zlib" if smaller(packed, plain) else "identity"
    body = packed if encoding == "zlib" else plain
    at = max(now, head.at)
    first = head.version + 1
    digest = commit_hash(
        stream=stream,
        first=first,
        count=len(encoded),
        id=id,
        key=key,
        at=at,
        actor=actor,
        correlation=correlation,
        encoding=encoding,
        previous=head.hash,
        body=body,
    )
    return Commit(
        stream,
        first,
        len(encoded),
        id,
        key,
        at,
        actor,
        correlation,
        encoding,
        head.hash,
        digest,
        body,
    )


def commit_hash(
    *,
    stream: str,
    first: int,
    count: int,
    id: str,
    key: str | None,
    at: str,
    actor: Actor,
    correlation: str,
    encoding: str,
    previous: bytes | None,
    body: bytes,
) -> bytes:
    """Return the 32 bytes that the next commit names as `previous`."""
    import rfc8785

    facts: dict[str, Any] = {
        "stream": stream,
        "sk": first,
        "count": count,
        "id": id,
        "at": at,
        "actor": actor.to_json(),
        "correlation": correlation,
        "encoding": encoding,
    }
    if key is not None:
        facts["key"] = key
    if previous is not None:
        facts["previous"] = previous.hex()
    return hashlib.sha256(rfc8785.dumps(facts) + b"\x00" + body).digest()


def rehash(commit: Commit) -> bytes:
    """Return the hash that the commit's facts and body should have."""
    return commit_hash(
        stream=commit.stream,
        first=commit.first,
        count=commit.count,
        id=commit.id,
        key=commit.key,
        at=commit.at,
        actor=commit.actor,
        correlation=commit.correlation,
        encoding=commit.encoding,
        previous=commit.previous,
        body=commit.body,
    )


@dataclass(frozen=True, slots=True)
class ChainFault:
    """What `verify` found: the version of the commit, and why it is bad."""

    version: int
    reason: str


def verify(commits: Iterable[Commit], after: Head = EMPTY) -> Iterator[ChainFault]:
    """Check commits in order, continuing `after`; yield every fault, the first one first.

    What it cannot see is a cut tail: nothing in a shorter chain is wrong.
    """
    expected, previous, at = after.version + 1, after.hash, after.at
    for commit in commits:
        if commit.first != expected:
            what = "overlaps" if commit.first < expected else "leaves a hole before"
            yield ChainFault(commit.first, f"{what} version {expected}")
        if commit.previous != previous:
            yield ChainFault(commit.first, "`previous` is not the hash of the commit before")
        if rehash(commit) != commit.hash:
            yield ChainFault(commit.first, "`hash` is not the hash of what is stored")
        if commit.at < at:
            yield ChainFault(commit.first, f"`at` goes back from {at} to {commit.at}")
        try:
            commit.events()
        except Damaged:
            pass  # the hash does not fit, which is told
        except Unreadable as error:
            yield ChainFault(commit.first, str(error))
        expected, previous, at = commit.last + 1, commit.hash, commit.at


def _decoded(commit: Commit) -> list[Event]:
    """Return the events of a body. Raises Unreadable."""
    try:
        stored = json.loads(_inflate(commit.encoding, commit.body))
        decoded = [events.decode(item) for item in stored]
    except events.UnknownEvent as error:
        raise Unreadable(str(error)) from error
    except LookupError as error:
        raise Unreadable(f"the body lacks what an event has: {error}") from error
    except (zlib.error, ValueError, TypeError, AttributeError) as error:
        raise Unreadable(f"the body is of no known form: {error}") from error
    if len(decoded) != commit.count:
        raise Unreadable(f"the body holds {len(decoded)} events, `count` says {commit.count}")
    return decoded


def _inflate(encoding: str, body: bytes) -> bytes:
    if encoding == "identity":
        return body
    if encoding != "zlib":
        raise ValueError(f"encoding {encoding!r} is not known to this version")
    inflater = zlib.decompressobj()
    # One byte more than the limit: at the limit itself, the end mark has not been read yet.
    plain = inflater.decompress(body, MAX_BODY_BYTES + 1)
    if not inflater.eof or inflater.unused_data or len(plain) > MAX_BODY_BYTES:
        raise ValueError("the compressed body is cut, too large, or followed by other bytes")
    return plain
