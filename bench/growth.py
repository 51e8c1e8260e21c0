"""Does an operation cost more on a resource that has more annotations?

    python -m bench.growth [rounds]

Resources of 10, 100, 1,000 and 10,000 annotations stand in the same tables. In each round, and in
another order each time, one annotation is appended to each, and then materialized. Beside each is
the *floor*: the same requests with the same bytes on the same state, sent by bare botocore. moto's
queries scan the partition, so the floor grows; what is ours is the rest.

Times are CPU time of this process, in which moto runs too: other work on the machine disturbs that
least. Calls and units are counted, and the run fails where they grow by more than a tenth.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import process_time
from typing import Any, Final

from bench.meter import Bill
from bench.scene import WORKSPACE, Scene, scene
from chalicelib.domain.ids import Stream
from chalicelib.flows import project, read, write

SIZES: Final = (10, 100, 1_000, 10_000)
ROUNDS: Final = 40
LIMIT: Final = 1.1

COLUMNS: Final = (
    *("annotations", "calls", "RCU", "WCU", "× calls", "× units"),
    *("whole", "floor", "ours", "× ours"),
)

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of an operation, and of its requests alone."""

    whole: float
    floor: float

    @property
    def ours(self) -> float:
        """Return what the operation takes beyond its requests."""
        return self.whole - self.floor


@dataclass(slots=True)
class Series:
    """What was measured of one operation: the timings, round by round, and the bill, by size."""

    timed: dict[int, list[Timed]] = field(default_factory=lambda: {size: [] for size in SIZES})
    bills: dict[int, Bill] = field(default_factory=dict)


class Raw:
    """The requests of the operations, by bare botocore."""

    def __init__(self, at: Scene) -> None:
        self.client = at.system.tables.connection.client
        self.log, self.views = at.config.log_table, at.config.views_table

    def item(self, table: str, pk: str, sk: Item) -> Item:
        """Return an item, empty if there is none."""
        key = {"pk": {"S": pk}, "sk": sk}
        found = self.client.get_item(TableName=table, Key=key, ConsistentRead=True)
        item: Item = found.get("Item", {})
        return item

    def put(self, table: str, item: Item, condition: str | None = None, **values: Item) -> None:
        """Put an item."""
        more: Item = {}
        if condition is not None:
            more["ConditionExpression"] = condition
        if values:
            more["ExpressionAttributeValues"] = {f":{k}": v for k, v in values.items()}
            more["ExpressionAttributeNames"] = {"#v": "version"}
        self.client.put_item(TableName=table, Item=item, **more)

    def drop(self, table: str, item: Item) -> None:
        """Delete an item."""
        key = {name: item[name] for name in ("pk", "sk")}
        self.client.delete_item(TableName=table, Key=key)

    def tail(self, pk: str, after: int) -> None:
        """Read the commits after a version."""
        self.client.query(
            TableName=self.log,
            ConsistentRead=True,
            Limit=10,
            KeyConditionExpression="pk = :pk AND sk >= :sk",
            ExpressionAttributeValues={":pk": {"S": pk}, ":sk": {"N": str(after + 1)}},
        )


def append(at: Scene, raw: Raw, stream: Stream) -> Timed:
    """Append one annotation: the state is cached, as it is while somebody is at work."""
    command, version = at.annotations(1), []
    whole = _took(lambda: version.append(_write(at, stream, command)))
    item = raw.item(raw.log, stream.key, {"N": str(version[0])})
    raw.drop(raw.log, item)
    floor = _took(lambda: raw.put(raw.log, item, "attribute_not_exists(pk)"))
    return Timed(whole, floor)


def materialize(at: Scene, raw: Raw, stream: Stream) -> Timed:
    """Bring the view up to the one annotation just appended, by who moved its watermark before."""
    mark = read.event_page(
        at.system, WORKSPACE, stream.resource_id or "", limit=1, newest_first=True
    )
    added: Any = mark.events[0].event
    mark_sk = {"S": f"annotation#0#{added.annotation.id}"}
    before = raw.item(raw.views, stream.key, {"S": "resource"})
    whole = _took(lambda: project.materialize(at.system, stream))
    shown = raw.item(raw.views, stream.key, mark_sk)
    after = raw.item(raw.views, stream.key, {"S": "resource"})
    raw.drop(raw.views, shown)
    raw.put(raw.views, before)

    def requests() -> None:
        raw.tail(stream.key, int(before["version"]["N"]))
        newer = "attribute_not_exists(pk) OR #v < :v"
        raw.put(raw.views, shown, newer, v=shown["version"])
        same = "#v = :v AND generation = :g"
        raw.put(raw.views, after, same, v=before["version"], g=before["generation"])

    return Timed(whole, _took(requests))


Operation = Callable[[Scene, Raw, Stream], Timed]
OPERATIONS: Final[Mapping[str, Operation]] = {"append": append, "materialize": materialize}


def measure(at: Scene, rounds: int) -> dict[str, Series]:
    """Return a series for each operation."""
    raw = Raw(at)
    streams = {size: at.filled(size) for size in SIZES}
    series = {name: Series() for name in OPERATIONS}
    for size, stream in streams.items():  # warm, and counted
        for name, run in (
            ("append", lambda: _write(at, stream, at.annotations(1))),  # noqa: B023
            ("materialize", lambda: project.materialize(at.system, stream)),  # noqa: B023
        ):
            read.resource(at.system, WORKSPACE, stream.resource_id or "")
            with at.meter.counting() as series[name].bills[size]:
                run()
    gc.collect()
    gc.freeze()  # the emulator's items are no reason to walk through them
    for number in range(rounds):
        turn = number % len(SIZES)
        for size in SIZES[turn:] + SIZES[:turn]:
            for name, operation in OPERATIONS.items():
                series[name].timed[size].append(operation(at, raw, streams[size]))
    return series


def _write(at: Scene, stream: Stream, command: Any) -> int:
    return write.change(at.system, at.request(), stream.resource_id or "", command).version


def _took(run: Callable[[], object]) -> float:
    start = process_time()
    run()
    return (process_time() - start) * 1000


def table(series: Mapping[str, Series]) -> str:
    """Return the results as Markdown."""
    rounds = len(series["append"].timed[SIZES[0]])
    lines = [
        "# Whether operations grow with the annotations of a resource",
        "",
        f"Made by `python -m bench.growth`: {rounds} rounds on moto, in turns. CPU milliseconds, "
        "median (quartiles). *Floor*:",
        "the same requests by bare botocore. *Ours*: what the operation takes beyond them. "
        f"× is to {SIZES[0]} annotations.",
        "",
    ]
    for name, one in series.items():
        first = one.timed[SIZES[0]]
        lines += [
            f"## {name}",
            "",
            f"| {' | '.join(COLUMNS)} |",
            f"|{'--:|' * len(COLUMNS)}",
        ]
        for size in SIZES:
            bill, timed = one.bills[size], one.timed[size]
            calls, units = _growth(one, size)
            ours = [each.ours for each in timed]
            times = statistics.median(ours) / statistics.median(each.ours for each in first)
            lines.append(
                f"| {size:,} | {bill.database} | {bill.read_units:g} | "
                f"{bill.write_units + bill.index_units} | {calls:.2f} | {units:.2f} | "
                f"{_spread([each.whole for each in timed])} | "
                f"{_spread([each.floor for each in timed])} | {_spread(ours)} | {times:.2f} |"
            )
        lines.append("")
    return "\n".join(lines)


def _growth(one: Series, size: int) -> tuple[float, float]:
    first, bill = one.bills[SIZES[0]], one.bills[size]
    return bill.database / first.database, _units(bill) / _units(first)


def _units(bill: Bill) -> float:
    return bill.read_units + bill.write_units + bill.index_units


def _spread(values: Sequence[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def main() -> None:
    """Measure and print; fails where calls or units grow."""
    with scene() as at:
        series = measure(at, int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
    print(table(series), end="")
    for name, one in series.items():
        if any(max(_growth(one, size)) > LIMIT for size in SIZES):
            raise SystemExit(f"{name} costs more where there are more annotations")


if __name__ == "__main__":
    main()
