"""Recovery in turns, for what runs only minutes at a time: each turn says where the next goes on.

::

    {"workspace": "demo"}                                        what is asked; {} means everything
    {"ok": true, "done": 480, "of": 9100,                        the answer of a turn
     "report": {"views": {"rebuilt": 480, …}},
     "next": {"workspace": "demo", "part": "views", "after": "demo/resource#0192f…"}}

What is asked next is `next`, as it stands, until it is null; the reports add up by `merged`.
Streams come in the order of their keys; one that begins meanwhile is met, or needs no mending. A
turn that was lost is asked again: all of this may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from chalicelib.domain.ids import Stream
from chalicelib.errors import Unavailable
from chalicelib.flows import heads
from chalicelib.flows.graph_check import Around, around, faults_of
from chalicelib.flows.graph_rebuild import GraphRebuild, rebuild_graph
from chalicelib.flows.recover import Rebuild, look_for_leftovers, rebuild_views, streams_of
from chalicelib.flows.verify import Verified, look_around, look_at, summary
from chalicelib.graph.upkeep import GraphUpkeep

if TYPE_CHECKING:
    from chalicelib.system import System

Command = Literal["rebuild_views", "rebuild_graph", "verify", "recover"]
Report = dict[str, Any]

PARTS: Final[Mapping[Command, tuple[str, ...]]] = {
    "rebuild_views": ("views",),
    "rebuild_graph": ("graph",),
    "verify": ("streams", "graph streams", "around"),
    "recover": ("views", "graph", "streams", "graph streams", "around"),
}
AT_A_TIME: Final = 32
"""Streams between two looks at the clock."""
LEFT_S: Final = 120.0
"""A turn begins nothing new with less time than this, or than twice what the longest took."""


def turn(
    system: System,
    command: Command,
    asked: Mapping[str, Any],
    left_s: Callable[[], float],
    at_a_time: int = AT_A_TIME,
) -> Report:
    """Carry out as much of a command as there is time for. `asked` is `{}` or a turn's `next`.

    Raises Unavailable, and ValueError for what no turn returned.
    """
    workspace = asked.get("workspace")
    parts = PARTS[command]
    part, after = asked.get("part", parts[0]), asked.get("after", "")
    if part not in parts:
        raise ValueError(f"{command} has no part {part!r}; it has {', '.join(parts)}")
    streams = streams_of(system, workspace)
    report: Report = {}
    longest_s = 0.0
    for current in parts[parts.index(part) :]:
        held = _around(system, current, workspace)
        every = sorted({*streams, *held.of}, key=lambda stream: stream.key)
        rest = [stream for stream in every if stream.key > after]
        while rest:
            began_s = left_s()
            if report and began_s < max(LEFT_S, 2 * longest_s):
                following = {"workspace": workspace, "part": current, "after": after}
                return _answer(report, following, len(every) - len(rest), len(every))
            now, rest = rest[:at_a_time], rest[at_a_time:]
            report = merged(report, _some(system, current, now, held))
            after, longest_s = now[-1].key, max(longest_s, began_s - left_s())
        report = merged(report, _end(system, current, streams, held, workspace))
        after = ""
    return _answer(report, None, len(streams), len(streams))


def merged(one: Any, other: Any) -> Any:
    """Return two reports as one: numbers add up, lists are joined, `ok` is that of both."""
    if isinstance(one, dict) and isinstance(other, dict):
        both = {name: merged(one[name], other[name]) for name in one if name in other}
        if "ok" in both:
            both["ok"] = one["ok"] and other["ok"]
        return {**one, **other, **both}
    if isinstance(one, list) and isinstance(other, list):
        return one + [each for each in other if each not in one]
    if isinstance(one, bool) and isinstance(other, bool):
        return one or other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one + other
    return other if one is None else one


def _around(system: System, part: str, workspace: str | None) -> Around:
    """Return what the graph shows, for the parts that are about it."""
    if not part.startswith("graph") or system.graph is None:
        return Around()
    try:
        return around(GraphUpkeep(system.graph.submit), workspace)
    except Unavailable:
        return Around()  # each of its streams says so


def _some(system: System, part: str, streams: Sequence[Stream], held: Around) -> Report:
    """Do a part of the work for some streams."""
    found = Verified()
    match part:
        case "views":
            return {"views": rebuild_views(system, streams).to_json()}
        case "graph" if system.graph is not None:
            try:
                # What is of no stream is told once, at the end.
                return {"graph": rebuild_graph(system, streams, Around(held.of)).to_json()}
            except Unavailable as error:
                return {"graph": {"ok": False, "failed": [{"detail": error.detail}]}}
        case "streams":
            look_at(system, streams, found)
        case "graph streams":
            found.faults = faults_of(system, streams, held)
        case _:
            return {}
    return {"verify": summary(found)}


def _end(
    system: System, part: str, streams: Sequence[Stream], held: Around, workspace: str | None
) -> Report:
    """Do what a part does once, after all streams."""
    match part:
        case "views":
            done = Rebuild(int(system.now_s() * 1000))
            look_for_leftovers(system, {stream.key for stream in streams}, workspace, done)
            return {"views": done.to_json()}
        case "graph" if held.strays:
            return {"graph": GraphRebuild(strays=list(held.strays)).to_json()}
        case "graph streams" if held.strays:
            return {"verify": summary(Verified(faults=held.faults()))}
        case "around":
            return {"verify": summary(look_around(system, workspace, heads=heads.check))}
        case _:
            return {}


def _answer(report: Report, following: Report | None, done: int, of: int) -> Report:
    well = all(each.get("ok", True) for each in report.values())
    return {"ok": well, "done": done, "of": of, "report": report, "next": following}
