"""L3, the views: current state, ready to read, made from the log and from nothing else.

::

    pk "demo/resource#<id>"        sk "resource"                  descriptor and watermark
    pk "demo/resource#<id>"        sk "annotation#<g>#<id>"       one annotation
    pk "demo/resource#<id>"        sk "key#<key>"                 a keyed request that was done
    pk "demo/system"               sk "vocabulary"                vocabulary and watermark
    pk "demo/list#<index>#<value>" sk "<created>#<id>"            an index entry
    pk "parked"                    sk "<consumer>#<stream>"       a stream that it stopped at

A watermark is the version, hash and time of the last commit applied. It is moved by one
conditional put, after every other item of the move. An annotation is put only over a lower
version of itself, so a late run cannot put an old one back. `g` is the generation: a rebuild
writes the next one beside the live one and then flips. `docs/views.md` has every attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.dynamo import Tables, refusals, refused_by_condition, translated
from chalicelib.view_items import View, decode_mark, decode_view, encode_mark, encode_state

DEPENDENCY: Final = "database"
MAX_KEYS: Final = 100
"""Of one BatchGetItem (AWS, "BatchGetItem", 2026-11)."""
RESOURCE: Final = "resource"
VOCABULARY: Final = "vocabulary"
TIED: Final = 10
"""Changes that are read at once beyond a page: those of its first and last time, and one that is
later. A process moves eight streams side by side."""
TOMBSTONE_S: Final = 24 * 3600
"""A removed annotation keeps its item this long, so that a late writer cannot revive it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An index entry: where it stands in its index, and which resource it names."""

    order: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class Parked:
    """A stream that it stopped at: the version it cannot read, why, and since when."""

    consumer: str
    stream: Stream
    version: int
    detail: str
    at: str


class Views:
    """The views of every workspace. Reads are strongly consistent unless they say otherwise."""

    def __init__(self, tables: Tables) -> None:
        self._items = tables.items

    # -- watermarks ---------------------------------------------------------------------------

    def get(self, stream: Stream) -> View | None:
        """Return a stream's view, None before its first move. One read."""
        with translated(DEPENDENCY):
            item = self._get(stream.key, _watermark_key(stream))
        return None if item is None else decode_view(stream, item)

    def move(self, stream: Stream, old: View | None, new: View) -> bool:
        """Move the watermark from `old` to `new` by one conditional put; False if another did."""
        version, generation = self._items.version, self._items.generation
        condition = (
            self._items.pk.does_not_exist()
            if old is None
            else (version == old.head.version) & (generation == old.generation)
        )
        item = self._items(
            stream.key,
            _watermark_key(stream),
            version=new.head.version,
            hash=new.head.hash,
            at=new.head.at,
            generation=new.generation,
            applied=new.applied,
            body=encode_state(new.state),
        )
        if stream.resource_id is not None:
            item.workspace = stream.workspace
        return self._put(item, condition)

    def descriptors(self, workspace: str, ids: Iterable[str]) -> dict[str, View]:
        """Return resources by id, eventually consistent: one BatchGetItem per 100."""
        streams = {
            Stream.of_resource(workspace, resource_id).key: resource_id for resource_id in ids
        }
        found: dict[str, View] = {}
        with translated(DEPENDENCY):
            for item in self._batch_get([(key, RESOURCE) for key in streams], consistent=False):
                found[streams[item.pk]] = decode_view(Stream.parse(item.pk), item)
        return found

    # -- annotations --------------------------------------------------------------------------

    def marks(self, stream: Stream, generation: int, ids: Iterable[str]) -> dict[str, Mark]:
        """Return annotations by id, tombstones too: GetItem for one, else BatchGetItem per 100."""
        keys = [(stream.key, _mark_key(generation, mark_id)) for mark_id in dict.fromkeys(ids)]
        with translated(DEPENDENCY):
            if len(keys) == 1:
                item = self._get(*keys[0])
                found = [] if item is None else [item]
            else:
                found = list(self._batch_get(keys, consistent=True))
        marks = [decode_mark(item) for item in found]
        return {mark.annotation.id: mark for mark in marks}

    def watermark_and_marks(
        self, stream: Stream, generation: int, ids: Iterable[str]
    ) -> tuple[View | None, dict[str, Mark]]:
        """Return the view and annotations of a generation: one GetItem or BatchGetItem, up to 99.

        Nothing is said of their order. But where the view is what it was at some moment before, no
        annotation is older than that.
        """
        keys = [(stream.key, _mark_key(generation, mark_id)) for mark_id in dict.fromkeys(ids)]
        if not keys or len(keys) >= MAX_KEYS:
            return self.get(stream), self.marks(stream, generation, ids)
        with translated(DEPENDENCY):
            items = list(
                self._batch_get([(stream.key, _watermark_key(stream)), *keys], consistent=True)
            )
        view, marks = None, {}
        for item in items:
            if item.sk == _watermark_key(stream):
                view = decode_view(stream, item)
            else:
                mark = decode_mark(item)
                marks[mark.annotation.id] = mark
        return view, marks

    def marks_across(
        self, workspace: str, wanted: Iterable[tuple[str, int, str]]
    ) -> dict[tuple[str, str], Mark]:
        """Return annotations of several resources, tombstones too, eventually consistent.

        `wanted` holds (resource id, its generation, annotation id), the keys are (resource id,
        annotation id): one BatchGetItem per 100.
        """
        named = {
            (Stream.of_resource(workspace, resource_id).key, _mark_key(generation, mark_id)): (
                resource_id,
                mark_id,
            )
            for resource_id, generation, mark_id in wanted
        }
        with translated(DEPENDENCY):
            found = list(self._batch_get(list(named), consistent=False))
        return {named[item.pk, item.sk]: decode_mark(item) for item in found}

    def page(
        self,
        stream: Stream,
        generation: int,
        *,
        after: str | None,
        limit: int,
    ) -> tuple[list[Mark], bool]:
        """Return up to `limit` annotations with ids above `after`, and whether there are more.

        One query. Tombstones are among them.
        """
        prefix = _mark_key(generation, "")
        condition = (
            self._items.sk.startswith(prefix)
            if after is None
            else self._items.sk.between(prefix + after + "\x00", prefix + "\x7f")
        )
        with translated(DEPENDENCY):
            found = self._items.query(
                stream.key, condition, consistent_read=True, limit=limit, page_size=limit
            )
            marks = [decode_mark(item) for item in found]
            more = found.last_evaluated_key is not None
        return marks, more

    def put_mark(self, stream: Stream, generation: int, mark: Mark, now_s: int) -> bool:
        """Put an annotation over a lower version of itself; False if it was known already."""
        item = self._items(
            stream.key,
            _mark_key(generation, mark.annotation.id),
            version=mark.version,
            motivation=mark.annotation.motivation,
            body=encode_mark(mark),
        )
        if mark.removed:
            item.removed = True
            item.expires = now_s + TOMBSTONE_S
        return self._put(item, self._newer(mark.version))

    # -- keys of requests and jobs ------------------------------------------------------------

    def key(self, stream: Stream, key: str) -> int | None:
        """Return the first version of the commit that a keyed request made, None if unknown."""
        with translated(DEPENDENCY):
            item = self._get(stream.key, f"key#{key}")
        return None if item is None else int(item.version)

    def put_key(self, stream: Stream, key: str, version: int, expires: int) -> None:
        """Remember that the commit at `version` carries `key`, until `expires` (Unix seconds)."""
        item = self._items(stream.key, f"key#{key}", version=version, expires=expires)
        with translated(DEPENDENCY):
            item.save()

    # -- indexes ------------------------------------------------------------------------------

    def put_entry(self, workspace: str, index: str, value: str, entry: Entry, version: int) -> bool:
        """Put an index entry over a lower version of itself."""
        item = self._items(
            index_key(workspace, index, value),
            f"{entry.order}#{entry.resource_id}",
            version=version,
        )
        return self._put(item, self._newer(version))

    def drop_entry(
        self, workspace: str, index: str, value: str, entry: Entry, version: int
    ) -> None:
        """Delete an index entry unless a version above `version` put it."""
        item = self._items(index_key(workspace, index, value), f"{entry.order}#{entry.resource_id}")
        with translated(DEPENDENCY):
            try:
                item.delete(self._items.version.does_not_exist() | (self._items.version < version))
            except refusals() as error:
                if not refused_by_condition(error):
                    raise

    def entries(
        self, workspace: str, index: str, value: str, *, before: Entry | None, limit: int
    ) -> list[Entry]:
        """Return up to `limit` entries below `before`, newest first, eventually consistent."""
        condition = (
            None if before is None else self._items.sk < f"{before.order}#{before.resource_id}"
        )
        with translated(DEPENDENCY):
            found = self._items.query(
                index_key(workspace, index, value),
                condition,
                scan_index_forward=False,
                limit=limit,
                page_size=limit,
            )
            return [_entry(item.sk) for item in found]

    def changed(self, workspace: str, *, after: Entry, limit: int) -> list[Entry]:
        """Return up to `limit` resources whose watermark moved after `after`, oldest move first.

        What moved at one time is in the order of ids. Eventually consistent: it is a global
        secondary index.
        """
        with translated(DEPENDENCY):
            found = self._items.changed.query(
                workspace,
                self._items.applied >= after.order,
                page_size=limit + TIED,
            )
            taken: list[Entry] = []
            for item in found:
                # The index promises no order among equal times (decision 9): all are read.
                if len(taken) >= limit and item.applied != taken[-1].order:
                    break
                entry = Entry(item.applied, Stream.parse(item.pk).resource_id or "")
                if _place(entry) > _place(after):
                    taken.append(entry)
        return sorted(taken, key=_place)[:limit]

    # -- parked streams -----------------------------------------------------------------------

    def park(self, parked: Parked) -> None:
        """Set a stream aside, once per consumer and stream; a repeat renews the reason."""
        item = self._items(
            "parked",
            f"{parked.consumer}#{parked.stream.key}",
            version=parked.version,
            detail=parked.detail,
            at=parked.at,
        )
        with translated(DEPENDENCY):
            item.save()

    def unpark(self, consumer: str, stream: Stream) -> None:
        """Take a stream from the parked ones; no fault if it is not there."""
        with translated(DEPENDENCY):
            self._items("parked", f"{consumer}#{stream.key}").delete()

    def parked(self, limit: int | None = None, *, consumer: str | None = None) -> list[Parked]:
        """Return the parked streams of a consumer, or of every one: all, or up to `limit`."""
        own = None if consumer is None else self._items.sk.startswith(f"{consumer}#")
        with translated(DEPENDENCY):
            found = self._items.query("parked", own, consistent_read=True, limit=limit)
            return [_parked(item) for item in found]

    def ping(self) -> None:
        """Do one cheap strong read; raises Unavailable when the table does not answer."""
        with translated(DEPENDENCY):
            self._get("-", "-")

    # -- items --------------------------------------------------------------------------------

    def _newer(self, version: int) -> Any:
        return self._items.pk.does_not_exist() | (self._items.version < version)

    def _put(self, item: Any, condition: Any) -> bool:
        with translated(DEPENDENCY):
            try:
                item.save(condition)
            except refusals() as error:
                if refused_by_condition(error):
                    return False
                raise
        return True

    def _get(self, pk: str, sk: str) -> Any | None:
        from pynamodb.exceptions import DoesNotExist

        try:
            return self._items.get(pk, sk, consistent_read=True)
        except DoesNotExist:
            return None

    def _batch_get(self, keys: list[tuple[str, str]], *, consistent: bool) -> Iterator[Any]:
        if keys:
            yield from self._items.batch_get(keys, consistent_read=consistent)


def _watermark_key(stream: Stream) -> str:
    return VOCABULARY if stream.resource_id is None else RESOURCE


def _mark_key(generation: int, annotation_id: str) -> str:
    return f"annotation#{generation}#{annotation_id}"


def index_key(workspace: str, index: str, value: str) -> str:
    """Return the partition key of an index's entries for a value."""
    # User text in a key is percent-encoded, so that no value can end in another's partition.
    return f"{workspace}/list#{index}#{quote(value, safe='')}"


def _entry(sk: str) -> Entry:
    order, _, resource_id = sk.rpartition("#")
    return Entry(order, resource_id)


def _place(entry: Entry) -> tuple[str, str]:
    return entry.order, entry.resource_id


def _parked(item: Any) -> Parked:
    consumer, _, stream = item.sk.partition("#")
    return Parked(consumer, Stream.parse(stream), int(item.version), item.detail, item.at)
