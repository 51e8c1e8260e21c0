"""Putting things right: views made anew, what was lost on the way found, and all of it looked at.

`recover` is the data-flow document's function: rebuild the views, rebuild the graph, verify. Each
part may be repeated at any time, and while writers write. `reconcile` is what runs by itself every
few minutes, cheaply; the rest an operator asks for (`python -m infra.ops`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from chalicelib.domain.ids import Stream
from chalicelib.errors import AppError, Unavailable
from chalicelib.flows import graph_check, graph_project, heads, project, rebuild
from chalicelib.flows.faults import AT_ONCE, SEGMENTS, Progress
from chalicelib.flows.graph_rebuild import GraphRebuild, rebuild_whole_graph
from chalicelib.flows.verify import Verified, summary, verify
from chalicelib.system import iso
from chalicelib.upkeep.tables import Due

if TYPE_CHECKING:
    from chalicelib.system import System

SWEEP: Final = "log"
RUNS_PER_DAY: Final = 288
"""Reconciling runs every five minutes."""
MIN_PAGES: Final = 20
"""Megabytes of the log that one run looks at: all of it while it is smaller than that."""
FAR_BEHIND: Final = 200
"""Streams that one run materializes; the next one goes on behind the last of them."""


def silent(what: str, done: int, of: int) -> None:
    """Show no progress."""


@dataclass(slots=True)
class Rebuild:
    """What a rebuild of views did. `failed` and `stopped` hold streams and why."""

    began_ms: int
    rebuilt: int = 0
    skipped: int = 0
    events: int = 0
    annotations: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    stopped: list[tuple[str, str]] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    retired: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "ok": not (self.failed or self.stopped),
            "began": iso(self.began_ms / 1000),
            "rebuilt": self.rebuilt,
            "skipped": self.skipped,
            "events": self.events,
            "annotations": self.annotations,
            "failed": [{"stream": stream, "detail": why} for stream, why in self.failed],
            "stopped": [{"stream": stream, "detail": why} for stream, why in self.stopped],
            "viewsWithoutStream": self.strays,
            "generationsRetired": self.retired,
        }


def rebuild_views(
    system: System,
    streams: Sequence[Stream] | None = None,
    *,
    workspace: str | None = None,
    since_ms: int | None = None,
    at_once: int = AT_ONCE,
    progress: Progress = silent,
) -> Rebuild:
    """Rebuild the views of these streams, or of all that the log has, side by side.

    With `since_ms` (Unix milliseconds, when an earlier rebuild began) it is gone on with: what was
    rebuilt since then is left out, for its generation tells when that was. Nothing is raised for a
    single stream; the report names it.
    """
    done = Rebuild(int(system.now_s() * 1000) if since_ms is None else since_ms)
    wanted = streams_of(system, workspace) if streams is None else list(streams)
    finished = 0

    def one(stream: Stream) -> None:
        nonlocal finished
        try:
            held = system.upkeep.watermark(stream) if since_ms is not None else None
            if held is not None and since_ms is not None and held.generation >= since_ms:
                done.skipped += 1
            else:
                result = rebuild.rebuild_view(system, stream)
                done.rebuilt += 1
                done.events += result.events
                done.annotations += result.annotations
                if result.stopped is not None:
                    done.stopped.append((stream.key, result.stopped))
        except AppError as error:
            done.failed.append((stream.key, error.detail))
        finished += 1
        progress("views", finished, len(wanted))

    progress("views", 0, len(wanted))
    system.side_by_side([partial(one, stream) for stream in wanted], at_once)
    if streams is None:
        look_for_leftovers(system, {stream.key for stream in wanted}, workspace, done)
    return done


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a run of `reconcile` looked at and did. `round_done`: it came to the log's end.

    `mended` counts the views that have reached the log.
    """

    looked_at: int
    behind: int
    mended: int
    unparked: int
    items_deleted: int
    round_done: bool

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "lookedAt": self.looked_at,
            "behind": self.behind,
            "mended": self.mended,
            "unparked": self.unparked,
            "itemsDeleted": self.items_deleted,
            "roundDone": self.round_done,
        }


def reconcile(system: System, pages: int | None = None) -> Reconciled:
    """Mend what lost stream records left behind; retry what is parked; delete what is due.

    Goes on through the log where the last run left off, so many megabytes at a time that all of it
    is seen each day, and compares how far each stream reaches with how far its view is. Where more
    are behind than one run mends, the next goes on after the last of these, mended or not: what
    cannot be read keeps nobody else waiting.
    """
    if pages is None:
        pages = max(MIN_PAGES, system.upkeep.log_size_bytes() // (RUNS_PER_DAY << 20) + 1)
    reach, place = system.upkeep.log_page(system.upkeep.place(SWEEP), pages)
    held = system.upkeep.watermarks(reach)
    behind = [
        stream
        for stream, version in reach.items()
        if stream not in held or held[stream].version < version
    ]
    system.metrics.count("ViewsBehind", len(behind))
    tried = behind[:FAR_BEHIND]
    again, stopped = project.bring_up(system, tried)
    if len(behind) > FAR_BEHIND:
        place = system.upkeep.place_after(tried[-1], reach[tried[-1]])
    system.upkeep.put_place(SWEEP, place)
    graph_project.catch_up(system, reach)
    unparked = project.retry_parked(system)
    system.metrics.count("ParkedStreams", len(system.views.parked()))
    return Reconciled(
        len(reach),
        len(behind),
        len(tried) - len(again) - len(stopped),
        unparked,
        rebuild.sweep(system),
        place is None,
    )


@dataclass(frozen=True, slots=True)
class Recovered:
    """The one report of `recover`."""

    views: Rebuild
    graph: GraphRebuild | None
    verified: Verified

    @property
    def ok(self) -> bool:
        """Tell whether everything is as it should be."""
        return not (self.views.failed or self.views.stopped or self.verified.faults)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "ok": self.ok,
            "views": self.views.to_json(),
            "graph": None if self.graph is None else self.graph.to_json(),
            "verify": summary(self.verified),
        }


def recover(
    system: System,
    *,
    workspace: str | None = None,
    progress: Progress = silent,
) -> Recovered:
    """Rebuild the views, rebuild the graph where there is one, verify all; one report.

    A graph that does not answer keeps nothing from being put right: the report names it.
    """
    views = rebuild_views(system, workspace=workspace, progress=progress)
    graph = None
    if system.graph is not None:
        with suppress(Unavailable):  # the check names it
            streams = streams_of(system, workspace)
            graph = rebuild_whole_graph(system, streams, workspace, progress=progress)
    verified = verify(
        system,
        workspace=workspace,
        heads=heads.check,
        graph=graph_check.faults,
        progress=progress,
    )
    return Recovered(views, graph, verified)


def streams_of(system: System, workspace: str | None) -> list[Stream]:
    """Return every stream of the log, also one whose first commit is gone."""

    def keys(segment: int) -> set[str]:
        return set(system.upkeep.log_keys(segment, SEGMENTS))

    segments: list[Callable[[], set[str]]] = [partial(keys, number) for number in range(SEGMENTS)]
    found: list[Stream] = []
    for key in sorted(set().union(*system.side_by_side(segments, SEGMENTS))):
        try:
            stream = Stream.parse(key)
        except ValueError:
            continue  # `verify` names it
        if workspace in (None, stream.workspace):
            found.append(stream)
    return found


def look_for_leftovers(
    system: System, known: set[str], workspace: str | None, done: Rebuild
) -> None:
    """Find views of no stream, and older generations that no list says to delete."""
    generations: dict[str, set[int]] = {}
    strays: set[str] = set()
    for pk, sk in system.upkeep.view_keys():
        kind, _, rest = sk.partition("#")
        if kind == "annotation" and rest.partition("#")[0].isdecimal():
            generations.setdefault(pk, set()).add(int(rest.partition("#")[0]))
        if kind in ("resource", "vocabulary", "annotation") and pk not in known:
            strays.add(pk)
    for pk in sorted(strays):
        try:
            stream = Stream.parse(pk)
        except ValueError:
            done.strays.append(pk)
            continue
        if workspace in (None, stream.workspace) and system.log.head(stream).empty:
            done.strays.append(pk)
    listed = {(due.stream.key, due.generation) for due in system.upkeep.due("9", 1000)}
    due_at = iso(system.now_s() + rebuild.KEPT_S)
    for pk, held in generations.items():
        if pk not in known:
            continue
        stream = Stream.parse(pk)
        live = system.upkeep.watermark(stream) if len(held) > 1 else None
        for generation in held:
            if live is not None and generation < live.generation and (pk, generation) not in listed:
                system.upkeep.note(Due(due_at, stream, generation))
                done.retired += 1
