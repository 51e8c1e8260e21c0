"""A deterministic scheduler: real flows as tasks, one step at a time, with faults between steps.

A task stands for a process (a Lambda invocation, a client's request) and may have several strands
(its threads). One strand runs at a time; at each call to a layer it stops, and the seed decides
who goes on, whether the call fails, loses its answer, or takes its whole task down. The same seed
gives the same run, so a failure replays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, TypeVar

import greenlet

from chalicelib.domain.ids import minted_id
from chalicelib.errors import Unavailable
from chalicelib.flows import project, read
from chalicelib.system import System

T = TypeVar("T")

START_S = 1_763_900_000.0
"""Where simulated clocks begin: an afternoon in November 2025."""


class Killed(BaseException):
    """The process has ended. Nothing may catch it."""


class Violation(AssertionError):
    """A law does not hold. Says which, and how."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often, per call, something goes wrong."""

    throttled: float = 0.0
    lost: float = 0.0
    killed: float = 0.0
    stalled: float = 0.0


NONE = Faults()


@dataclass(eq=False)
class Task:
    """A process. `died` once it was killed; `error` is what its work raised.

    `points` counts where it could have been killed so far: before each call, and after each effect.
    It is killed at the point `kill_at`.
    """

    name: str
    faults: Faults
    on_end: Callable[[], None] = lambda: None
    joined: list[Any] = field(default_factory=list)
    died: bool = False
    ended: bool = False
    error: Exception | None = None
    points: int = 0
    kill_at: int | None = None


@dataclass(eq=False)
class _Strand:
    task: Task
    switch: Any = field(default=None)
    waits_for: int = 0


class Schedule:
    """Runs tasks to their end. `trace` holds (task, call) for each step if asked for."""

    def __init__(self, random: Random, *, trace: bool = False) -> None:
        self.random = random
        self.now_s = START_S
        self.trace: list[tuple[str, str]] | None = [] if trace else None
        self.steps = 0
        self.calm = False
        self.ticked: Callable[[float], None] = lambda now_s: None
        self.each_step: Callable[[bool], None] = lambda idle: None
        self._hub: Any = None
        self._ready: list[_Strand] = []
        self._asleep: list[tuple[float, int, _Strand]] = []
        self._current: _Strand | None = None

    # -- tasks ---------------------------------------------------------------------------------

    def start(
        self,
        name: str,
        work: Callable[[], object],
        faults: Faults = NONE,
        on_end: Callable[[], None] = lambda: None,
    ) -> Task:
        """Begin a task; it makes its first step when the seed says so."""
        task = Task(name, faults, on_end)

        def run() -> None:
            try:
                work()
            except Violation:
                raise
            except Exception as error:
                task.error = error
            finally:
                task.ended = True
                task.on_end()
                self._ready += task.joined

        self._begin(task, run)
        return task

    def run(self, most: int = 200_000) -> None:
        """Make steps until every task has ended. A Violation ends it at once."""
        self._hub = greenlet.getcurrent()
        while True:
            self.each_step(not self._ready and not self._asleep)
            self._wake()
            if not self._ready:
                break
            self.steps += 1
            if self.steps > most:
                raise Violation(f"no end after {most} steps")
            strand = self._ready[int(self.random.random() * len(self._ready))]
            self._current = strand
            strand.switch.switch()
            self._current = None
            if strand.switch.dead:
                self._ready.remove(strand)

    def join(self, task: Task) -> None:
        """Wait until a task has ended."""
        strand = self._current
        assert strand is not None
        if not task.ended:
            task.joined.append(strand)
            self._ready.remove(strand)
            self._hub.switch()

    def kill(self, task: Task) -> None:
        """End a process where it stands."""
        task.died = True

    def pause(self) -> None:
        """Let others run."""
        strand = self._current
        if strand is None:
            return
        self._hub.switch()
        if strand.task.died:
            raise Killed

    # -- around each call (`twins.Interruptions`) -----------------------------------------------

    def before(self, call: str) -> None:
        """Stop before a call's effect; perhaps there will be none."""
        strand = self._current
        if strand is None:
            return
        self.pause()
        self._tick()
        self._note(strand.task, call)
        task, faults = strand.task, strand.task.faults
        self._point(task)
        if self.calm or faults == NONE:
            return
        dice = self.random.random()
        if dice < faults.throttled:
            self._note(task, "  throttled")
            raise Unavailable(f"{call}: throttled", dependency="simulation")
        dice -= faults.throttled
        if dice < faults.killed:
            self._note(task, "  killed")
            task.died = True
            raise Killed
        dice -= faults.killed
        if dice < faults.stalled:
            self._note(task, "  stalled")
            self.sleep(
                self.random.choice((self.random.uniform(0.05, 1), self.random.uniform(5, 40)))
            )

    def after(self, call: str) -> None:
        """Stop after a write's effect; perhaps its answer is lost."""
        strand = self._current
        if strand is None:
            return
        self.pause()
        task = strand.task
        self._point(task)
        if self.calm or task.faults == NONE:
            return
        dice = self.random.random()
        if dice < task.faults.lost:
            self._note(task, "  answer lost")
            raise Unavailable(f"{call}: no answer", dependency="simulation")
        if dice < task.faults.lost + task.faults.killed:
            self._note(task, "  killed after")
            task.died = True
            raise Killed

    # -- what a System takes from its machine ---------------------------------------------------

    def side_by_side(self, calls: Sequence[Callable[[], T]], at_once: int) -> list[T]:
        """Make the calls in strands of the current task, as a pool of threads would."""
        parent = self._current
        if parent is None or len(calls) <= 1:
            return [call() for call in calls]
        results: dict[int, T] = {}
        errors: dict[int, Exception] = {}
        waiting = deque(enumerate(calls))

        def worker() -> None:
            try:
                while waiting and not errors:
                    index, call = waiting.popleft()
                    try:
                        results[index] = call()
                    except Violation:
                        raise
                    except Exception as error:
                        errors[index] = error
            finally:
                parent.waits_for -= 1
                if parent.waits_for == 0:
                    self._ready.append(parent)

        parent.waits_for = min(at_once, len(calls))
        for _ in range(parent.waits_for):
            self._begin(parent.task, worker)
        self._ready.remove(parent)
        self._hub.switch()
        if parent.task.died:
            raise Killed
        if errors:
            raise errors[min(errors)]
        return [results[index] for index in range(len(calls))]

    def sleep(self, seconds: float) -> None:
        """Wait in simulated time: others run meanwhile."""
        strand = self._current
        if strand is None:
            return
        self._ready.remove(strand)
        heappush(self._asleep, (self.now_s + seconds, self.steps, strand))
        self._hub.switch()
        if strand.task.died:
            raise Killed

    # ---------------------------------------------------------------------------------------------

    def _begin(self, task: Task, work: Callable[[], None]) -> None:
        def run() -> None:
            with suppress(Killed):
                work()

        strand = _Strand(task)
        strand.switch = greenlet.greenlet(run)
        if self._hub is not None:
            strand.switch.parent = self._hub
        self._ready.append(strand)

    def _wake(self) -> None:
        """Wake the strands whose time has come; when all sleep, time flies to the first."""
        if self._asleep and not self._ready:
            self.now_s = max(self.now_s, self._asleep[0][0])
            self.ticked(self.now_s)
        while self._asleep and self._asleep[0][0] <= self.now_s:
            self._ready.append(heappop(self._asleep)[2])

    def _point(self, task: Task) -> None:
        task.points += 1
        if task.points == task.kill_at:
            task.died = True
            raise Killed

    def _tick(self) -> None:
        self.now_s += 0.001 + self.random.random() * 0.004
        self.ticked(self.now_s)

    def _note(self, task: Task, what: str) -> None:
        if self.trace is not None:
            self.trace.append((task.name, what))


class SimulatedSystem(System):
    """A System on a schedule: its time, threads and random bits are the schedule's."""

    def __init__(self, schedule: Schedule, config: Any, **layers: Any) -> None:
        super().__init__(config, clock=lambda: schedule.now_s, **layers)
        self._schedule = schedule

    def monotonic_s(self) -> float:
        return self._schedule.now_s

    def sleep(self, seconds: float) -> None:
        self._schedule.sleep(seconds)

    def side_by_side(self, calls: Sequence[Callable[[], T]], at_once: int) -> list[T]:
        return self._schedule.side_by_side(calls, at_once)

    def mint(self) -> str:
        return minted_id(int(self.now_s() * 1000), self._schedule.random.getrandbits(74))


_OWN: Final = project.MAX_EVENTS, read.LONG_TAIL
_small: list[object] = []


@contextmanager
def small_limits(*, events_per_move: int = 4, long_tail: int = 6) -> Iterator[None]:
    """Make moves and tails short, so that short histories reach what long ones do.

    Two tasks may be in it at a time, and leave it in any order: the last one puts the limits back.
    """
    inside = object()
    _small.append(inside)
    project.MAX_EVENTS, read.LONG_TAIL = events_per_move, long_tail  # type: ignore[misc]
    try:
        yield
    finally:
        _small.remove(inside)
        if not _small:
            project.MAX_EVENTS, read.LONG_TAIL = _OWN  # type: ignore[misc]
