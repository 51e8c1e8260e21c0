"""Whether what is stored is what was said: streams, contents, lists of heads, graph.

Read only, and good while writers write. Every fault is named; nothing is mended here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.domain.ids import Stream
from chalicelib.errors import ContentDamaged
from chalicelib.flows.faults import AT_ONCE, SEGMENTS, Fault, Progress
from chalicelib.flows.stream_check import Checked, check
from chalicelib.upkeep.objects import Stored

if TYPE_CHECKING:
    from chalicelib.system import System


@dataclass(slots=True)
class Verified:
    """What was looked at, and every fault. `unnamed` are bytes that no commit names."""

    streams: int = 0
    commits: int = 0
    events: int = 0
    items: int = 0
    contents: int = 0
    lists: int = 0
    faults: list[Fault] = field(default_factory=list)
    unnamed: list[Stored] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class GraphPart(Protocol):
    """Whether the graph equals the log: `flows.graph_check.faults`."""

    def __call__(
        self, system: System, streams: Sequence[Stream], workspace: str | None, progress: Progress
    ) -> list[Fault]:
        """Return where the graph is not what the log says; nothing where there is none."""


class HeadsPart(Protocol):
    """What was witnessed of heads: `flows.heads.check`."""

    def __call__(
        self, system: System, ends: Mapping[Stream, _Heads], workspace: str | None
    ) -> tuple[int, list[Fault]]:
        """Return how many lists there were, and where the log is not what they saw."""


_Heads = Mapping[int, bytes]
"""The hash of each commit of a stream, by its last version."""


def verify(
    system: System,
    *,
    workspace: str | None = None,
    content: bool = True,
    heads: HeadsPart | None = None,
    graph: GraphPart | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Verified:
    """Look at everything, or at one workspace, and return every fault."""
    found = Verified()
    # In this order: whatever is named later than it was listed is not taken for unnamed.
    stored = {(each.workspace, each.checksum): each for each in system.objects.content(workspace)}
    streams = _streams(system, workspace, found)
    checks, named = look_at(system, streams, found, content=content, progress=progress)
    found.faults += _strays(system, {each.stream.key for each in checks}, workspace)
    if content:
        found.unnamed = [item for key, item in sorted(stored.items()) if key not in named]
        if any(not each.readable for each in checks):
            found.unnamed = []
            found.notes.append("unnamed bytes are not listed: not every commit could be read")
    if heads is not None:
        found.lists, faults = heads(system, {each.stream: each.ends for each in checks}, workspace)
        found.faults += faults
    if graph is not None:
        found.faults += graph(system, streams, workspace, progress)
    return found


def look_at(
    system: System,
    streams: Sequence[Stream],
    found: Verified,
    *,
    content: bool = True,
    progress: Progress = lambda what, done, of: None,
) -> tuple[list[Checked], set[tuple[str, str]]]:
    """Look at these streams, and at the content that they name; write down what is found.

    Returns what was seen of each, and which contents (workspace, checksum) they name.
    """
    checks = _each(system, [partial(check, system, s) for s in streams], "streams", progress)
    named: dict[tuple[str, str], tuple[int, str]] = {}
    for each in checks:
        found.streams += 1
        found.commits += each.commits
        found.events += each.events
        found.items += each.items
        found.faults += each.faults
        for checksum, size in each.named.items():
            named.setdefault((each.stream.workspace, checksum), (size, each.stream.key))
    if content:
        _contents(system, named, found, progress)
    return checks, set(named)


def look_around(
    system: System, workspace: str | None = None, *, heads: HeadsPart | None = None
) -> Verified:
    """Look at what is no stream's own: items under keys of none, and the lists of heads."""
    found = Verified()
    streams = _streams(system, workspace, found)
    found.faults += _strays(system, {stream.key for stream in streams}, workspace)
    if heads is not None:
        found.lists, faults = heads(system, {}, workspace)
        found.faults += faults
    return found


def _streams(system: System, workspace: str | None, found: Verified) -> list[Stream]:
    def keys(segment: int) -> set[str]:
        return set(system.upkeep.log_keys(segment, SEGMENTS))

    every = set().union(*system.side_by_side([partial(keys, n) for n in range(SEGMENTS)], SEGMENTS))
    streams: list[Stream] = []
    for pk in sorted(every):
        try:
            stream = Stream.parse(pk)
        except ValueError:
            found.faults.append(Fault("stray", pk, None, "the log has items of no stream"))
            continue
        if workspace in (None, stream.workspace):
            streams.append(stream)
    return streams


def _strays(system: System, streams: set[str], workspace: str | None) -> list[Fault]:
    """Views of streams that the log does not have, and generations that wait for nothing."""

    def partitions(segment: int) -> set[str]:
        return {
            pk
            for pk, sk in system.upkeep.view_keys(segment, SEGMENTS)
            if sk in ("resource", "vocabulary") or sk.startswith(("annotation#", "key#"))
        }

    every = set().union(
        *system.side_by_side([partial(partitions, n) for n in range(SEGMENTS)], SEGMENTS)
    )
    faults: list[Fault] = []
    for pk in sorted(every - streams):
        try:
            stream = Stream.parse(pk)
        except ValueError:
            faults.append(Fault("stray", pk, None, "the views have items of no stream"))
            continue
        if workspace not in (None, stream.workspace):
            continue
        if not any(True for _ in system.upkeep.log_items(pk)):  # it may have begun meanwhile
            faults.append(Fault("stray", pk, None, "the views have a stream that the log has not"))
    return faults


def _contents(
    system: System,
    named: Mapping[tuple[str, str], tuple[int, str]],
    found: Verified,
    progress: Progress,
) -> None:
    def look(workspace: str, checksum: str, size: int, by: str) -> Fault | None:
        where = f"{workspace}/{checksum}"
        try:
            stored = system.objects.verify(workspace, checksum)
        except ContentDamaged as error:
            return Fault("content", where, None, f"{error.detail} (named by {by})")
        if stored != size:
            detail = f"it has {stored} bytes, the commit says {size} (named by {by})"
            return Fault("content", where, None, detail)
        return None

    looks = [partial(look, *key, *value) for key, value in sorted(named.items())]
    found.contents += len(looks)
    found.faults += [fault for fault in _each(system, looks, "contents", progress) if fault]


def _each(
    system: System, calls: Sequence[Callable[[], Any]], what: str, progress: Progress
) -> list[Any]:
    done = 0

    def told(call: Callable[[], Any]) -> Any:
        nonlocal done
        result = call()
        done += 1
        progress(what, done, len(calls))
        return result

    progress(what, 0, len(calls))
    return system.side_by_side([partial(told, call) for call in calls], AT_ONCE)


def summary(found: Verified) -> dict[str, Any]:
    """Return the report as JSON."""
    return {
        "ok": not found.faults,
        "streams": found.streams,
        "commits": found.commits,
        "events": found.events,
        "viewItems": found.items,
        "contents": found.contents,
        "listsOfHeads": found.lists,
        "faults": [
            {"kind": f.kind, "where": f.where, "version": f.version, "detail": f.detail}
            for f in found.faults
        ],
        "unnamed": [
            {"workspace": each.workspace, "checksum": each.checksum, "size": each.size}
            for each in found.unnamed
        ],
        "notes": found.notes,
    }
