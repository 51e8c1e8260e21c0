"""What keeps a dead graph from slowing every call, and a living one from being asked twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final

OPEN_S: Final = 5.0
"""So long nobody asks a graph that did not answer; then one caller tries."""
KEPT_S: Final = 60.0
MAX_KEPT: Final = 1_000
"""Answers of the graph are kept a minute, a thousand of them per process."""


class Breaker:
    """Opens when the graph does not answer. `now_s` is a clock that never goes back."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._until = 0.0
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Tell whether to ask. While it is open, one caller in `OPEN_S` may."""
        with self._lock:
            if self._until == 0.0:
                return True
            if self._now_s() < self._until:
                return False
            self._until = self._now_s() + OPEN_S
            return True

    def failed(self) -> None:
        """Note that the graph did not answer."""
        with self._lock:
            self._until = self._now_s() + OPEN_S

    def succeeded(self) -> None:
        """Note that it did."""
        with self._lock:
            self._until = 0.0


class Answers:
    """Answers of the graph by question; one is kept for a minute, or until `written` changes.

    `written` is how often this process has written to the workspace: who writes and then asks the
    same process is not shown an answer from before.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._held: OrderedDict[Hashable, tuple[float, int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, question: Hashable, written: int) -> tuple[Any, float] | None:
        """Return an answer that is kept, and its age in seconds."""
        with self._lock:
            held = self._held.get(question)
            if held is None:
                return None
            at, then, answer = held
            age_s = self._now_s() - at
            if age_s > KEPT_S or then != written:
                del self._held[question]
                return None
            self._held.move_to_end(question)
            return answer, age_s

    def forget(self) -> None:
        """Forget every answer: after the graph was changed by somebody else."""
        with self._lock:
            self._held.clear()

    def put(self, question: Hashable, written: int, answer: Any) -> None:
        """Keep an answer. `written` is what it was before the graph was asked."""
        with self._lock:
            self._held[question] = (self._now_s(), written, answer)
            self._held.move_to_end(question)
            while len(self._held) > MAX_KEPT:
                self._held.popitem(last=False)
