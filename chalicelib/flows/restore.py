"""What the log has lost, put back from a table that was restored beside it.

Nothing is overwritten: a commit is put where its place is free, byte for byte as it is in the
restored table. A stream is touched only if what is here and what was restored are one chain when
laid together; else it is left as it is, and named. So this may be broken off and repeated.

What was written after the moment that was restored and is gone, is in neither table: `verify`
names it, by the views and the lists of heads, and `flows.accept` accepts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain import chain
from chalicelib.domain.chain import Commit
from chalicelib.domain.ids import Stream
from chalicelib.dynamo import Tables
from chalicelib.errors import Conflict, NotFound
from chalicelib.flows.faults import AT_ONCE, SEGMENTS, Progress
from chalicelib.flows.recover import silent
from chalicelib.upkeep import wire
from chalicelib.upkeep.tables import Item, TableUpkeep

if TYPE_CHECKING:
    from chalicelib.system import System

KEYS: Final = {("pk", "HASH"), ("sk", "RANGE")}


@dataclass(slots=True)
class Restored:
    """What was put back, or would be. `refused` holds streams, the version (None: none) and why.

    `present` commits are in both tables, `newer` ones in the log alone.
    """

    source: str
    tried_only: bool = False
    streams: int = 0
    mended: list[str] = field(default_factory=list)
    commits: int = 0
    present: int = 0
    newer: int = 0
    refused: list[tuple[str, int | None, str]] = field(default_factory=list)

    def add(self, part: Restored) -> None:
        """Add what was done to some more streams."""
        self.streams += part.streams
        self.mended += part.mended
        self.commits += part.commits
        self.present += part.present
        self.newer += part.newer
        self.refused += part.refused

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "ok": not self.refused,
            "from": self.source,
            "dryRun": self.tried_only,
            "streams": self.streams,
            "mended": sorted(self.mended),
            "commits": self.commits,
            "present": self.present,
            "newer": self.newer,
            "refused": [
                {"stream": stream, "version": version, "detail": why}
                for stream, version, why in sorted(self.refused, key=itemgetter(0))
            ],
        }


class _Refused(Exception):
    """A stream is left as it is; at which version, and why."""

    def __init__(self, version: int | None, why: str) -> None:
        super().__init__(why)
        self.version = version


def restored_table(system: System, name: str) -> TableUpkeep:
    """Return the log that a restored table holds.

    Raises NotFound if there is no such table, or no log to put anything back to; Conflict if it is
    the log itself, still being restored, or no table of a log.
    """
    if system.upkeep.log_table() is None:
        raise NotFound(f"the table {system.config.log_table} is gone: restore it under its name")
    if name == system.config.log_table:
        raise Conflict(f"{name} is the log itself; restore it beside, under another name")
    found = TableUpkeep(Tables(name, system.config.views_table))
    described = found.log_table()
    if described is None:
        raise NotFound(f"there is no table {name}")
    if described["TableStatus"] not in ("ACTIVE", "UPDATING"):
        raise Conflict(f"{name} is still {described['TableStatus']}; wait until it is ACTIVE")
    if {(key["AttributeName"], key["KeyType"]) for key in described["KeySchema"]} != KEYS:
        raise Conflict(f"{name} is no table of a log: its keys are others")
    return found


def restore_log(
    system: System,
    table: str,
    *,
    workspace: str | None = None,
    try_only: bool = False,
    progress: Progress = silent,
) -> Restored:
    """Put back each commit that the restored table has and the log has not, of each stream.

    `try_only` writes nothing. Raises as `restored_table`, and Unavailable; it may be repeated.
    """
    source, done = restored_table(system, table), Restored(table, try_only)
    streams: list[Stream] = []
    for key in _keys(system, source):
        try:
            stream = Stream.parse(key)
        except ValueError:
            done.refused.append((key, None, "is the key of no stream"))
            continue
        if workspace in (None, stream.workspace):
            streams.append(stream)

    finished = 0

    def one(stream: Stream) -> Restored:
        nonlocal finished
        part = Restored(table, try_only, streams=1)
        try:
            _one(system, source, stream, part)
        except _Refused as refused:
            part.refused.append((stream.key, refused.version, str(refused)))
        finished += 1
        progress("streams", finished, len(streams))
        return part

    progress("streams", 0, len(streams))
    for part in system.side_by_side([partial(one, stream) for stream in streams], AT_ONCE):
        done.add(part)
    return done


def _keys(system: System, source: TableUpkeep) -> list[str]:
    def keys(segment: int) -> set[str]:
        return set(source.log_keys(segment, SEGMENTS))

    parts = [partial(keys, number) for number in range(SEGMENTS)]
    return sorted(set().union(*system.side_by_side(parts, SEGMENTS)))


def _one(system: System, source: TableUpkeep, stream: Stream, done: Restored) -> None:
    missing: list[Commit] = []
    head = chain.EMPTY
    for version, here, there in _laid_together(system, source, stream):
        item = there if here is None else here
        if here is not None and there is not None and here != there:
            raise _Refused(version, f"not what the table has: {_wrong(here, there)}")
        assert item is not None
        try:
            commit = wire.commit(item)
        except wire.NotACommit as error:
            raise _Refused(version, f"is no commit: {error}") from error
        for fault in chain.verify([commit], head):
            raise _Refused(fault.version, fault.reason)
        head = commit.head
        if here is None:
            missing.append(commit)
        elif there is None:
            done.newer += 1
        else:
            done.present += 1
    done.commits += len(missing) if done.tried_only else 0
    if missing:
        done.mended.append(stream.key)
    if done.tried_only:
        return
    for commit in missing:  # in order: whoever reads meanwhile meets a shorter log, and no new hole
        taken = system.upkeep.put_commit(stream, commit)
        if taken is not None and taken != wire.encoded(stream, commit):
            raise _Refused(commit.first, "somebody else wrote there meanwhile")
        done.commits += 1
    for fault in system.log.verify(stream) if missing else ():
        raise _Refused(fault.version, f"not whole after it was put back: {fault.reason}")


def _laid_together(
    system: System, source: TableUpkeep, stream: Stream
) -> Iterator[tuple[int, Item | None, Item | None]]:
    """Yield by version what stands there in the log and in the restored table."""

    def told(of: TableUpkeep, place: int) -> Iterator[tuple[int, int, Item]]:
        for item in of.log_items(stream.key):
            yield wire.number(item, "sk") or 0, place, item

    both = merge(told(system.upkeep, 0), told(source, 1), key=itemgetter(0, 1))
    for version, found in groupby(both, key=itemgetter(0)):
        items = {place: item for _, place, item in found}
        yield version, items.get(0), items.get(1)


def _wrong(here: Item, there: Item) -> str:
    """Say which of two is damaged, or that another history went on after the loss."""
    for whose, item in (("the log's", here), ("the table's", there)):
        try:
            commit = wire.commit(item)
        except wire.NotACommit as error:
            return f"{whose} is no commit ({error})"
        if chain.rehash(commit) != commit.hash:
            return f"{whose} is not what its hash says"
    return "both are whole, so the log's was written after the loss, in the place of the other"
