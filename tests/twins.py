"""In-memory twins of the layers, for simulation: the same methods, the same contracts.

`tests/layers/` holds twin and adapter to the same contract tests. What a twin adds is a point
before each call's effect, and one after each write's, where whoever simulates may switch to another
task, fail the call, or end the process (`Interruptions`). Reads of several pages have a point
before each page: they are not atomic on AWS either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from chalicelib.content import Upload
from chalicelib.domain import chain
from chalicelib.domain.chain import Commit, Head
from chalicelib.domain.events import Event, StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.domain.representation import Representation
from chalicelib.dynamo import MAX_ITEM_BYTES, item_bytes, write_units
from chalicelib.errors import ContentDamaged, LogDamaged, TooLarge, Unavailable
from chalicelib.log import Intent, StaleHead, decoded
from chalicelib.view_items import View
from chalicelib.views import TOMBSTONE_S, Entry, Parked


class Interruptions(Protocol):
    """What may happen around a call."""

    def before(self, call: str) -> None:
        """Stand before the effect. May raise Unavailable: then there is none."""

    def after(self, call: str) -> None:
        """Stand after the effect of a write. May raise Unavailable: the answer is lost."""


class Calm:
    """Nothing happens."""

    def before(self, call: str) -> None: ...

    def after(self, call: str) -> None: ...


class Store:
    """Everything that the twins of one world hold. Expired items are gone at once (`expire`)."""

    def __init__(self, interruptions: Interruptions | None = None) -> None:
        self.interruptions: Interruptions = interruptions or Calm()
        self.commits: dict[str, dict[int, Commit]] = {}
        self.views: dict[str, View] = {}
        self.marks: dict[tuple[str, int], dict[str, tuple[Mark, int | None]]] = {}
        self.keys: dict[tuple[str, str], tuple[int, int]] = {}
        self.entries: dict[tuple[str, str, str], dict[str, int]] = {}
        self.parked: dict[tuple[str, str], Parked] = {}
        self.objects: dict[tuple[str, str], bytes] = {}
        self.appended: list[Callable[[Stream], None]] = []

    def before(self, call: str) -> None:
        self.interruptions.before(call)

    def after(self, call: str) -> None:
        self.interruptions.after(call)

    def log_of(self, stream: Stream) -> list[Commit]:
        """Return what lies in the log, by sort key."""
        return [commit for _, commit in sorted(self.commits.get(stream.key, {}).items())]

    def head_of(self, stream: Stream) -> int:
        """Return the last version in the log."""
        return max((c.last for c in self.commits.get(stream.key, {}).values()), default=0)

    def wipe_views(self) -> None:
        """Delete the view table's items, as an operator may."""
        for items in (self.views, self.marks, self.keys, self.entries, self.parked):
            items.clear()

    def expire(self, now_s: float) -> None:
        """Delete the items whose time to live has ended."""
        for marks in self.marks.values():
            for mark_id in [i for i, (_, end) in marks.items() if end is not None and end < now_s]:
                del marks[mark_id]
        for key in [k for k, (_, end) in self.keys.items() if end < now_s]:
            del self.keys[key]


class TwinLog:
    """Twin of `chalicelib.log.Log`. `page` is how many commits one query returns at most."""

    def __init__(self, store: Store, page: int = 3) -> None:
        self.store = store
        self.page = page

    def append(self, stream: Stream, head: Head, new: Sequence[Event], intent: Intent) -> Commit:
        if not 0 < len(new) <= chain.MAX_EVENTS:
            raise ValueError(f"a commit holds 1 to {chain.MAX_EVENTS} events, not {len(new)}")
        commit = self._seal(stream, head, new, intent)
        size = item_bytes(_wire(stream, commit))
        if size > MAX_ITEM_BYTES:
            raise TooLarge(f"{size} bytes in the log", limit_bytes=MAX_ITEM_BYTES)
        for last in (False, True):
            self.store.before("log.append")
            taken = self.put(stream, commit)
            if taken is not None and taken.id != commit.id:
                raise StaleHead(taken)
            try:
                self.store.after("log.append")
            except Unavailable:
                # The SDK sends a request whose answer was lost again, and finds its own commit.
                if last:
                    raise
                continue
            return taken or commit
        raise AssertionError("unreachable")

    def put(self, stream: Stream, commit: Commit) -> Commit | None:
        """Store the commit if its place is free, else return the one that holds it."""
        held = self.store.commits.setdefault(stream.key, {})
        if commit.first in held:
            return held[commit.first]
        held[commit.first] = commit
        for listener in self.store.appended:
            listener(stream)
        return None

    def head(self, stream: Stream) -> Head:
        self.store.before("log.head")
        commits = self.store.log_of(stream)
        return commits[-1].head if commits else chain.EMPTY

    def read(
        self,
        stream: Stream,
        after: int = 0,
        *,
        boundary: bool = True,
        page_size: int | None = None,
    ) -> Iterator[Commit]:
        expected = after + 1
        if not boundary and after > 0:
            self.store.before("log.read")
            below = [c.first for c in self.store.log_of(stream) if c.first <= after + 1]
            expected = below[-1] if below else expected
        position, size = expected, page_size or self.page
        while True:
            self.store.before("log.read")
            page = [c for c in self.store.log_of(stream) if c.first >= position][:size]
            for commit in page:
                if commit.first != expected:
                    raise LogDamaged(f"no commit at version {expected}", version=expected)
                yield commit
                expected = commit.last + 1
            if len(page) < size:
                return
            position = page[-1].first + 1

    def events(
        self,
        stream: Stream,
        after: int = 0,
        *,
        boundary: bool = True,
        page_size: int | None = None,
    ) -> Iterator[StoredEvent]:
        for commit in self.read(stream, after, boundary=boundary, page_size=page_size):
            for event in decoded(stream, commit):
                if event.version > after:
                    yield event

    def events_backward(
        self, stream: Stream, before: int | None = None, *, page_size: int = 100
    ) -> Iterator[StoredEvent]:
        expected = None
        position = before
        while True:
            self.store.before("log.events_backward")
            below = [
                c for c in self.store.log_of(stream) if position is None or c.first <= position
            ]
            page = below[::-1][:page_size]
            for commit in page:
                if expected is not None and commit.last != expected:
                    raise LogDamaged(f"a hole or overlap below {expected + 1}", version=expected)
                expected = commit.first - 1
                for event in reversed(decoded(stream, commit)):
                    if before is None or event.version < before:
                        yield event
            if len(page) < page_size:
                if expected:
                    raise LogDamaged(f"no commit at version {expected}", version=expected)
                return
            position = page[-1].first - 1

    def commits_at(self, stream: Stream, firsts: Iterable[int]) -> dict[int, Commit]:
        found = {}
        for first in sorted(set(firsts)):
            self.store.before("log.commits_at")
            commit = self.store.commits.get(stream.key, {}).get(first)
            if commit is not None:
                found[first] = commit
        return found

    def streams(self) -> Iterator[Stream]:
        self.store.before("log.streams")
        yield from (Stream.parse(key) for key, held in self.store.commits.items() if 1 in held)

    def verify(self, stream: Stream) -> list[chain.ChainFault]:
        return list(chain.verify(self.store.log_of(stream)))

    def ping(self) -> None:
        self.store.before("log.ping")

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
        overhead = item_bytes(_wire(stream, facts))

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


class TwinViews:
    """Twin of `chalicelib.views.Views`."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, stream: Stream) -> View | None:
        self.store.before("views.get")
        return self.store.views.get(stream.key)

    def move(self, stream: Stream, old: View | None, new: View) -> bool:
        self.store.before("views.move")
        held = self.store.views.get(stream.key)
        if (held is None) != (old is None):
            return False
        if (
            held is not None
            and old is not None
            and (held.head.version, held.generation) != (old.head.version, old.generation)
        ):
            return False
        self.store.views[stream.key] = new
        self.store.after("views.move")
        return True

    def descriptors(self, workspace: str, ids: Iterable[str]) -> dict[str, View]:
        self.store.before("views.descriptors")
        keys = {i: Stream.of_resource(workspace, i).key for i in ids}
        return {i: self.store.views[key] for i, key in keys.items() if key in self.store.views}

    def marks(self, stream: Stream, generation: int, ids: Iterable[str]) -> dict[str, Mark]:
        found = {}
        for mark_id in dict.fromkeys(ids):
            self.store.before("views.marks")
            held = self.store.marks.get((stream.key, generation), {}).get(mark_id)
            if held is not None:
                found[mark_id] = held[0]
        return found

    def watermark_and_marks(
        self, stream: Stream, generation: int, ids: Iterable[str]
    ) -> tuple[View | None, dict[str, Mark]]:
        # One call: what the real one leaves open is the order within it.
        self.store.before("views.watermark_and_marks")
        held = self.store.marks.get((stream.key, generation), {})
        found = {mark_id: held[mark_id][0] for mark_id in ids if mark_id in held}
        return self.store.views.get(stream.key), found

    def marks_across(
        self, workspace: str, wanted: Iterable[tuple[str, int, str]]
    ) -> dict[tuple[str, str], Mark]:
        self.store.before("views.marks_across")
        found = {}
        for resource_id, generation, mark_id in wanted:
            key = Stream.of_resource(workspace, resource_id).key
            held = self.store.marks.get((key, generation), {}).get(mark_id)
            if held is not None:
                found[resource_id, mark_id] = held[0]
        return found

    def page(
        self, stream: Stream, generation: int, *, after: str | None, limit: int
    ) -> tuple[list[Mark], bool]:
        self.store.before("views.page")
        held = self.store.marks.get((stream.key, generation), {})
        page = [held[i][0] for i in sorted(held) if after is None or i > after][:limit]
        return page, len(page) == limit

    def put_mark(self, stream: Stream, generation: int, mark: Mark, now_s: int) -> bool:
        self.store.before("views.put_mark")
        held = self.store.marks.setdefault((stream.key, generation), {})
        known = held.get(mark.annotation.id)
        if known is not None and known[0].version >= mark.version:
            return False
        held[mark.annotation.id] = (mark, now_s + TOMBSTONE_S if mark.removed else None)
        self.store.after("views.put_mark")
        return True

    def key(self, stream: Stream, key: str) -> int | None:
        self.store.before("views.key")
        held = self.store.keys.get((stream.key, key))
        return None if held is None else held[0]

    def put_key(self, stream: Stream, key: str, version: int, expires: int) -> None:
        self.store.before("views.put_key")
        self.store.keys[stream.key, key] = (version, expires)
        self.store.after("views.put_key")

    def put_entry(self, workspace: str, index: str, value: str, entry: Entry, version: int) -> bool:
        self.store.before("views.put_entry")
        held = self.store.entries.setdefault((workspace, index, value), {})
        if held.get(_sort_key(entry), 0) >= version:
            return False
        held[_sort_key(entry)] = version
        self.store.after("views.put_entry")
        return True

    def drop_entry(
        self, workspace: str, index: str, value: str, entry: Entry, version: int
    ) -> None:
        self.store.before("views.drop_entry")
        held = self.store.entries.get((workspace, index, value), {})
        if held.get(_sort_key(entry), version) < version:
            del held[_sort_key(entry)]
        self.store.after("views.drop_entry")

    def entries(
        self, workspace: str, index: str, value: str, *, before: Entry | None, limit: int
    ) -> list[Entry]:
        self.store.before("views.entries")
        held = self.store.entries.get((workspace, index, value), {})
        below = [k for k in held if before is None or k < _sort_key(before)]
        return [_entry(k) for k in sorted(below, reverse=True)[:limit]]

    def changed(self, workspace: str, *, after: Entry, limit: int) -> list[Entry]:
        self.store.before("views.changed")
        found = []
        for key, view in self.store.views.items():
            stream = Stream.parse(key)
            if stream.workspace == workspace and stream.resource_id is not None:
                place = (view.applied, stream.resource_id)
                if place > (after.order, after.resource_id):
                    found.append(place)
        return [Entry(*place) for place in sorted(found)[:limit]]

    def park(self, parked: Parked) -> None:
        self.store.before("views.park")
        self.store.parked[parked.consumer, parked.stream.key] = parked
        self.store.after("views.park")

    def unpark(self, consumer: str, stream: Stream) -> None:
        self.store.before("views.unpark")
        self.store.parked.pop((consumer, stream.key), None)
        self.store.after("views.unpark")

    def parked(self, limit: int | None = None, *, consumer: str | None = None) -> list[Parked]:
        self.store.before("views.parked")
        found = [parked for _, parked in sorted(self.store.parked.items())]
        return [each for each in found if consumer in (None, each.consumer)][:limit]

    def ping(self) -> None:
        self.store.before("views.ping")


class TwinContent:
    """Twin of `chalicelib.content.Content`, without its cache."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def put(self, workspace: str, data: bytes) -> str:
        self.store.before("content.put")
        checksum = hashlib.sha256(data).hexdigest()
        self.store.objects.setdefault((workspace, checksum), data)
        self.store.after("content.put")
        return checksum

    def size(self, workspace: str, checksum: str) -> int | None:
        self.store.before("content.size")
        data = self.store.objects.get((workspace, checksum))
        return None if data is None else len(data)

    def get(self, workspace: str, checksum: str) -> tuple[bytes, bool]:
        self.store.before("content.get")
        data = self.store.objects.get((workspace, checksum))
        if data is None:
            raise ContentDamaged(f"the content {checksum} is missing")
        if hashlib.sha256(data).hexdigest() != checksum:
            raise ContentDamaged(f"the content {checksum} differs from its checksum")
        return data, False

    def upload(self, workspace: str, checksum: str, size: int) -> Upload:
        return Upload(f"twin://{workspace}/{checksum}", "PUT", {"content-length": str(size)})

    def download(
        self, workspace: str, representation: Representation, *, method: str = "GET"
    ) -> str:
        return f"twin://{workspace}/{representation.checksum}"

    def put_named(self, workspace: str, name: str, data: bytes) -> bool:
        assert "/" in name
        self.store.before("content.put_named")
        stored = self.store.objects.setdefault((workspace, name), data) is data
        self.store.after("content.put_named")
        return stored

    def get_named(self, workspace: str, name: str) -> bytes | None:
        self.store.before("content.get_named")
        return self.store.objects.get((workspace, name))

    def ping(self) -> None:
        self.store.before("content.ping")


def _wire(stream: Stream, commit: Commit) -> dict[str, dict[str, Any]]:
    """Return the item as DynamoDB would get it, for its size."""
    item: dict[str, dict[str, Any]] = {
        "pk": {"S": stream.key},
        "sk": {"N": str(commit.first)},
        "count": {"N": str(commit.count)},
        "id": {"S": commit.id},
        "body": {"B": commit.body},
        "encoding": {"S": commit.encoding},
        "hash": {"B": commit.hash},
        "at": {"S": commit.at},
        "actor": {"M": {name: {"S": value} for name, value in commit.actor.to_json().items()}},
        "correlation": {"S": commit.correlation},
    }
    if commit.key is not None:
        item["key"] = {"S": commit.key}
    if commit.previous is not None:
        item["previous"] = {"B": commit.previous}
    return item


def _sort_key(entry: Entry) -> str:
    return f"{entry.order}#{entry.resource_id}"


def _entry(sort_key: str) -> Entry:
    order, _, resource_id = sort_key.rpartition("#")
    return Entry(order, resource_id)
