"""How fast is a rebuild, and what does it ask of the log?

    python -m bench.rebuild [--quick]

*Fold*: one core, no AWS. Commits of a hundred annotations, as the log stores them, go through what
a rebuild does with them: hash and chain checked, decoded, folded into resource and annotations.
Beside it the bare loop over the same bytes: SHA-256 of what is stored, inflate, `json.loads`; no
fold can be faster than that in this language. Both with the garbage collector's thresholds of
`python -m infra.ops`; the best of five, for the machine is shared.

*Calls*: a rebuild on moto, its queries of the log counted by the client's hooks, beside the least:
bytes / 1 MB, which is what one Query returns.

*While writers write*: a thread appends 50 times a second, another materializes, a third counts the
annotations that a reader sees, as views are rebuilt one after another. The counts never fall. All
of it, moto too, is one process here, which is what keeps the writer below 50; without moto it keeps
its pace (`tests/recovery/test_rebuild_law.py`, and `tests/graph/test_law_4.py` for the graph).
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import math
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.meter import Bill
from bench.scene import ACTOR, TEXT, WORKSPACE, Scene, _added, _Straight, scene
from chalicelib.domain import chain
from chalicelib.domain.annotation import NewAnnotation, TextPosition, TextualBody
from chalicelib.domain.chain import Commit
from chalicelib.domain.commands import AddAnnotations
from chalicelib.domain.events import AnnotationAdded, ResourceCreated
from chalicelib.domain.ids import Stream
from chalicelib.domain.representation import Representation
from chalicelib.dynamo import item_bytes
from chalicelib.flows import project, read, write
from chalicelib.flows.rebuild import Changes, Fold, rebuild_view
from chalicelib.flows.verify import verify
from chalicelib.log import Intent
from chalicelib.system import System
from chalicelib.upkeep import wire
from infra.ops.__main__ import COLLECTOR

RESULT: Final = Path(__file__).parent / "results/rebuild.md"
PAGE_BYTES: Final = 1 << 20
"""What one Query returns at most. AWS, "Query", read 2026-11."""
WRITES_PER_S: Final = 50
PAUSE_S: Final = 0.25
"""Between two rounds of the materializer, two counts, two rebuilds: all share moto's one process,
and without pauses they would keep the writer from its pace."""


def commits_of(events: int, *, packed: bool) -> list[Commit]:
    """Return a stream's commits: a resource, and annotations on the book, a hundred per commit."""
    checksum = hashlib.sha256(TEXT.encode()).hexdigest()
    kept = Representation(checksum, "text/plain;charset=utf-8", len(TEXT.encode()), "gospels.txt")
    head, made = chain.EMPTY, list[Commit]()
    numbers = iter(range(events))
    new: Sequence[Any] = [ResourceCreated("The Gospels", kept, ("Document",), None, "en")]
    while new:
        commit = chain.seal(
            "resource#01900000-0000-7000-8000-000000000000",
            head,
            new,
            id=f"commit-{len(made)}",
            key=None,
            now="2026-11-23T09:35:00.000Z",
            actor=ACTOR,
            correlation="request:1",
            smaller=lambda a, b: packed,
        )
        made.append(commit)
        head = commit.head
        new = [_event(number, checksum) for number, _ in zip(numbers, range(100), strict=False)]
    return made


def _event(number: int, checksum: str) -> AnnotationAdded:
    return _added(f"01900000-0000-7000-8000-{number:012x}", number, checksum)


def bare(commits: Sequence[Commit]) -> int:
    """Hash what is stored, inflate, parse; return the number of events."""
    events = 0
    for commit in commits:
        hashlib.sha256(commit.body).digest()
        body = zlib.decompress(commit.body) if commit.encoding == "zlib" else commit.body
        events += len(json.loads(body))
    return events


def hashed(commits: Sequence[Commit]) -> int:
    """Check hashes and links as the chain defines them, without decoding."""
    previous = None
    for commit in commits:
        assert commit.previous == previous
        assert chain.rehash(commit) == commit.hash
        previous = commit.hash
    return sum(commit.count for commit in commits)


def folded(commits: Sequence[Commit]) -> int:
    """Check hash and link, decode and fold, as verify and rebuild do together."""
    fold = Fold(Stream(WORKSPACE, commits[0].stream))
    changes, previous = Changes(), None
    for commit in commits:
        if commit.previous != previous or chain.rehash(commit) != commit.hash:
            raise AssertionError("the chain is broken")
        previous = commit.hash
        fold.apply(commit, changes)
    return fold.events


def rate(work: Callable[[Sequence[Commit]], int], commits: Sequence[Commit]) -> float:
    """Return events per second of one core: the best of five, by the processor's clock."""
    best = 0.0
    for _ in range(5):
        began = time.process_time()
        events = work(commits)
        best = max(best, events / (time.process_time() - began))
    return best


# -- calls ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rebuild asked of the log, and the least that it could."""

    events: int
    size_bytes: int
    queries: int
    other: int

    @property
    def least(self) -> int:
        return math.ceil(self.size_bytes / PAGE_BYTES)


def asked(stage: Scene, megabytes: int) -> Asked:
    """Rebuild a stream of about so many megabytes; count what that asks of the log."""
    tables = stage.system.tables
    views = _Straight(tables, stage.config.views_table)
    system = System(stage.config, clock=stage.clock, log=stage.system.log, views=views)
    stream = stage.create()
    view = system.views.get(stream)
    assert view is not None
    head, size, events = view.head, 0, 1
    checksum = view.state.content.checksum  # type: ignore[union-attr]
    while size < megabytes * PAGE_BYTES:
        new = [_large(stage, checksum) for _ in range(chain.MAX_EVENTS)]
        intent = Intent(stage.id(), None, system.now(), ACTOR, "request:1")
        commit = system.log.append(stream, head, new, intent)
        head, events = commit.head, events + commit.count
        size += item_bytes(wire.encoded(stream, commit))
    project.materialize(system, stream)
    with stage.meter.counting() as bill:
        rebuild_view(system, stream)
    return Asked(events, size, _of_log(bill, stage, "Query"), _of_log(bill, stage, "GetItem"))


def _large(stage: Scene, checksum: str) -> AnnotationAdded:
    """An annotation with a comment that does not compress: 2 KB of hex."""
    from dataclasses import replace

    made = _added(stage.id(), 1, checksum)
    seed = made.annotation.id.encode()
    noise = "".join(hashlib.sha512(seed + bytes([n])).hexdigest() for n in range(16))
    return AnnotationAdded(replace(made.annotation, bodies=(TextualBody(noise, "commenting"),)))


def _of_log(bill: Bill, stage: Scene, operation: str) -> int:
    table = stage.config.log_table
    return sum(call.params["TableName"] == table for call in bill.of("dynamodb", operation))


# -- while writers write --------------------------------------------------------------------------


@dataclass(slots=True)
class Lively:
    """What was seen while writers wrote and views were rebuilt."""

    seconds: float
    writes: int = 0
    rebuilds: int = 0
    samples: int = 0
    falls: int = 0
    faults: int = 0


def lively(stage: Scene, seconds: float) -> Lively:
    """Rebuild one resource's view over and over while it is written to and read."""
    stream, seen, over = stage.create(), Lively(seconds), threading.Event()
    assert stream.resource_id is not None
    resource_id = stream.resource_id

    def writer() -> None:
        system, due = stage.cold(content=True), time.monotonic()
        while not over.is_set():
            command = AddAnnotations(
                (NewAnnotation("tagging", (TextPosition(0, 3),), (TextualBody("x"),)),),
                (stage.id(),),
                ("",),
            )
            write.change(system, stage.request(), resource_id, command)
            seen.writes += 1
            due += 1 / WRITES_PER_S
            time.sleep(max(0.0, due - time.monotonic()))

    def materializer() -> None:
        system = stage.cold()
        while not over.wait(PAUSE_S):
            project.materialize_batch(system, [stream])

    def reader() -> None:
        system, before = stage.cold(), 0
        while not over.wait(PAUSE_S):
            count, after = 0, None
            while True:
                page = read.annotation_page(system, WORKSPACE, resource_id, after=after, limit=500)
                count += len(page.marks)
                after = page.next
                if after is None:
                    break
            seen.samples += 1
            seen.falls += count < before
            before = count

    threads = [threading.Thread(target=each) for each in (writer, materializer, reader)]
    for thread in threads:
        thread.start()
    system, began = stage.cold(), time.monotonic()
    while time.monotonic() - began < seconds:
        rebuild_view(system, stream)
        seen.rebuilds += 1
        time.sleep(PAUSE_S)
    over.set()
    for thread in threads:
        thread.join()
    project.materialize(system, stream)
    seen.faults = len(verify(stage.cold()).faults)
    return seen


def report(quick: bool) -> str:
    """Measure everything; return the page."""
    events = 5_000 if quick else 40_000
    lines = ["# Rebuilding", "", __doc__ or "", "## Fold, events per second and core", ""]
    lines += ["| bodies | bytes | bare loop | hashes and links | verified fold | fold ÷ bare |"]
    lines += ["|---|---|---|---|---|---|"]
    for name, packed in (("as they are", False), ("zlib, as such commits are stored", True)):
        commits = commits_of(events, packed=packed)
        size = sum(len(commit.body) for commit in commits)
        rates = [rate(work, commits) for work in (bare, hashed, folded)]
        lines.append(
            f"| {name} | {size:,} | {rates[0]:,.0f} | {rates[1]:,.0f} | {rates[2]:,.0f} | "
            f"{rates[2] / rates[0]:.2f} |"
        )
    with scene() as stage:
        found = asked(stage, 4 if quick else 32)
    lines += ["", "## Calls", "", "| events | bytes | queries of the log | least | ratio |"]
    lines += ["|---|---|---|---|---|"]
    lines.append(
        f"| {found.events:,} | {found.size_bytes:,} | {found.queries} | {found.least} | "
        f"{found.queries / found.least:.2f} |"
    )
    with scene() as stage:
        seen = lively(stage, 3 if quick else 20)
    lines += ["", "## While writers write", ""]
    lines += ["| seconds | writes | writes/s | rebuilds | samples | fell | faults after |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines.append(
        f"| {seen.seconds:.0f} | {seen.writes} | {seen.writes / seen.seconds:.0f} | "
        f"{seen.rebuilds} | {seen.samples} | {seen.falls} | {seen.faults} |"
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the page, and keep it unless it was measured quickly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything; keep nothing")
    quick: bool = parser.parse_args().quick
    gc.set_threshold(*COLLECTOR)  # as the command line does
    page = report(quick)
    print(page)
    if not quick:
        RESULT.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
