"""A bounded number of places for event streams that wait, in all Lambdas together.

Each that waits occupies a Lambda; without a bound, a few open pages could take them all. A place is
one item, taken by a conditional put, and expires by itself when its holder is killed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from chalicelib.errors import Unavailable

if TYPE_CHECKING:
    from chalicelib.live.connections import Connections

LIVES_S: Final = 60.0
"""A Lambda of ours ends after that long, whatever it waits for."""
TRIES: Final = 5
RETRY_AFTER_S: Final = 5


class Places:
    """At most `count` are taken at once."""

    def __init__(self, connections: Connections, count: int) -> None:
        self._connections = connections
        self._count = count

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a place. Raises Unavailable if there is none."""
        place = self._take()
        try:
            yield
        finally:
            self._connections.leave_place(place)

    def _take(self) -> int:
        for _ in range(TRIES):
            free = sorted(set(range(self._count)) - self._connections.taken_places())
            if not free:
                break
            place = random.choice(free)
            if self._connections.take_place(place, LIVES_S):
                return place
        raise Unavailable(
            "Too many event streams wait already",
            dependency="stream",
            retry_after=RETRY_AFTER_S,
        )
