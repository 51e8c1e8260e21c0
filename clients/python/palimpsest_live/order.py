"""The order of one resource's events, whatever order they arrive in. No I/O, no clock.

Versions of a resource have no holes: so what is next is known, what was seen is known, and what is
missing is known too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]


class Order:
    """Takes events as they arrive, gives them once and in order. `seen` is the last one given."""

    def __init__(self, seen: int | None) -> None:
        self.seen = seen
        self._held: dict[int, Event] = {}
        self._shown = 0

    def take(self, events: Iterable[Event]) -> list[Event]:
        """Return the events that are next by now; later ones are held, earlier ones dropped."""
        for event in events:
            self._held[int(event["version"])] = event
        ready: list[Event] = []
        while self.seen is not None and (following := self._held.pop(self.seen + 1, None)):
            self.seen += 1
            ready.append(following)
        if self.seen is not None:
            self._held = {v: event for v, event in self._held.items() if v > (self.seen or 0)}
        return ready

    def start(self, version: int) -> None:
        """Say where it begins, if that was left to the server."""
        if self.seen is None:
            self.seen = version

    def shown(self, version: int) -> None:
        """Note that the server shows everything up to `version`."""
        self._shown = max(self._shown, version)

    @property
    def incomplete(self) -> bool:
        """Tell whether something is missing before what is known to be there."""
        return self.seen is not None and (bool(self._held) or self._shown > self.seen)
