"""What is wrong with what is stored: how a fault is told, and how far off something may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

AT_ONCE: Final = 8
"""Streams, contents or segments looked at side by side."""
SEGMENTS: Final = 4
GRACE_S: Final = 60
"""A view, or the graph, may be so far behind the log; then it is a fault."""
TRIES: Final = 3
"""Looks at a stream that moved meanwhile, before its faults are believed."""

Progress = Callable[[str, int, int], None]
"""Is told what is done, how much of it, and of how much."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: of which kind, where, at which version (None: none), and what.

    Kinds: `chain`, `content`, `view`, `index`, `heads`, `graph`, `stray` (belongs to nothing).
    """

    kind: str
    where: str
    version: int | None
    detail: str

    def __str__(self) -> str:
        place = self.where if self.version is None else f"{self.where} at {self.version}"
        return f"{self.kind}: {place}: {self.detail}"
