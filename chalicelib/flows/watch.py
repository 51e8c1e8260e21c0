"""Watching resources: what came since a cursor, as far as each resource's view shows it.

The log is read up to the view's watermark and no further: whoever hears of an event finds it in
every read, lists and graph aside. Nothing here waits; who waits, and how, is the edge's matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.domain.events import StoredEvent
from chalicelib.domain.ids import Stream
from chalicelib.errors import LogDamaged, LogUnreadable, Malformed, NotFound
from chalicelib.live import cursors

if TYPE_CHECKING:
    from chalicelib.system import System

MAX_CHANGES: Final = 200
"""Changes that one look returns; the next look goes on from there."""


@dataclass(frozen=True, slots=True)
class Change:
    """An event of a watched resource, and the cursor of all that was seen with it."""

    resource_id: str
    event: StoredEvent
    cursor: str


class Watch:
    """What one watcher has seen of his resources. Used by one thread at a time."""

    def __init__(self, system: System, workspace: str, seen: Mapping[str, int]) -> None:
        self._system = system
        self._workspace = workspace
        self._seen = dict(seen)
        self._at_commit_end: set[str] = set()

    @property
    def cursor(self) -> str:
        """Return what was seen so far."""
        return cursors.vector(self._seen)

    @property
    def streams(self) -> frozenset[Stream]:
        """Return what is watched."""
        return frozenset(Stream.of_resource(self._workspace, each) for each in self._seen)

    def look(self) -> list[Change]:
        """Return up to `MAX_CHANGES` changes that the views show and that were not seen yet.

        One BatchGetItem, eventually consistent (a late answer only makes the next look find more),
        and one query of the log for each resource that moved. What is wrong with one resource's log
        is raised when the others have nothing new.
        """
        views = self._system.views.descriptors(self._workspace, self._seen)
        changes: list[Change] = []
        faults: list[LogDamaged | LogUnreadable] = []
        for resource_id in list(self._seen):
            view = views.get(resource_id)
            if view is not None and view.head.version > self._seen[resource_id]:
                try:
                    self._read(resource_id, view.head.version, changes)
                except (LogDamaged, LogUnreadable) as fault:
                    faults.append(fault)
        if faults and not changes:
            raise faults[0]
        return changes

    def _read(self, resource_id: str, watermark: int, changes: list[Change]) -> None:
        room = MAX_CHANGES - len(changes)
        seen = self._seen[resource_id]
        wanted = min(watermark - seen, room)
        if wanted <= 0:
            return
        events = self._system.log.events(
            Stream.of_resource(self._workspace, resource_id),
            seen,
            boundary=resource_id in self._at_commit_end,
            page_size=wanted,
        )
        self._at_commit_end.discard(resource_id)
        for stored in events:
            if stored.version > seen + wanted:
                break
            self._seen[resource_id] = stored.version
            changes.append(Change(resource_id, stored, self.cursor))
        if self._seen[resource_id] == watermark:  # a watermark is always a commit's last version
            self._at_commit_end.add(resource_id)


def begin(
    system: System, workspace: str, resource_ids: Iterable[str], seen: Mapping[str, int]
) -> Watch:
    """Return a watch of these resources: from what was seen, else from what the views show now.

    Raises NotFound for a resource that is not there, Malformed for what cannot have been seen.
    """
    starts: dict[str, int] = {}
    for resource_id in resource_ids:
        stream = Stream.of_resource(workspace, resource_id)
        starts[resource_id] = start(system, stream, seen.get(resource_id))
    return Watch(system, workspace, starts)


def start(system: System, stream: Stream, seen: int | None) -> int:
    """Return what a watcher has seen of a resource: None means all that its view shows.

    Raises NotFound for a resource that is not there, Malformed for a version that is beyond its
    log: nothing would be told until the resource has gone past it, and that never. The log is
    asked only where the view does not show the version.
    """
    shown = _shown(system, stream)
    if seen is None or seen <= shown:
        return shown if seen is None else seen
    head = system.log.head(stream).version
    if seen > head:
        raise Malformed(
            f"Version {seen} of {stream.resource_id} cannot have been seen: it is at {head}"
        )
    return seen


def _shown(system: System, stream: Stream) -> int:
    """Return the version that a resource's view shows; 0 before its first. Raises NotFound."""
    view = system.views.get(stream)
    if view is not None:
        return view.head.version
    if system.log.head(stream).empty:
        raise NotFound("there is no such resource in this workspace")
    return 0
