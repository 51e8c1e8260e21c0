"""All pumps of one app: run by threads in the local system, on demand in tests.

A pump sleeps until something is written to what it reads, and looks up once a second besides (a
message becomes visible again without anybody writing). Pausing waits for the invocation in flight:
once `pause` has returned, the function is not running and will not run.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from chalice.app import Chalice

from infra.local.clockpump import ClockPump
from infra.local.door import DOOR
from infra.local.functions import (
    QueueSource,
    ScheduleSource,
    Source,
    StreamSource,
    sources,
)
from infra.local.queuepump import QueuePump
from infra.local.streampump import Retry, StreamPump

LOOK_UP_S: Final = 1.0


class Pump(Protocol):
    """Carries events from one source to one function."""

    @property
    def name(self) -> str:
        """The function's name, which is the pump's."""

    @property
    def wakes_on(self) -> str:
        """The table or queue that it reads."""

    @property
    def workers(self) -> int:
        """How many threads may be in `step` at once."""

    @property
    def source(self) -> Source:
        """What it reads and whom it calls."""

    delay_s: float
    failed: int
    set_aside: int

    def step(self) -> bool:
        """Make at most one invocation; False if there was nothing to do."""

    def behind(self) -> int:
        """Return how much waits."""


class Running:
    """One pump with its pause switch, and its threads once started."""

    def __init__(self, pump: Pump) -> None:
        self.pump = pump
        self.invocations = 0
        self._paused = False
        self._in_flight = 0
        self._state = threading.Condition()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def paused(self) -> bool:
        """True while it is paused."""
        return self._paused

    def pause(self, paused: bool) -> None:
        """Pause (and wait for what is in flight), or resume."""
        with self._state:
            self._paused = paused
            if paused:
                self._state.wait_for(lambda: self._in_flight == 0)
        self.wake()

    def step(self) -> bool:
        """Make one step unless paused or full; False if nothing was done."""
        with self._state:
            if self._paused or self._in_flight >= self.pump.workers:
                return False
            self._in_flight += 1
        try:
            worked = self.pump.step()
            self.invocations += worked
            return worked
        finally:
            with self._state:
                self._in_flight -= 1
                self._state.notify_all()

    def start(self) -> None:
        """Start its threads."""
        self._threads = [
            threading.Thread(target=self._run, name=f"pump-{self.pump.name}-{n}", daemon=True)
            for n in range(self.pump.workers)
        ]
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look up now."""
        self._wake.set()

    def stop(self, timeout_s: float) -> None:
        """Let the threads end; those that do not in time are left behind (they are daemons)."""
        self._stop.set()
        self.wake()
        for thread in self._threads:
            thread.join(timeout_s)

    def status(self) -> dict[str, Any]:
        """Return how it stands, as JSON."""
        match self.pump.source:
            case StreamSource(stream_arn=arn):
                reads = arn
            case QueueSource(queue_arn=arn):
                reads = arn
            case ScheduleSource(expression=expression):
                reads = expression
        return {
            "name": self.pump.name,
            "source": reads,
            "paused": self._paused,
            "behind": self.pump.behind(),
            "invocations": self.invocations,
            "failed": self.pump.failed,
            "setAside": self.pump.set_aside,
        }

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            if not self.step():
                self._wake.wait(LOOK_UP_S)
            elif self.pump.delay_s:
                self._stop.wait(self.pump.delay_s)


class Pumps(Mapping[str, Running]):
    """The pumps of an app, by function name. They stand still until `start` or `run_until_idle`."""

    def __init__(
        self, app: Chalice, environ: Mapping[str, str], retry: Retry | None = None
    ) -> None:
        failure_queue = environ["STREAM_FAILURE_QUEUE_URL"]
        made = (_pump(source, retry or Retry(), failure_queue) for source in sources(app))
        self._all = {pump.name: Running(pump) for pump in made}

    def __getitem__(self, name: str) -> Running:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def start(self) -> None:
        """Run every pump in threads of its own."""
        DOOR.listeners.append(self._written)
        for running in self._all.values():
            running.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop the threads."""
        if self._written in DOOR.listeners:
            DOOR.listeners.remove(self._written)
        for running in self._all.values():
            running.stop(timeout_s)

    def run_until_idle(self, most: int = 10_000) -> int:
        """Run the pumps in this thread until none has work left; return the number of steps.

        Paused pumps stay paused, retries do not wait, schedules do not fire (`fire` does that).
        Raises RuntimeError after `most` steps: something feeds itself.
        """
        steps = 0
        driven = [r for r in self._all.values() if not isinstance(r.pump, ClockPump)]
        while any(running.step() for running in driven):
            steps += 1
            if steps >= most:
                raise RuntimeError(f"The pumps still have work after {most} steps.")
        return steps

    def resume(self, name: str) -> None:
        """Resume a pump, and let the schedules fire: they mend what was lost while it stood still.

        Items that somebody deletes from the views are in no record that it has still to deliver.
        """
        self._all[name].pause(False)
        for running in self._all.values():
            if isinstance(running.pump, ClockPump):
                running.pump.hurry()
                running.wake()

    def positions(self) -> dict[tuple[str, str], int]:
        """Return how many records each stream's pump has passed: by (table, pump)."""
        return {
            (pump.source.table, name): pump.position()
            for name, running in self._all.items()
            if isinstance(pump := running.pump, StreamPump)
        }

    def fire(self, name: str) -> None:
        """Fire the schedule of that name, now, in this thread."""
        pump = self._all[name].pump
        if not isinstance(pump, ClockPump):
            raise TypeError(f"{name} has no schedule")
        pump.fire()

    def _written(self, names: frozenset[str]) -> None:
        for running in self._all.values():
            if running.pump.wakes_on in names:
                running.wake()


def _pump(source: Source, retry: Retry, failure_queue: str) -> Pump:
    match source:
        case StreamSource():
            return StreamPump(source, retry, failure_queue)
        case QueueSource():
            return QueuePump(source)
        case ScheduleSource():
            return ClockPump(source)
