"""The log's and the views' tables as they are stored, whatever stands in them.

Log and views read what the product wrote. This reads what is there: an item that somebody changed
by hand must be named, not raise. Items are in DynamoDB's wire form, ``{"pk": {"S": "…"}}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.domain.chain import Commit
from chalicelib.domain.ids import Stream
from chalicelib.dynamo import (
    MAX_BATCH_GET,
    Tables,
    refusals,
    refused_by_condition,
    translated,
    winner,
)
from chalicelib.errors import Unavailable
from chalicelib.upkeep import wire
from chalicelib.views import RESOURCE, VOCABULARY

DEPENDENCY: Final = "database"
MAX_BATCH_WRITE: Final = 25
"""Items in one BatchWriteItem. AWS, "Quotas in Amazon DynamoDB", read 2026-11."""
MAX_ROUNDS: Final = 10
"""Tries for what a batch left over."""
DUE: Final = "due"
PLACE: Final = "reconcile"

Item = Mapping[str, Mapping[str, Any]]
Key = tuple[str, str]
"""(pk, sk) of an item of the views."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """A view's watermark, without its state. `hash` is as stored, None if there is none."""

    version: int
    generation: int
    hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Items to delete at `at` (ISO 8601): a stream's `generation`, unless it is live by then.

    `before` is the generation that was live when a rebuild began on this one, None once it ended.
    """

    at: str
    stream: Stream
    generation: int
    before: int | None = None


class TableUpkeep:
    """Log and views, as stored. Reads are strongly consistent unless they say otherwise."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._log = tables.commits.Meta.table_name
        self._views = tables.items.Meta.table_name

    @property
    def _client(self) -> Any:
        return self._tables.connection.client

    # -- the log --------------------------------------------------------------------------------

    def log_keys(self, segment: int = 0, of: int = 1) -> Iterator[str]:
        """Yield every partition key of the log's segment, a few of them more than once: a scan."""
        last = None
        scan = self._scan(self._log, "pk", segment, of)
        for item in scan:
            pk = wire.text(item, "pk")
            if pk != last:
                yield pk
            last = pk

    def log_items(self, pk: str, after: int = 0) -> Iterator[Item]:
        """Yield what is stored under a partition key of the log, by sort key."""
        yield from self._query(
            TableName=self._log,
            KeyConditionExpression="pk = :pk AND sk > :sk",
            ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"N": str(after)}},
        )

    def log_page(self, place: str | None, pages: int) -> tuple[dict[Stream, int], str | None]:
        """Return how far streams reach in the next `pages` of the log, and where to go on.

        Eventually consistent; a stream may go on behind the last page. `place` is what this
        returned before, None at the beginning and at the end.
        """
        found: dict[Stream, int] = {}
        start: Any = None if place is None else wire.place(place)
        for _ in range(pages):
            with translated(DEPENDENCY):
                page = self._client.scan(
                    TableName=self._log,
                    ProjectionExpression="pk, sk, #count",
                    ExpressionAttributeNames={"#count": "count"},
                    **({} if start is None else {"ExclusiveStartKey": start}),
                )
            for item in page["Items"]:
                reach = wire.reach(item)
                if reach is not None:
                    stream, version = reach
                    found[stream] = max(version, found.get(stream, 0))
            start = page.get("LastEvaluatedKey")
            if start is None:
                return found, None
        return found, wire.placed(start)

    def place_after(self, stream: Stream, version: int) -> str:
        """Return where to go on behind what `log_page` found of a stream, as it returns places."""
        # A scan goes on from any key, also from one that no item has.
        return wire.placed({"pk": {"S": stream.key}, "sk": {"N": str(version)}})

    def log_size_bytes(self) -> int:
        """Return about how large the log is; DynamoDB counts it every six hours."""
        with translated(DEPENDENCY):
            described = self._client.describe_table(TableName=self._log)
        return int(described["Table"].get("TableSizeBytes", 0))

    def put_commit(self, stream: Stream, commit: Commit) -> Item | None:
        """Store a commit as it is, if its place is free; else return what stands there."""
        with translated(DEPENDENCY):
            try:
                self._client.put_item(
                    TableName=self._log,
                    Item=wire.encoded(stream, commit),
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except refusals() as error:
                if refused_by_condition(error):
                    return winner(error) or {}
                raise
        return None

    def log_table(self) -> Mapping[str, Any] | None:
        """Return what DescribeTable says of the log's table, None if there is no such table."""
        with translated(DEPENDENCY):
            try:
                described: Mapping[str, Any] = self._client.describe_table(TableName=self._log)
            except self._client.exceptions.ResourceNotFoundException:
                return None
        table: Mapping[str, Any] = described["Table"]
        return table

    # -- watermarks -----------------------------------------------------------------------------

    def watermark(self, stream: Stream) -> Watermark | None:
        """Return where a view stands, None if there is none, or none that can be read as one."""
        with translated(DEPENDENCY):
            found = self._client.get_item(
                TableName=self._views,
                Key=wire.key(*_watermark_key(stream)),
                ConsistentRead=True,
                ProjectionExpression="version, generation, #hash",
                ExpressionAttributeNames={"#hash": "hash"},
            )
        return wire.watermark(found.get("Item", {}), Watermark)

    def watermarks(self, streams: Iterable[Stream]) -> dict[Stream, Watermark]:
        """Return where views stand, eventually consistent: one BatchGetItem per 100."""
        named = {_watermark_key(stream): stream for stream in streams}
        found: dict[Stream, Watermark] = {}
        for item in self._get_all(
            list(named), "pk, sk, version, generation, #hash", {"#hash": "hash"}
        ):
            held = wire.watermark(item, Watermark)
            if held is not None:
                found[named[wire.text(item, "pk"), wire.text(item, "sk")]] = held
        return found

    def discard_watermark(self, stream: Stream) -> None:
        """Delete a watermark that cannot be read as one; any other stays."""
        with translated(DEPENDENCY):
            try:
                self._client.delete_item(
                    TableName=self._views,
                    Key=wire.key(*_watermark_key(stream)),
                    ConditionExpression=(
                        "NOT attribute_type(version, :n) OR NOT attribute_type(generation, :n)"
                    ),
                    ExpressionAttributeValues={":n": {"S": "N"}},
                )
            except refusals() as error:
                if not refused_by_condition(error):
                    raise

    def drop_view(self, stream: Stream) -> int:
        """Delete all that the views hold of a stream, the watermark last; return how many items.

        As long as the watermark stands beyond the log, no run of the materializer writes. So what
        a later run writes, after the watermark is gone, is not deleted.
        """
        last = _watermark_key(stream)
        asked: dict[str, Any] = {
            "TableName": self._views,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": stream.key}},
            "ProjectionExpression": "pk, sk",
        }
        found = [(wire.text(item, "pk"), wire.text(item, "sk")) for item in self._query(**asked)]
        self._delete(self._views, [wire.key(*key) for key in found if key != last])
        self._delete(self._views, [wire.key(*key) for key in found if key == last])
        return len(found)

    # -- generations ----------------------------------------------------------------------------

    def note(self, due: Due) -> None:
        """Put items on the list of those to delete."""
        item = wire.key(DUE, _due_key(due)) | {
            "at": {"S": due.at},
            "generation": {"N": str(due.generation)},
        }
        if due.before is not None:
            item["version"] = {"N": str(due.before)}
        with translated(DEPENDENCY):
            self._client.put_item(TableName=self._views, Item=item)

    def settle(self, due: Due) -> None:
        """Take items from that list."""
        with translated(DEPENDENCY):
            self._client.delete_item(TableName=self._views, Key=wire.key(DUE, _due_key(due)))

    def due(self, now: str, limit: int) -> list[Due]:
        """Return up to `limit` of those whose time has come, the oldest first."""
        with translated(DEPENDENCY):
            found = self._client.query(
                TableName=self._views,
                KeyConditionExpression="pk = :pk AND sk < :now",
                ExpressionAttributeValues={":pk": {"S": DUE}, ":now": {"S": now}},
                ConsistentRead=True,
                Limit=limit,
            )
        return [_due(item) for item in found["Items"]]

    def drop_generation(self, stream: Stream, generation: int) -> int:
        """Delete the annotations of a generation; return how many there were."""
        asked: dict[str, Any] = {
            "TableName": self._views,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": {
                ":pk": {"S": stream.key},
                ":prefix": {"S": f"annotation#{generation}#"},
            },
            "ProjectionExpression": "pk, sk",
        }
        keys = [dict(item) for item in self._query(**asked)]
        self._delete(self._views, keys)
        return len(keys)

    # -- answers kept for Idempotency-Key -------------------------------------------------------

    def forget_answers(self, table: str) -> int:
        """Delete every kept answer; return how many there were.

        A request that is repeated runs again, and finds its own commit by the key if there is one.
        """
        keys = [dict(item) for item in self._scan(table, "id", 0, 1)]
        self._delete(table, keys)
        return len(keys)

    # -- the views, whatever is in them ---------------------------------------------------------

    def view_keys(self, segment: int = 0, of: int = 1) -> Iterator[Key]:
        """Yield the key of every item of the views' segment: a scan."""
        for item in self._scan(self._views, "pk, sk", segment, of):
            yield wire.text(item, "pk"), wire.text(item, "sk")

    def view_items(self, stream: Stream, prefix: str) -> Iterator[Item]:
        """Yield the items of a stream whose sort keys begin with `prefix`."""
        yield from self._query(
            TableName=self._views,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": stream.key}, ":prefix": {"S": prefix}},
        )

    def versions(self, keys: Sequence[Key]) -> dict[Key, int | None]:
        """Return the versions of those of the items that are there: one BatchGetItem per 100."""
        return {
            (wire.text(item, "pk"), wire.text(item, "sk")): wire.number(item, "version")
            for item in self._get_all(keys, "pk, sk, version", {}, consistent=True)
        }

    # -- where a sweep stands -------------------------------------------------------------------

    def place(self, sweep: str) -> str | None:
        """Return where a sweep left off."""
        with translated(DEPENDENCY):
            found = self._client.get_item(TableName=self._views, Key=wire.key(PLACE, sweep))
        place: str | None = found.get("Item", {}).get("detail", {}).get("S")
        return place

    def put_place(self, sweep: str, place: str | None) -> None:
        """Note where a sweep left off; None: it came to the end."""
        item = wire.key(PLACE, sweep) | ({} if place is None else {"detail": {"S": place}})
        with translated(DEPENDENCY):
            self._client.put_item(TableName=self._views, Item=item)

    def changed_since(self, since: str) -> Iterator[Stream]:
        """Yield the resources, of every workspace, whose watermark moved at or after `since`.

        Eventually consistent: a scan of the index `changed`, which holds keys only.
        """
        start: dict[str, Any] = {}
        while True:
            with translated(DEPENDENCY):
                page = self._client.scan(
                    TableName=self._views,
                    IndexName="changed",
                    FilterExpression="applied >= :since",
                    ExpressionAttributeValues={":since": {"S": since}},
                    **start,
                )
            for item in page["Items"]:
                yield Stream.parse(wire.text(item, "pk"))
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    # -------------------------------------------------------------------------------------------

    def _delete(self, table: str, keys: Sequence[Item]) -> None:
        """Delete items by their keys: one BatchWriteItem per 25."""
        for start in range(0, len(keys), MAX_BATCH_WRITE):
            some = keys[start : start + MAX_BATCH_WRITE]
            left: dict[str, Any] = {table: [{"DeleteRequest": {"Key": key}} for key in some]}
            for _ in range(MAX_ROUNDS):
                with translated(DEPENDENCY):
                    answer = self._client.batch_write_item(RequestItems=left)
                left = answer.get("UnprocessedItems") or {}
                if not left:
                    break
            else:
                raise Unavailable(f"{table} takes no more deletions now", dependency=DEPENDENCY)

    def _scan(self, table: str, wanted: str, segment: int, of: int) -> Iterator[Item]:
        asked: dict[str, Any] = {
            "TableName": table,
            "ProjectionExpression": wanted,
            "ConsistentRead": True,
        }
        if of > 1:
            asked |= {"Segment": segment, "TotalSegments": of}
        while True:
            with translated(DEPENDENCY):
                page = self._client.scan(**asked)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _query(self, **asked: Any) -> Iterator[Item]:
        while True:
            with translated(DEPENDENCY):
                page = self._client.query(ConsistentRead=True, **asked)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _get_all(
        self,
        keys: Sequence[Key],
        wanted: str,
        names: Mapping[str, str],
        *,
        consistent: bool = False,
    ) -> Iterator[Item]:
        for start in range(0, len(keys), MAX_BATCH_GET):
            asked: dict[str, Any] = {
                "Keys": [wire.key(*key) for key in keys[start : start + MAX_BATCH_GET]],
                "ProjectionExpression": wanted,
                "ConsistentRead": consistent,
            }
            if names:
                asked["ExpressionAttributeNames"] = dict(names)
            left = {self._views: asked}
            for _ in range(MAX_ROUNDS):
                with translated(DEPENDENCY):
                    answer = self._client.batch_get_item(RequestItems=left)
                yield from answer["Responses"].get(self._views, [])
                left = answer.get("UnprocessedKeys") or {}
                if not left:
                    break
            else:
                raise Unavailable("the views give no more items now", dependency=DEPENDENCY)


def _watermark_key(stream: Stream) -> Key:
    return stream.key, VOCABULARY if stream.resource_id is None else RESOURCE


def _due_key(due: Due) -> str:
    return f"{due.at}#{due.generation}#{due.stream.key}"


def _due(item: Item) -> Due:
    at, generation, key = wire.text(item, "sk").split("#", 2)
    return Due(at, Stream.parse(key), int(generation), wire.number(item, "version"))
