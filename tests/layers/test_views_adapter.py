"""What only the adapter of the views can do wrong: pages beyond 1 MB, keys, expiry, errors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import Any

import pytest

from chalicelib.domain.annotation import TextualBody
from chalicelib.domain.ids import Stream
from chalicelib.dynamo import Tables
from chalicelib.errors import Unavailable
from chalicelib.log import Log
from chalicelib.system import System
from chalicelib.views import TOMBSTONE_S, Entry, Views
from infra.local.aws import client
from tests.layers.examples import added, filled, head_of, intent
from tests.layers.test_views_contract import mark, view


@pytest.fixture
def views(real: System) -> Views:
    return real.views


def stored(
    environment: dict[str, str], stream: Stream, prefix: str
) -> list[dict[str, dict[str, str]]]:
    """Return a stream's items whose sort keys begin so, in wire form."""
    answer = client("dynamodb").query(
        TableName=environment["VIEWS_TABLE"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": stream.key}},
    )
    items: list[dict[str, dict[str, str]]] = [
        item for item in answer["Items"] if item["sk"]["S"].startswith(prefix)
    ]
    return items


def test_a_page_of_more_than_a_megabyte_is_whole(views: Views, stream: Stream) -> None:
    """A query answers with 1 MB at most (AWS, "Query", read 2026-11): the adapter asks on."""
    body = (TextualBody("x" * 100_000), TextualBody("y" * 100_000), TextualBody("z" * 100_000))
    for number in range(12):
        large = mark(f"{number:02}")
        large = replace(large, annotation=replace(large.annotation, bodies=body))
        assert views.put_mark(stream, 0, large, 1_000)

    page, more = views.page(stream, 0, after=None, limit=10)
    rest, end = views.page(stream, 0, after="09", limit=10)

    assert [m.annotation.id for m in page] == [f"{n:02}" for n in range(10)]
    assert more
    assert [m.annotation.id for m in rest] == ["10", "11"]
    assert not end


def test_a_log_of_more_than_a_megabyte_is_read_whole(real: System, stream: Stream) -> None:
    log: Log = real.log
    commits = filled(log, stream, 1)
    for number in range(6):
        noise = "".join(chr(0x4E00 + (n * n * 31 + number * n) % 20_000) for n in range(60_000))
        commits.append(log.append(stream, head_of(commits), [added(f"{number}", noise)], intent()))

    assert list(log.read(stream)) == commits
    assert [e.version for e in log.events_backward(stream)] == [7, 6, 5, 4, 3, 2, 1]
    assert log.commits_at(stream, range(1, 8)) == {c.first: c for c in commits}


def test_a_tombstone_and_a_key_say_when_they_end_and_nothing_else_does(
    views: Views, stream: Stream, environment: dict[str, str]
) -> None:
    views.move(stream, None, view(stream, 3))
    views.put_mark(stream, 0, mark("a"), 1_000)
    views.put_mark(stream, 0, mark("b", removed=True), 1_000)
    views.put_key(stream, "k", 2, 90_000)

    items = {item["sk"]["S"]: item.get("expires") for item in stored(environment, stream, "")}

    assert items == {
        "resource": None,
        "annotation#0#a": None,
        "annotation#0#b": {"N": str(1_000 + TOMBSTONE_S)},
        "key#k": {"N": "90000"},
    }


def test_what_changes_names_its_workspace_and_other_items_stay_out_of_that_index(
    views: Views, stream: Stream, environment: dict[str, str]
) -> None:
    views.move(stream, None, view(stream, 3))
    views.put_mark(stream, 0, mark("a"), 1_000)

    (resource,) = stored(environment, stream, "resource")
    (annotation,) = stored(environment, stream, "annotation#")

    assert resource["workspace"] == {"S": stream.workspace}
    assert not {"workspace", "applied"} & set(annotation)


@dataclass
class TiesInAnyOrder:
    """The items of the views, with an index that gives items of one time in another order each time.

    DynamoDB promises an order by the range key, and none among items whose keys are equal.
    """

    items: Any
    dice: random.Random

    def __getattr__(self, name: str) -> Any:
        return getattr(self.items, name)

    @property
    def changed(self) -> TiesInAnyOrder:
        return self

    def query(self, *asked: Any, **more: Any) -> Iterator[Any]:
        found = self.items.changed.query(*asked, **more)
        for _, tied in groupby(found, attrgetter("applied")):
            shuffled = list(tied)
            self.dice.shuffle(shuffled)
            yield from shuffled


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
def test_changes_of_one_time_are_paged_whatever_order_the_index_has_them_in(
    real: System, stream: Stream, limit: int
) -> None:
    """Given streams that moved in the same milliseconds, when paged, then each comes once."""
    times = ["2026-01", *["2026-02"] * 9, "2026-03", *["2026-04"] * 4]
    wanted = [(applied, f"r{number:02}") for number, applied in enumerate(times)]
    for applied, resource_id in wanted:
        moved = Stream.of_resource(stream.workspace, resource_id)
        assert real.views.move(moved, None, view(moved, 1, applied=applied))
    views = Views(real.tables)
    views._items = TiesInAnyOrder(views._items, random.Random(limit))

    for _ in range(20):
        found: list[tuple[str, str]] = []
        page = [Entry("2026", "")]
        while page:
            page = views.changed(stream.workspace, after=page[-1], limit=limit)
            assert len(page) <= limit
            found += [(entry.order, entry.resource_id) for entry in page]

        assert found == wanted


def test_views_that_do_not_answer_are_unavailable(environment: dict[str, str]) -> None:
    views = Views(Tables(environment["LOG_TABLE"], "no-such-table"))
    stream, entry = Stream.of_resource("demo", "r"), Entry("1", "r")

    for call in (
        lambda: views.get(stream),
        lambda: views.move(stream, None, view(stream, 1)),
        lambda: views.put_mark(stream, 0, mark("a"), 1),
        lambda: views.marks(stream, 0, ["a"]),
        lambda: views.marks(stream, 0, ["a", "b"]),
        lambda: views.page(stream, 0, after=None, limit=1),
        lambda: views.key(stream, "k"),
        lambda: views.put_key(stream, "k", 1, 1),
        lambda: views.put_entry("demo", "all", "", entry, 1),
        lambda: views.drop_entry("demo", "all", "", entry, 1),
        lambda: views.entries("demo", "all", "", before=None, limit=1),
        lambda: views.changed("demo", after=entry, limit=1),
        lambda: views.descriptors("demo", ["r"]),
        lambda: views.parked(),
        views.ping,
    ):
        with pytest.raises(Unavailable) as refusal:
            call()
        assert refusal.value.extra["dependency"] == "database"
