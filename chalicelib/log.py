"""L2, the log: commits of 1..100 events per stream, hash-chained, one DynamoDB item each.

The key of an append is always head + 1, with the head taken from a whole commit, and the put's
condition is that the key is free. So of two writers at one version one wins, and nothing is ever
overwritten. `docs/event-store.md` has the stored shape and how to recompute the chain.

The contract, which the laws in `tests/laws` hold it to:

* versions of a stream run 1, 2, 3 … without gaps, repeats or overlaps;
* an append is all or nothing, and a repeat of one that had succeeded succeeds (it is recognised by
  the commit's id);
* a reader meets commits in order and whole, or stops with `LogDamaged` or `LogUnreadable`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain as joined
from typing import Any, Final

from chalicelib.domain import chain
from chalicelib.domain.actor import Actor
from chalicelib.domain.chain import Commit, Head
from chalicelib.domain.events import Event, StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.dynamo import (
    MAX_BATCH_GET,
    MAX_ITEM_BYTES,
    Tables,
    item_bytes,
    refusals,
    refused_by_condition,
    translated,
    winner,
    write_units,
)
from chalicelib.errors import LogDamaged, LogUnreadable, TooLarge

DEPENDENCY: Final = "eventStore"
FIRST_COMMITS: Final = 10
"""Fetched first where a caller says how many events it wants."""


class StaleHead(Exception):
    """Somebody else appended first. `winner` is the commit that holds the key."""

    def __init__(self, winner: Commit) -> None:
        super().__init__(f"version {winner.first} is taken by commit {winner.id}")
        self.winner = winner


@dataclass(frozen=True, slots=True)
class Intent:
    """Who appends, why, and under which ids. A retry of the same append carries the same one.

    `id` names the commit; `key` stands on it for keyed requests and jobs (append-once).
    `now` is ISO 8601 UTC with milliseconds.
    """

    id: str
    key: str | None
    now: str
    actor: Actor
    correlation: str


class Log:
    """The log of every workspace. Reads are strongly consistent."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._commits = tables.commits

    def append(self, stream: Stream, head: Head, new: Sequence[Event], intent: Intent) -> Commit:
        """Append 1..100 events after `head`: one conditional PutItem.

        Returns the commit, also when an earlier try of the same `intent` had stored it. Raises
        StaleHead when another commit holds the version, TooLarge beyond DynamoDB's item limit.
        """
        if not 0 < len(new) <= chain.MAX_EVENTS:
            raise ValueError(f"a commit holds 1 to {chain.MAX_EVENTS} events, not {len(new)}")
        commit = self._seal(stream, head, new, intent)
        item = self._item(stream, commit)
        put = item.get_save_kwargs_from_instance(self._commits.pk.does_not_exist(), "ALL_OLD")
        size = item_bytes(put["Item"])
        if size > MAX_ITEM_BYTES:
            raise TooLarge(
                f"{len(new)} event(s) take {size} bytes in the log; one commit may take "
                f"{MAX_ITEM_BYTES}",
                limit_bytes=MAX_ITEM_BYTES,
            )
        with translated(DEPENDENCY):
            try:
                self._tables.connection.dispatch("PutItem", put)
            except refusals() as error:
                stored = winner(error) if refused_by_condition(error) else None
                if stored is None:
                    raise
                taken = _commit(self._commits.from_raw_data(stored))
                if taken.id == commit.id:
                    return taken
                raise StaleHead(taken) from error
        return commit

    def head(self, stream: Stream) -> Head:
        """Return where the stream ends: one backward query, limit 1."""
        with translated(DEPENDENCY):
            for item in self._query(stream, forward=False, limit=1):
                return _commit(item).head
        return chain.EMPTY

    def read(
        self,
        stream: Stream,
        after: int = 0,
        *,
        boundary: bool = True,
        page_size: int | None = None,
    ) -> Iterator[Commit]:
        """Yield the commits that hold the versions above `after`, in order.

        `boundary` says that `after` is known to end a commit; otherwise the first commit yielded
        may hold `after` too, and one more query finds it. `page_size` is how many events the
        caller means to take: about so many are fetched, else pages of 1 MB.
        Raises LogDamaged where a commit does not continue the one before.
        """
        start = after + 1
        if not boundary and after > 0:
            start = self._first_of_commit_with(stream, after + 1)

        def following(last: Commit | None, limit: int | None) -> Iterator[Any]:
            sk = self._commits.sk
            return self._query(
                stream, sk >= start if last is None else sk > last.first, limit=limit
            )

        expected = start
        with translated(DEPENDENCY):
            for commit in _paced(following, page_size):
                if commit.first != expected:
                    raise LogDamaged(
                        f"the log of {stream.name} has no commit at version {expected}: the next "
                        f"one starts at {commit.first}",
                        version=expected,
                        dependency=DEPENDENCY,
                    )
                yield commit
                expected = commit.last + 1

    def events(
        self,
        stream: Stream,
        after: int = 0,
        *,
        boundary: bool = True,
        page_size: int | None = None,
    ) -> Iterator[StoredEvent]:
        """Yield the events above version `after`, in order. Raises as `read` and `decoded`."""
        for commit in self.read(stream, after, boundary=boundary, page_size=page_size):
            for event in decoded(stream, commit):
                if event.version > after:
                    yield event

    def events_backward(
        self, stream: Stream, before: int | None = None, *, page_size: int = 100
    ) -> Iterator[StoredEvent]:
        """Yield the events below version `before` (None: all), newest first.

        Begins at the commit that holds `before`, so that a hole just below it is met. `page_size`
        as in `read`. Raises as `read` and `decoded`.
        """

        def below(last: Commit | None, limit: int | None) -> Iterator[Any]:
            sk = self._commits.sk
            condition = None if before is None else sk <= before
            if last is not None:
                condition = sk < last.first
            return self._query(stream, condition, forward=False, limit=limit)

        expected = 0
        with translated(DEPENDENCY):
            for commit in _paced(below, page_size):
                if expected not in (0, commit.last):
                    break
                expected = commit.first - 1
                if before is not None and commit.first >= before:
                    continue
                for event in reversed(decoded(stream, commit)):
                    if before is None or event.version < before:
                        yield event
        if expected:
            raise LogDamaged(
                f"the log of {stream.name} has a hole or an overlap below version {expected + 1}",
                version=expected,
                dependency=DEPENDENCY,
            )

    def commits_at(self, stream: Stream, firsts: Iterable[int]) -> dict[int, Commit]:
        """Return commits by the version of their first event: one BatchGetItem per 100."""
        wanted = sorted(set(firsts))
        found: dict[int, Commit] = {}
        with translated(DEPENDENCY):
            for start in range(0, len(wanted), MAX_BATCH_GET):
                keys = [(stream.key, first) for first in wanted[start : start + MAX_BATCH_GET]]
                for item in self._commits.batch_get(keys, consistent_read=True):
                    commit = _commit(item)
                    found[commit.first] = commit
        return found

    def streams(self) -> Iterator[Stream]:
        """Yield every stream of every workspace that has a first commit, in no order: a scan."""
        with translated(DEPENDENCY):
            for item in self._commits.scan(
                self._commits.sk == 1, attributes_to_get=["pk", "sk"], consistent_read=True
            ):
                with suppress(ValueError):  # an item that is no commit is for `verify` to tell
                    yield Stream.parse(item.pk)

    def verify(self, stream: Stream) -> list[chain.ChainFault]:
        """Check the whole chain; return every fault, the first bad commit first."""
        unparsed: list[chain.ChainFault] = []

        def commits() -> Iterator[Commit]:
            for item in self._query(stream):
                try:
                    yield _commit(item)
                except LogUnreadable as error:
                    unparsed.append(chain.ChainFault(int(item.sk), error.detail))

        with translated(DEPENDENCY):
            faults = list(chain.verify(commits()))
        return sorted([*unparsed, *faults], key=lambda fault: fault.version)

    def ping(self) -> None:
        """Do one cheap strong read; raises Unavailable when the table does not answer."""
        with translated(DEPENDENCY):
            for _ in self._query(Stream.of_system("-"), limit=1):
                break

    def _seal(self, stream: Stream, head: Head, new: Sequence[Event], intent: Intent) -> Commit:
        facts = Commit(
            stream=stream.name,
            first=head.version + 1,
            count=len(new),
            id=intent.id,
            key=intent.key,
            at=max(intent.now, head.at),
            actor=intent.actor,
            correlation=intent.correlation,
            encoding="identity",
            previous=head.hash,
            hash=bytes(32),
            body=b"",
        )
        overhead = item_bytes(self._item(stream, facts).serialize())

        def cheaper(packed: bytes, plain: bytes) -> bool:
            return write_units(overhead + len(packed)) < write_units(overhead + len(plain))

        return chain.seal(
            stream.name,
            head,
            new,
            id=intent.id,
            key=intent.key,
            now=intent.now,
            actor=intent.actor,
            correlation=intent.correlation,
            smaller=cheaper,
        )

    def _item(self, stream: Stream, commit: Commit) -> Any:
        return self._commits(
            stream.key,
            commit.first,
            count=commit.count,
            id=commit.id,
            key=commit.key,
            body=commit.body,
            encoding=commit.encoding,
            previous=commit.previous,
            hash=commit.hash,
            at=commit.at,
            actor=commit.actor.to_json(),
            correlation=commit.correlation,
        )

    def _query(
        self,
        stream: Stream,
        condition: Any = None,
        *,
        forward: bool = True,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> Iterator[Any]:
        found: Iterator[Any] = self._commits.query(
            stream.key,
            condition,
            consistent_read=True,
            scan_index_forward=forward,
            limit=limit,
            page_size=page_size,
        )
        return found

    def _first_of_commit_with(self, stream: Stream, version: int) -> int:
        with translated(DEPENDENCY):
            below = self._commits.sk <= version
            for item in self._query(stream, below, forward=False, limit=1):
                return int(item.sk)
        return version


def decoded(stream: Stream, commit: Commit) -> tuple[StoredEvent, ...]:
    """Return a commit's events in today's shape.

    Raises LogUnreadable, or LogDamaged where its hash does not fit, naming the version.
    """
    try:
        return commit.events()
    except chain.Unreadable as error:
        damaged = isinstance(error, chain.Damaged)
        kind, what = (LogDamaged, "is damaged") if damaged else (LogUnreadable, "cannot be read")
        raise kind(
            f"the commit at version {commit.first} of {stream.name} {what}: {error}",
            version=commit.first,
            dependency=DEPENDENCY,
        ) from error


def all_events(stream: Stream, commits: Iterable[Commit]) -> Iterator[StoredEvent]:
    """Yield the events of commits in order; raises as `decoded`."""
    return joined.from_iterable(decoded(stream, commit) for commit in commits)


def _paced(
    query: Callable[[Commit | None, int | None], Iterator[Any]], wanted: int | None
) -> Iterator[Commit]:
    """Yield commits from queries that together fetch about as many as hold `wanted` events.

    How many events a commit holds, 1 or 100, shows only when some have been read: so the first
    query is a short one. `query(last, limit)` goes on behind the commit `last`.
    """
    last: Commit | None = None
    commits = events = 0
    limit = None if wanted is None else min(wanted, FIRST_COMMITS)
    while True:
        before = commits
        for item in query(last, limit):
            last = _commit(item)
            commits, events = commits + 1, events + last.count
            yield last
        if limit is None or wanted is None or commits - before < limit:
            return
        left = wanted - events if wanted > events else wanted
        limit = -(-left * commits // events)


def _commit(item: Any) -> Commit:
    """Return the commit that an item is. Raises LogUnreadable when it is none."""
    fault = item.fault
    if fault is None:
        actor = item.actor and Actor(item.actor.id, item.actor.type, item.actor.name)
        required = [item.count, item.id, item.at, actor, item.correlation, item.encoding]
        required += [item.hash, item.body, *(actor.to_json().values() if actor else ())]
        if any(value is None for value in required):
            fault = "an attribute is missing"
        elif not isinstance(item.count, int) or not isinstance(item.sk, int):
            fault = "`count` or `sk` is no whole number"
    if fault is not None:
        raise LogUnreadable(
            f"the item {item.pk} at version {item.sk} is not a commit: {fault}",
            version=int(item.sk),
            dependency=DEPENDENCY,
        )
    return Commit(
        stream=item.pk.partition("/")[2],
        first=item.sk,
        count=item.count,
        id=item.id,
        key=item.key,
        at=item.at,
        actor=actor,
        correlation=item.correlation,
        encoding=item.encoding,
        previous=item.previous,
        hash=item.hash,
        body=item.body,
    )
