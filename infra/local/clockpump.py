"""Calls one function on its schedule, as EventBridge does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from infra.local import payloads
from infra.local.functions import ScheduleSource

log = logging.getLogger(__name__)

# After a restart the sweeps find what the last process left undone: they should not take a minute.
FIRST_S: Final = 3.0


class ClockPump:
    """One schedule. `step` fires when the time has come; `fire` at once."""

    workers: Final = 1
    wakes_on: Final = ""  # by nothing but time

    def __init__(self, source: ScheduleSource, clock: Callable[[], float] = time.monotonic) -> None:
        self.source = source
        self.name = source.function.name
        self.delay_s = 0.0
        self.failed = 0
        self.set_aside = 0
        self._clock = clock
        self._due = clock() + min(FIRST_S, source.period_s or FIRST_S)

    def step(self) -> bool:
        """Fire if due; False if not yet."""
        if self.source.period_s is None or self._clock() < self._due:
            return False
        self._due = self._clock() + self.source.period_s
        self.fire()
        return True

    def hurry(self) -> None:
        """Be due now, if it has a period at all."""
        self._due = self._clock()

    def fire(self) -> None:
        """Invoke the function now. An error is logged, as nobody waits for the answer."""
        try:
            self.source.function(payloads.schedule_event(self.name, datetime.now(UTC)))
        except Exception as error:
            self.failed += 1
            log.warning("%s failed", self.name, exc_info=error)

    def behind(self) -> int:
        """Return 0: a tick that was missed is not made up for."""
        return 0
