"""Counts AWS calls and computes capacity units, from the hooks of the clients that make them.

Nothing is timed and nothing is believed: units are computed from the bytes of the items that were
sent and returned, by the rules of AWS ("DynamoDB read and write operations", read 2026-11):

* a write is billed for the larger of the item before and after it, a refused one for the item that
  is there, each at least 1 unit (`dynamo.write_units`);
* a read is billed per 4 KB, half of that when eventual; Query for the sum of what it read, GetItem
  and BatchGetItem for each item alone; what is not there is billed like the smallest item;
* a write that changes an item's entry in a global secondary index is billed there again, twice
  when the entry moves to another key. That is counted apart.

What stands there before a write (and after an update, whose request does not say) is read through a
client of the meter's own, which is not counted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from chalicelib.dynamo import item_bytes, write_units

Item = Mapping[str, Mapping[str, Any]]

WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
READS: Final = frozenset({"GetItem", "BatchGetItem", "Query"})
READ_UNIT_BYTES: Final = 4096
"""Of a strong read. AWS, "Read/write capacity", read 2026-11."""


@dataclass(frozen=True, slots=True)
class Call:
    """One answered call. `params` is what the client was asked for, `refused` a failed condition.

    `index_units` are those of global secondary indexes, beyond `write_units`. `before` holds the
    item that stood there, for writes.
    """

    service: str
    operation: str
    params: Mapping[str, Any]
    read_units: float = 0
    write_units: int = 0
    index_units: int = 0
    refused: bool = False
    before: Item | None = None


@dataclass(slots=True)
class Bill:
    """The calls of one operation, in the order of their answers, and the requests sent for them."""

    calls: list[Call] = field(default_factory=list)
    sent: int = 0

    def of(self, service: str, *operations: str) -> list[Call]:
        """Return the calls of a service, of these operations if any are named."""
        return [
            call
            for call in self.calls
            if call.service == service and (not operations or call.operation in operations)
        ]

    @property
    def database(self) -> int:
        """Return the number of DynamoDB calls."""
        return len(self.of("dynamodb"))

    @property
    def reads(self) -> int:
        """Return the number of DynamoDB reads."""
        return len(self.of("dynamodb", *READS))

    @property
    def writes(self) -> int:
        """Return the number of DynamoDB writes."""
        return len(self.of("dynamodb", *WRITES))

    @property
    def content(self) -> int:
        """Return the number of S3 calls."""
        return len(self.of("s3"))

    @property
    def read_units(self) -> float:
        """Return the read capacity units."""
        return sum(call.read_units for call in self.calls)

    @property
    def write_units(self) -> int:
        """Return the write capacity units of the tables, indexes apart."""
        return sum(call.write_units for call in self.calls)

    @property
    def index_units(self) -> int:
        """Return the write capacity units of global secondary indexes."""
        return sum(call.index_units for call in self.calls)

    @property
    def retries(self) -> int:
        """Return how many requests were sent again below the client."""
        return self.sent - len(self.calls)


class Meter:
    """Counts what attached clients do while `counting`. One bill at a time."""

    def __init__(self, *clients: Any) -> None:
        import boto3

        self._own = boto3.client("dynamodb")
        self._shapes: dict[str, _Table] = {}
        self._lock = threading.Lock()
        self._bill: Bill | None = None
        for client in clients:
            self.attach(client)

    def attach(self, client: Any) -> None:
        """Count this botocore client's calls from now on."""
        service = client.meta.service_model.service_name
        events = client.meta.events
        identity = f"meter-{id(self)}-%s"
        events.register_first(f"before-send.{service}", self._on_send, identity % "send")
        events.register(f"provide-client-params.{service}", self._on_ask, identity % "ask")
        events.register(f"after-call.{service}", self._on_answer, identity % "answer")

    @contextmanager
    def counting(self) -> Iterator[Bill]:
        """Count what happens in the block, in every thread."""
        if self._bill is not None:
            raise RuntimeError("the meter is counting already")
        self._bill = bill = Bill()
        try:
            yield bill
        finally:
            self._bill = None

    def _on_send(self, **_: Any) -> None:
        if self._bill is not None:
            with self._lock:
                self._bill.sent += 1

    def _on_ask(
        self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        if self._bill is None:
            return
        context["asked"] = dict(params)
        if model.name in WRITES:
            context["before"] = self._stored(params)

    def _on_answer(
        self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        bill = self._bill
        if bill is None or "asked" not in context:
            return
        service = model.service_model.service_name
        asked = context["asked"]
        if service != "dynamodb":
            call = Call(service, model.name, asked)
        elif model.name in READS:
            units = _read_units(model.name, asked, parsed)
            call = Call(service, model.name, asked, read_units=units)
        elif model.name in WRITES:
            call = self._write(model.name, asked, parsed, context["before"])
        else:
            raise ValueError(f"the meter does not know what {model.name} costs")
        with self._lock:
            bill.calls.append(call)

    def _write(
        self, operation: str, asked: Mapping[str, Any], parsed: Mapping[str, Any], before: Item
    ) -> Call:
        code = parsed.get("Error", {}).get("Code")
        if code is not None:
            refused = code == "ConditionalCheckFailedException"
            units = write_units(item_bytes(before)) if refused else 0
            return Call("dynamodb", operation, asked, 0, units, 0, refused, before or None)
        after = self._stored(asked) if operation == "UpdateItem" else asked.get("Item", {})
        units = write_units(max(item_bytes(before), item_bytes(after)))
        indexes = self._shape(asked["TableName"]).indexes
        moved = sum(index.write_units(before, after) for index in indexes)
        return Call("dynamodb", operation, asked, 0, units, moved, False, before or None)

    def _stored(self, params: Mapping[str, Any]) -> Item:
        shape = self._shape(params["TableName"])
        source = params.get("Item") or params["Key"]
        found = self._own.get_item(
            TableName=params["TableName"],
            Key={name: source[name] for name in shape.keys},
            ConsistentRead=True,
        )
        item: Item = found.get("Item", {})
        return item

    def _shape(self, table: str) -> _Table:
        with self._lock:
            if table not in self._shapes:
                described = self._own.describe_table(TableName=table)["Table"]
                self._shapes[table] = _Table.of(described)
            return self._shapes[table]


@dataclass(frozen=True, slots=True)
class _Index:
    """A global secondary index: its keys, and what its entries hold; None is everything."""

    keys: tuple[str, ...]
    projected: frozenset[str] | None

    def entry(self, item: Item) -> Item:
        """Return the entry that an item has; empty when it lacks a key."""
        if not all(name in item for name in self.keys):
            return {}
        return {
            name: value
            for name, value in item.items()
            if self.projected is None or name in self.projected
        }

    def write_units(self, before: Item, after: Item) -> int:
        """Return what a change of an item costs in this index."""
        old, new = self.entry(before), self.entry(after)
        if old == new:
            return 0
        if not old or not new:
            return write_units(item_bytes(old or new))
        if any(old[name] != new[name] for name in self.keys):  # deleted here, put there
            return write_units(item_bytes(old)) + write_units(item_bytes(new))
        return write_units(max(item_bytes(old), item_bytes(new)))


@dataclass(frozen=True, slots=True)
class _Table:
    keys: tuple[str, ...]
    indexes: tuple[_Index, ...]

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> _Table:
        own = _names(described)
        return cls(
            own,
            tuple(
                _Index(_names(index), _projected(index, own))
                for index in described.get("GlobalSecondaryIndexes", ())
            ),
        )


def _names(schema: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(key["AttributeName"] for key in schema["KeySchema"])


def _projected(index: Mapping[str, Any], table_keys: tuple[str, ...]) -> frozenset[str] | None:
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return None
    more = projection.get("NonKeyAttributes", ())
    return frozenset({*_names(index), *table_keys, *more})


def read_units(size_bytes: int, *, strong: bool) -> float:
    """Return the units of reading that many bytes at once; nothing costs as much as 4 KB."""
    units = max(1, -(-size_bytes // READ_UNIT_BYTES))
    return units if strong else units / 2


def _read_units(operation: str, asked: Mapping[str, Any], parsed: Mapping[str, Any]) -> float:
    if "Error" in parsed:
        return 0
    if operation == "GetItem":
        size = item_bytes(parsed.get("Item", {}))
        return read_units(size, strong=asked.get("ConsistentRead", False))
    if operation == "Query":
        size = sum(item_bytes(item) for item in parsed["Items"])
        return read_units(size, strong=asked.get("ConsistentRead", False))
    total = 0.0
    for table, wanted in asked["RequestItems"].items():
        strong = wanted.get("ConsistentRead", False)
        found = parsed["Responses"].get(table, [])
        left = len(parsed.get("UnprocessedKeys", {}).get(table, {}).get("Keys", ()))
        absent = len(wanted["Keys"]) - len(found) - left
        total += sum(read_units(item_bytes(item), strong=strong) for item in found)
        total += absent * read_units(0, strong=strong)
    return total
