"""What the flows count and time. `edge.metrics` gives it an outlet; without one it is silent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal, Protocol

Unit = Literal["Count", "Milliseconds"]


class Outlet(Protocol):
    """Where measurements go."""

    def __call__(self, name: str, value: float, unit: Unit) -> None:
        """Take one measurement. Must not raise."""


class Metrics:
    """Counts and durations by name; `docs/operations.md` says what each of them means."""

    def __init__(self, outlet: Outlet | None = None) -> None:
        self.outlet = outlet

    def count(self, name: str, value: float = 1) -> None:
        """Add to a count."""
        if self.outlet is not None:
            self.outlet(name, value, "Count")

    def milliseconds(self, name: str, value: float) -> None:
        """Record a duration."""
        if self.outlet is not None:
            self.outlet(name, value, "Milliseconds")

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Record how long the block takes, whether it succeeds or not."""
        start = perf_counter()
        try:
            yield
        finally:
            self.milliseconds(name, (perf_counter() - start) * 1000)
