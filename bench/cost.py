"""What does each operation cost? Calls and capacity units, beside the least and the naive way.

    python -m bench.cost

*Least* is what the operation cannot do without: the bytes that it must write, compressed where that
saves units, and one call for each item that must be read or written. *Naive* is the data-flow
document's loop taken by its word: per event, read the resource's view (one item, as large as the
resource has become), then one transaction of event and view; a read fetches the whole view. Its
cost is computed from the sizes of the items measured here.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bench import watching
from bench.meter import Bill, read_units
from bench.scene import STARTED_S, TEXT, WORKSPACE, Hundred, Scene, scene
from chalicelib.domain.annotation import TextualBody
from chalicelib.domain.commands import ChangeContent, RemoveAnnotation, UpdateBody
from chalicelib.domain.ids import Stream
from chalicelib.dynamo import MAX_ITEM_BYTES, item_bytes, write_units
from chalicelib.flows import jobs, listing, project, read, work, write
from chalicelib.flows.content import store
from chalicelib.system import System, iso

ANNOTATIONS: Final = 100
"""On the resource that the operations are about, before each begins (give or take a few)."""
RESOURCES: Final = 60
COLUMNS: Final = (
    *("operation", "calls", "RCU", "WCU", "index", "S3", "least", "× calls", "× units"),
    *("naive", "naive ÷ ours"),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """DynamoDB calls, read units, write units with those of indexes."""

    calls: int
    read: float = 0
    write: int = 0

    @property
    def units(self) -> float:
        """Return read and write units together."""
        return self.read + self.write


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. `naive` is None where the naive view would not fit into an item.

    `shown` is what materializing it costs afterwards; the naive way does that at once.
    """

    name: str
    bill: Bill
    least: Cost
    naive: Cost | None
    shown: Bill | None = None

    @property
    def ours(self) -> Cost:
        """Return what was counted, materializing apart."""
        return _cost(self.bill)

    @property
    def gain(self) -> float | None:
        """Return how many times the units, with those of materializing, the naive way costs."""
        if self.naive is None:
            return None
        later = 0 if self.shown is None else _cost(self.shown).units
        return self.naive.units / (self.ours.units + later)


def _cost(bill: Bill) -> Cost:
    return Cost(bill.database, bill.read_units, bill.write_units + bill.index_units)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes, as measured: one event alone in the log, an annotation and a descriptor in a view.

    `body` is an event's own bytes, canonical JSON; `packed` a commit of a hundred events.
    """

    event: int
    body: int
    packed: int
    annotation: int
    descriptor: int

    def view(self, annotations: int) -> int:
        """Return the size of a view that is one item."""
        return self.descriptor + annotations * self.annotation

    def looped(self, events: int, annotations: int) -> Cost | None:
        """Return the cost of the naive loop over events that annotate, one by one."""
        cost = Cost(0)
        for held in range(annotations, annotations + events):
            whole = self.view(held + 1)
            if whole > MAX_ITEM_BYTES:
                return None
            cost = Cost(
                cost.calls + 2,
                cost.read + read_units(self.view(held), strong=True),
                # A transaction writes each item twice.
                cost.write + 2 * (write_units(self.event) + write_units(whole)),
            )
        return cost

    def whole(self, annotations: int) -> Cost | None:
        """Return the cost of a naive read: the whole view."""
        size = self.view(annotations)
        return Cost(1, read_units(size, strong=True)) if size <= MAX_ITEM_BYTES else None


def measure(at: Scene) -> tuple[Sizes, list[Row]]:
    """Return the sizes of items, and the cost of every operation."""
    sizes = _sizes(at)
    return sizes, [
        *_writes(at, sizes),
        *_reads(at, sizes),
        *_lists(at, sizes),
        *_materializing(at, sizes),
        *_jobs(at, sizes),
        *_live(at, sizes),
    ]


def _bill(at: Scene, run: Callable[[], object]) -> Bill:
    with at.meter.counting() as bill:
        run()
    return bill


def _sizes(at: Scene) -> Sizes:
    stream = at.create()
    added = _bill(at, lambda: _add(at, at.system, stream))
    shown = _bill(at, lambda: project.materialize(at.system, stream))
    hundred = at.annotations(100)
    many = _bill(
        at, lambda: write.change(at.system, at.request(), stream.resource_id or "", hundred)
    )
    project.materialize(at.system, stream)
    items = {item["sk"].get("S", "log")[:5]: item for item in _put(added) + _put(shown)}
    return Sizes(
        item_bytes(items["log"]),
        len(items["log"]["body"]["B"]),
        item_bytes(_put(many)[0]),
        item_bytes(items["annot"]),
        item_bytes(items["resou"]),
    )


def _writes(at: Scene, sizes: Sizes) -> Iterator[Row]:
    stream = at.filled(ANNOTATIONS)
    system, rid = at.system, stream.resource_id or ""
    read.resource(system, WORKSPACE, rid)
    one = Cost(1, 0, write_units(sizes.body))
    naive = sizes.looped(1, ANNOTATIONS)

    def row(name: str, run: Callable[[], object], least: Cost, naive: Cost | None) -> Row:
        done = _bill(at, run)
        return Row(name, done, least, naive, _bill(at, lambda: project.materialize(system, stream)))

    yield row("add an annotation, warm", lambda: _add(at, system, stream), one, naive)
    yield row("… cold", lambda: _add(at, at.cold(), stream), one, naive)
    yield row("… with an Idempotency-Key", lambda: _add(at, system, stream, "6b" * 32), one, naive)
    yield row("… the same again", lambda: _add(at, system, stream, "6b" * 32), Cost(1, 1), naive)
    known = Cost(2, 1, write_units(sizes.body))
    mark = read.annotation_page(system, WORKSPACE, rid, limit=1).marks[0].annotation.id
    change = UpdateBody(mark, lambda bodies: (*bodies, TextualBody("seen", "commenting")))
    yield row("change an annotation's body", lambda: _change(at, stream, change), known, naive)
    removal = RemoveAnnotation(mark)
    yield row("remove an annotation", lambda: _change(at, stream, removal), known, naive)

    many = at.annotations(100, start=7)
    run = _bill(at, lambda: write.change(system, at.request(), rid, many))
    shown = _bill(at, lambda: project.materialize(system, stream))
    least = Cost(1, 0, write_units(len(_smallest(_put(run)[0]["body"]["B"]))))
    naive = sizes.looped(100, ANNOTATIONS)
    yield Row("add 100 annotations in one POST", run, least, naive, shown)

    made = Cost(1, 0, write_units(sizes.event))
    both = Cost(1, 0, 2 * (write_units(sizes.event) + write_units(sizes.descriptor)))
    create = _bill(at, lambda: at.create("A leaf, washed", show=False))
    new = Stream.parse(_put(create)[0]["pk"]["S"])
    shown = _bill(at, lambda: project.materialize(system, new))
    yield Row("create a resource", create, made, both, shown)
    changed = (TEXT + "\nFinis.\n").encode()

    def put_content() -> None:
        kept = store(system, WORKSPACE, changed, "text/plain;charset=utf-8", None)
        write.change(system, at.request(), rid, ChangeContent(kept))

    yield row("change the content, warm", put_content, one, sizes.looped(1, 2 * ANNOTATIONS))


def _reads(at: Scene, sizes: Sizes) -> Iterator[Row]:
    stream = at.filled(ANNOTATIONS)
    system, rid = at.system, stream.resource_id or ""
    whole, one = sizes.whole(ANNOTATIONS), Cost(1, 1)

    def row(name: str, run: Callable[[], object], least: Cost, naive: Cost | None = whole) -> Row:
        return Row(name, _bill(at, run), least, naive)

    read.resource(system, WORKSPACE, rid)
    yield row("read a resource, warm", lambda: read.resource(system, WORKSPACE, rid), one)
    cold = at.cold()
    yield row("… cold", lambda: read.resource(cold, WORKSPACE, rid), one)
    mark = read.annotation_page(system, WORKSPACE, rid, limit=50).marks[-1].annotation.id
    yield row(
        "read an annotation", lambda: read.annotation(system, WORKSPACE, rid, mark), Cost(1, 1)
    )
    page = Cost(1, read_units(100 * sizes.annotation, strong=True))
    yield row(
        "read a page of 100 annotations",
        lambda: read.annotation_page(system, WORKSPACE, rid, limit=100),
        page,
    )
    history = Cost(1, read_units(sizes.event, strong=True))
    yield row(
        "read an annotation's history",
        lambda: read.history(system, WORKSPACE, rid, mark, limit=100),
        history,
        Cost(1, read_units(ANNOTATIONS * sizes.event, strong=True)),
    )
    single = at.create()
    for number in range(100):
        write.change(system, at.request(), single.resource_id or "", at.annotations(1, number))
    project.materialize(system, single)
    single_id = single.resource_id or ""
    events = Cost(1, read_units(100 * sizes.event, strong=True))
    yield row(
        "read a page of 100 events, one per commit",
        lambda: read.event_page(system, WORKSPACE, single_id, limit=100),
        events,
        events,
    )
    packed = at.filled(2000).resource_id or ""
    yield row(
        "… a hundred per commit",
        lambda: read.event_page(system, WORKSPACE, packed, limit=100),
        Cost(1, read_units(sizes.packed, strong=True)),
        events,
    )


def _lists(at: Scene, sizes: Sizes) -> Iterator[Row]:
    system = at.system
    for number in range(RESOURCES):
        at.create(f"Quire {number} of the codex", ("Manuscript",))
    least = Cost(1, read_units(50 * sizes.descriptor, strong=False))
    naive = Cost(51, 1 + 50 * read_units(sizes.descriptor, strong=False))

    def row(name: str, wanted: listing.Filter) -> Row:
        run = _bill(at, lambda: listing.resources(system, WORKSPACE, wanted, limit=50))
        return Row(name, run, least, naive)

    yield row("list 50 resources, newest first", listing.Filter())
    yield row("… by entity type", listing.Filter(entity_types=("Manuscript",)))
    yield row("… by a word of the name", listing.Filter(words=("codex",)))
    yield row("… changed since", listing.Filter(changed_since=iso(STARTED_S)))


def _materializing(at: Scene, sizes: Sizes) -> Iterator[Row]:
    stream = at.filled(ANNOTATIONS)
    system, rid = at.system, stream.resource_id or ""
    shown = write_units(sizes.annotation) + write_units(sizes.descriptor)

    def row(name: str, least: Cost, naive: Cost | None, by: System = system) -> Row:
        # In the naive way this is part of the write.
        return Row(name, _bill(at, lambda: project.materialize(by, stream)), least, naive)

    _add(at, system, stream)
    yield row("materialize 1 annotation", Cost(3, 1, shown), None)
    _add(at, system, stream)
    yield row("… cold", Cost(3, 1, shown), None, at.cold())
    project.materialize(system, stream)
    write.change(system, at.request(), rid, at.annotations(100, start=7))
    many = 100 * write_units(sizes.annotation) + write_units(sizes.descriptor)
    yield row("… 100 annotations of one commit", Cost(102, 2, many), None)
    write.change(system, at.request(), rid, at.annotations(1, start=3, linked=True))
    linked = Cost(4, 1, shown + 1)
    yield row("… 1 annotation that refers to a resource", linked, None)
    mark = read.annotation_page(system, WORKSPACE, rid, limit=1).marks[0].annotation.id
    change = UpdateBody(mark, lambda bodies: (*bodies, TextualBody("seen", "commenting")))
    _change(at, stream, change)
    yield row("… a changed body", Cost(3, 1, shown), None)
    _change(at, stream, change)
    yield row("… a changed body, cold", Cost(3, 1, shown), None, at.cold())
    project.materialize(system, stream)
    _change(at, stream, RemoveAnnotation(mark))
    yield row("… a removal", Cost(3, 1, shown), None)
    yield row("… nothing new (a late record)", Cost(1, 1), None)
    stream = at.create(show=False)
    # One entry each for newest first, for the type, and for the name's words.
    yield row("… a new resource", Cost(2, 1, write_units(sizes.descriptor)), None)


def _jobs(at: Scene, sizes: Sizes) -> Iterator[Row]:
    """A job that finds a hundred entities: what its worker does, from message to completion."""
    stream = at.create(show=False)
    project.materialize(at.system, stream)
    system = at.with_detector(Hundred())
    params = {"resource": stream.resource_id, "entityTypes": ["Person"]}
    job = jobs.create(system, at.request(), "detection", params)
    message = json.dumps({"workspace": WORKSPACE, "job": job.id})
    run = _bill(at, lambda: work.work(system, message, system.mint(), 60_000))
    assert system.jobs.get(WORKSPACE, job.id).state == "complete"  # type: ignore[union-attr]
    shown = _bill(at, lambda: project.materialize(system, stream))
    body = next(item for item in _put(run) if "hash" in item)["body"]["B"]
    updates = 3  # claimed, half-way, complete
    least = Cost(1 + updates, 0, write_units(len(_smallest(body))) + updates)
    yield Row("find 100 entities: the worker", run, least, sizes.looped(100, 0), shown)


def _live(at: Scene, sizes: Sizes) -> Iterator[Row]:
    """What watching costs: an event stream that waits for nothing, a move that is pushed."""
    stream = at.filled(ANNOTATIONS)
    config, view = at.config, sizes.view(ANNOTATIONS)
    looks = round(config.sse_hold_s / config.sse_poll_s)
    least = Cost(looks, looks * read_units(sizes.descriptor, strong=False))
    naive = Cost(looks, looks * read_units(view, strong=True))
    yield Row(f"wait {config.sse_hold_s:g} s by SSE", watching.waited(at, stream), least, naive)
    pushed = watching.pushed(at, stream, watchers=10)
    yield Row("push a move to 10 watchers, without the posts", pushed, Cost(2, 2), None)


def _add(at: Scene, system: System, stream: Stream, key: str | None = None) -> None:
    write.change(system, at.request(key), stream.resource_id or "", at.annotations(1, start=3))


def _change(at: Scene, stream: Stream, command: UpdateBody | RemoveAnnotation) -> None:
    write.change_annotation(at.system, at.request(), stream.resource_id or "", command)


def _put(bill: Bill) -> list[dict[str, dict[str, str]]]:
    return [dict(call.params["Item"]) for call in bill.of("dynamodb", "PutItem")]


def _smallest(body: str | bytes) -> bytes:
    data = body if isinstance(body, bytes) else body.encode()
    return min(data, zlib.compress(data, 9), key=len)


def table(sizes: Sizes, rows: Sequence[Row]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# What each operation costs",
        "",
        "Made by `python -m bench.cost`. Counted, not timed; units computed from item bytes.",
        "",
        f"The resource has about {ANNOTATIONS} annotations. Bytes: an event alone in the log "
        f"{sizes.event} ({sizes.body} of them its own), an annotation's item {sizes.annotation}, "
        f"a descriptor {sizes.descriptor}. “Index” is the global secondary index `changed`.",
        "",
        "*Least*: what the operation cannot do without. *Naive*: the data-flow document's loop "
        "with one item per view,",
        f"which ends at {(MAX_ITEM_BYTES - sizes.descriptor) // sizes.annotation} annotations "
        "(400 KB). Calls / read units / write units, index included. Where it writes, "
        "*naive ÷ ours* counts what materializing costs later, too.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|---|{'--:|' * (len(COLUMNS) - 1)}",
    ]
    for row in rows:
        ours, bill = row.ours, row.bill
        lines.append(
            f"| {row.name} | {ours.calls} | {ours.read:g} | {bill.write_units} | "
            f"{bill.index_units} | {bill.content} | {_three(row.least)} | "
            f"{ours.calls / row.least.calls:.1f} | {ours.units / row.least.units:.1f} | "
            f"{_three(row.naive)} | {_times(row)} |"
        )
    return "\n".join(lines) + "\n"


def _three(cost: Cost | None) -> str:
    return "–" if cost is None else f"{cost.calls} / {cost.read:g} / {cost.write}"


def _times(row: Row) -> str:
    return "–" if row.gain is None else f"{row.gain:.1f}"


def main() -> None:
    """Measure and print."""
    with scene() as at:
        print(table(*measure(at)), end="")


if __name__ == "__main__":
    main()
