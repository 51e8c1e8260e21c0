"""How the mutations of many streams are cut into requests: full ones, in order, pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import Mutation
from chalicelib.graph import Part
from chalicelib.graph.traversals import MAX_RECORDS, MAX_STEPS, cost


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
    """A request that is being filled: parts of one stream after another are one part."""

    def __init__(self) -> None:
        self.parts: tuple[Part, ...] = ()

    def takes(self, part: Part) -> bool:
        """Add a part if there is room; an empty request has room for any."""
        parts = _joined(self.parts, part)
        records, steps = cost(parts)
        if self.parts and (records > MAX_RECORDS or steps > MAX_STEPS):
            return False
        self.parts = parts
        return True


def _joined(parts: Sequence[Part], part: Part) -> tuple[Part, ...]:
    for index, other in enumerate(parts):
        if other.stream == part.stream:
            joined = replace(
                other,
                mutations=(*other.mutations, *part.mutations),
                upto=part.upto if part.upto is not None else other.upto,
            )
            return (*parts[:index], joined, *parts[index + 1 :])
    return (*parts, part)
