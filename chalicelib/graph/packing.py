"""How the mutations of many streams are cut into requests: full ones, in order, pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import Mutation, Vertex
from chalicelib.graph import Part
from chalicelib.graph.traversals import MAX_RECORDS, MAX_STEPS, cost, named, whole


@dataclass(frozen=True, slots=True)
class Work:
    """What one commit means to the graph; `last` is its last version, `at` its time."""

    stream: Stream
    last: int
    mutations: tuple[Mutation, ...]
    at: str = ""


def packed(work: Iterable[Work], checkpoints: dict[Stream, int]) -> Iterator[tuple[Part, ...]]:
    """Yield requests in the order of `work`: each within `MAX_RECORDS` records and `MAX_STEPS`.

    The work of one stream must be in the order of its versions; `checkpoints` says where each
    stream stands. A commit too large for one request is cut between its events; an event never is.
    """
    request = _Request()
    standing = dict(checkpoints)
    for each in work:
        pieces: list[tuple[Mutation, ...]] = [(mutation,) for mutation in each.mutations] or [()]
        for number, piece in enumerate(pieces, 1):
            upto = each.last if number == len(pieces) else None
            part = Part(each.stream, standing[each.stream], piece, upto)
            if not request.takes(part):
                yield request.parts
                request = _Request()
                request.takes(part)
        standing[each.stream] = each.last
    if request.parts:
        yield request.parts


class _Request:
    """A request that is being filled: what comes for one stream is one part of it."""

    def __init__(self) -> None:
        self._parts: dict[Stream, Part] = {}
        self._named: set[Vertex] = set()
        self._inner = (0, 0)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return what it holds."""
        return tuple(self._parts.values())

    def takes(self, part: Part) -> bool:
        """Add a part if there is room; an empty request has room for any."""
        held = self._parts.get(part.stream)
        parts = self._parts | {part.stream: part if held is None else _joined(held, part)}
        names = self._named.union(named([part]))
        more = [cost(mutation) for mutation in part.mutations]
        inner = (
            self._inner[0] + sum(records for records, _ in more),
            self._inner[1] + sum(steps for _, steps in more),
        )
        records, steps = whole(parts.values(), len(names), inner)
        if self._parts and (records > MAX_RECORDS or steps > MAX_STEPS):
            return False
        self._parts, self._named, self._inner = parts, names, inner
        return True


def _joined(one: Part, other: Part) -> Part:
    upto = one.upto if other.upto is None else other.upto
    return replace(one, mutations=(*one.mutations, *other.mutations), upto=upto)
