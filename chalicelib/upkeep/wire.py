"""Items in DynamoDB's wire form, read with care: whatever is wrong with one is said, not raised.

A commit's item holds certain attributes of certain types and nothing else; the chain's hash covers
all of them, so anything more or other was not written by this product.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from chalicelib.domain.actor import Actor
from chalicelib.domain.chain import Commit
from chalicelib.domain.ids import Stream

Item = Mapping[str, Mapping[str, Any]]
T = TypeVar("T")

REQUIRED: Final = {
    **dict.fromkeys(("pk", "id", "encoding", "at", "correlation"), "S"),
    **dict.fromkeys(("sk", "count"), "N"),
    **dict.fromkeys(("body", "hash"), "B"),
    "actor": "M",
}
OPTIONAL: Final = {"key": "S", "previous": "B"}
ACTOR: Final = frozenset({"id", "type", "name"})


class NotACommit(Exception):
    """An item of the log is not a commit; says why."""


def commit(item: Item) -> Commit:
    """Return the commit that an item of the log is. Raises NotACommit."""
    for name, kind in REQUIRED.items():
        if name not in item:
            raise NotACommit(f"the attribute `{name}` is missing")
        _typed(item, name, kind)
    for name in item:
        if name in OPTIONAL:
            _typed(item, name, OPTIONAL[name])
        elif name not in REQUIRED:
            raise NotACommit(f"the attribute `{name}` does not belong there")
    actor = item["actor"]["M"]
    if set(actor) != ACTOR or any("S" not in value for value in actor.values()):
        raise NotACommit("`actor` is not {id, type, name}")
    workspace, slash, name = item["pk"]["S"].partition("/")
    if not slash or not workspace:
        raise NotACommit("`pk` is not the key of a stream")
    first, count = number(item, "sk"), number(item, "count")
    if first is None or first < 1 or count is None or count < 1:
        raise NotACommit("`sk` or `count` is not a whole number above 0")
    return Commit(
        stream=name,
        first=first,
        count=count,
        id=item["id"]["S"],
        key=item["key"]["S"] if "key" in item else None,
        at=item["at"]["S"],
        actor=Actor(*(actor[part]["S"] for part in ("id", "type", "name"))),
        correlation=item["correlation"]["S"],
        encoding=item["encoding"]["S"],
        previous=bytes(item["previous"]["B"]) if "previous" in item else None,
        hash=bytes(item["hash"]["B"]),
        body=bytes(item["body"]["B"]),
    )


def encoded(stream: Stream, of: Commit) -> dict[str, Any]:
    """Return the item that a commit is: `commit` undoes it."""
    item: dict[str, Any] = {
        "pk": {"S": stream.key},
        "sk": {"N": str(of.first)},
        "count": {"N": str(of.count)},
        "id": {"S": of.id},
        "body": {"B": of.body},
        "encoding": {"S": of.encoding},
        "hash": {"B": of.hash},
        "at": {"S": of.at},
        "actor": {"M": {name: {"S": value} for name, value in of.actor.to_json().items()}},
        "correlation": {"S": of.correlation},
    }
    if of.key is not None:
        item["key"] = {"S": of.key}
    if of.previous is not None:
        item["previous"] = {"B": of.previous}
    return item


def key(pk: str, sk: str) -> dict[str, dict[str, str]]:
    """Return the key of an item of the views."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def text(item: Item, name: str) -> str:
    """Return a text attribute, which is there."""
    value: str = item[name]["S"]
    return value


def number(item: Item, name: str) -> int | None:
    """Return a whole number, None if the attribute is not one."""
    value = item.get(name, {}).get("N")
    try:
        return None if value is None else int(value)
    except ValueError:
        return None


def watermark(item: Item, make: Callable[[int, int, bytes | None], T]) -> T | None:
    """Return the watermark that an item of the views holds, None if it is none."""
    version, generation = number(item, "version"), number(item, "generation")
    if version is None or generation is None:
        return None
    stored = item.get("hash", {}).get("B")
    return make(version, generation, None if stored is None else bytes(stored))


def reach(item: Item) -> tuple[Stream, int] | None:
    """Return the stream of a commit's item and its last version, None if it is no commit."""
    first, count = number(item, "sk"), number(item, "count")
    try:
        stream = Stream.parse(text(item, "pk"))
    except ValueError:
        return None
    return None if first is None or count is None else (stream, first + count - 1)


def placed(start: Item) -> str:
    """Return where a scan stands, as text."""
    return json.dumps([start["pk"]["S"], start["sk"]["N"]])


def place(placed: str) -> dict[str, dict[str, str]]:
    """Return where a scan stands, as `placed` wrote it."""
    pk, sk = json.loads(placed)
    return {"pk": {"S": pk}, "sk": {"N": sk}}


def _typed(item: Item, name: str, kind: str) -> None:
    if list(item[name]) != [kind]:
        raise NotACommit(f"the attribute `{name}` is of another type ({', '.join(item[name])})")
