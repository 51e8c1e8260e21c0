"""Bytes that no commit names: moved aside first, deleted a day later at the earliest.

They come from requests that were refused after their content was stored, and from uploads that
nobody used. An append may name bytes that lie there already, at any moment. So nothing is deleted
at once: what is old and unnamed is moved to `_removed/`; whatever a commit has named by then is
moved back, by this run or any later one; and only what has lain there for a day is purged, when no
request that could have named it runs any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain.chain import Unreadable
from chalicelib.domain.events import RepresentationAdded, ResourceCloned, ResourceCreated
from chalicelib.domain.ids import Stream
from chalicelib.errors import Invalid, LogUnreadable
from chalicelib.flows.faults import Progress
from chalicelib.flows.recover import silent, streams_of
from chalicelib.upkeep import wire
from chalicelib.upkeep.objects import Stored

if TYPE_CHECKING:
    from chalicelib.system import System

MIN_AGE_S: Final = 24 * 3600.0
"""Nothing younger is moved, and nothing is purged that was moved later than that."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What was moved aside, moved back, and deleted for good; `left` lies in `_removed/`."""

    removed: tuple[Stored, ...]
    restored: tuple[Stored, ...]
    purged: tuple[Stored, ...]
    left: int

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""

        def names(of: Iterable[Stored]) -> list[str]:
            return [f"{each.workspace}/{each.checksum}" for each in of]

        return {
            "removed": names(self.removed),
            "restored": names(self.restored),
            "purged": names(self.purged),
            "left": self.left,
        }


def remove_unnamed(
    system: System,
    *,
    age_s: float,
    workspace: str | None = None,
    purge: bool = False,
    progress: Progress = silent,
) -> Swept:
    """Move aside what no commit names and is older than `age_s`; with `purge`, end what was moved.

    The log is read after the objects were listed, and once more after they were moved. Raises
    Invalid for an age below a day, LogUnreadable when a commit cannot be read: it may name them.
    """
    if age_s < MIN_AGE_S:
        raise Invalid(f"the age must be a day or more: {MIN_AGE_S:.0f} s")
    now_s = system.now_s()
    aside = list(system.objects.content(workspace, removed=True))
    old = [each for each in system.objects.content(workspace) if now_s - each.since_s > age_s]
    named = _named(system, workspace, progress)
    restored = [each for each in aside if _key(each) in named]
    for each in restored:
        system.objects.restore(each.workspace, each.checksum)
    purged: list[Stored] = []
    for each in aside:
        if purge and each not in restored and now_s - each.since_s > MIN_AGE_S:
            system.objects.purge(each.workspace, each.checksum)
            purged.append(each)
    removed = [each for each in old if _key(each) not in named]
    for each in removed:
        system.objects.remove(each.workspace, each.checksum)
    if removed:
        named = _named(system, workspace, progress)
        late = [each for each in removed if _key(each) in named]
        for each in late:
            system.objects.restore(each.workspace, each.checksum)
        restored += late
        removed = [each for each in removed if each not in late]
    left = len(aside) - len(restored) - len(purged) + len(removed)
    return Swept(tuple(removed), tuple(restored), tuple(purged), max(0, left))


def _named(system: System, workspace: str | None, progress: Progress) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    streams = streams_of(system, workspace)
    for number, stream in enumerate(streams, 1):
        found |= {(stream.workspace, checksum) for checksum in _of(system, stream)}
        progress("streams", number, len(streams))
    return found


def _of(system: System, stream: Stream) -> Iterable[str]:
    for item in system.upkeep.log_items(stream.key):
        try:
            events = wire.commit(item).events()
        except (wire.NotACommit, Unreadable) as error:
            raise LogUnreadable(
                f"{stream.key} has a commit that cannot be read and may name any bytes: {error}"
            ) from error
        for stored in events:
            if isinstance(stored.event, ResourceCreated | ResourceCloned | RepresentationAdded):
                yield stored.event.representation.checksum


def _key(stored: Stored) -> tuple[str, str]:
    return stored.workspace, stored.checksum
