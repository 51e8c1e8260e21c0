"""The world of `tests.laws`, with operators in it who rebuild views while all others go on.

A rebuild is a process like any other: it stalls, loses answers and dies. A sweep comes by, time
passes between, and in the end somebody spoils items of the views behind the system's back, which a
rebuild must make good. The readers check all the while that no read shows less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.ids import Stream
from chalicelib.flows import rebuild
from chalicelib.upkeep.tables import Due, Watermark
from tests.laws.world import CONFIG, Doubles, Plan, World
from tests.schedules import NONE, SimulatedSystem, Task, Violation
from tests.twins import Store, TwinContent


class TwinUpkeep:
    """Twin of the part of `upkeep.tables.TableUpkeep` that rebuilding stands on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.list: dict[str, Due] = store.__dict__.setdefault("due", {})

    def watermark(self, stream: Stream) -> Watermark | None:
        self.store.before("upkeep.watermark")
        held = self.store.views.get(stream.key)
        if held is None:
            return None
        return Watermark(held.head.version, held.generation, held.head.hash)

    def discard_watermark(self, stream: Stream) -> None:
        self.store.before("upkeep.discard_watermark")

    def note(self, due: Due) -> None:
        self.store.before("upkeep.note")
        self.list[f"{due.at}#{due.generation}#{due.stream.key}"] = due
        self.store.after("upkeep.note")

    def settle(self, due: Due) -> None:
        self.store.before("upkeep.settle")
        self.list.pop(f"{due.at}#{due.generation}#{due.stream.key}", None)
        self.store.after("upkeep.settle")

    def due(self, now: str, limit: int) -> list[Due]:
        self.store.before("upkeep.due")
        return [due for key, due in sorted(self.list.items()) if key < now][:limit]

    def drop_generation(self, stream: Stream, generation: int) -> int:
        """Delete one by one, as the batches do."""
        dropped = 0
        for mark_id in list(self.store.marks.get((stream.key, generation), {})):
            self.store.before("upkeep.drop_generation")
            self.store.marks[stream.key, generation].pop(mark_id, None)
            dropped += 1
        return dropped


Rebuild = Callable[[Any, Stream], object]


@dataclass(frozen=True, slots=True)
class Operators:
    """What operators do in a plan. `rebuild` is the product's, or a broken double of it."""

    rebuilds: int = 3
    sweeps: int = 3
    spoils: int = 0
    rebuild: Rebuild = rebuild.rebuild_view


class RebuildingWorld(World):
    """Runs one plan with operators. `run` raises Violation; otherwise every law held."""

    def __init__(
        self,
        plan: Plan,
        operators: Operators,
        doubles: Doubles | None = None,
        *,
        trace: bool = False,
    ) -> None:
        self.operators = operators
        self.running: list[Task] = []
        super().__init__(plan, doubles, trace=trace)
        left = ["rebuild"] * operators.rebuilds
        left += ["sweep", "quarter"] * operators.sweeps
        self.random.shuffle(left)
        self.operations = left

    def system(self, role: Any = "client") -> Any:
        log, views = getattr(self.doubles, role)(self.store)
        return SimulatedSystem(
            self.schedule,
            CONFIG,
            log=log,
            views=views,
            content=TwinContent(self.store),
            upkeep=TwinUpkeep(self.store),
        )

    def _step(self, idle: bool) -> None:
        if self.operations and self.store.commits and (idle or self.random.random() < 0.02):
            self._operate(self.operations.pop())
        super()._step(idle)

    def _operate(self, what: str) -> None:
        stream = Stream.parse(self.random.choice(sorted(self.store.commits)))
        match what:
            case "rebuild":
                self._start("rebuild", lambda s: self.operators.rebuild(s, stream))
            case "sweep":
                self._start("sweep", rebuild.sweep)
            case "quarter":
                # No request and no run of the materializer lasts a quarter of an hour.
                if self.active or self.closing or self.consumers:
                    self.operations.insert(0, what)
                else:
                    self.schedule.now_s += 900
                    self.store.expire(self.schedule.now_s)

    def _start(self, name: str, work: Callable[[Any], object]) -> None:
        system = self.system("materializer")
        faults = NONE if self.schedule.steps > 20_000 else self.plan.faults
        self.running.append(self.schedule.start(name, lambda: work(system), faults))

    def _strike(self, disaster: str) -> None:
        """No operator's process lives through a disaster either, for the same reasons."""
        for task in self.running:
            self.schedule.kill(task)
        if disaster == "wipe":
            self.store.__dict__.get("due", {}).clear()
        super()._strike(disaster)

    def _spoil(self, stream: Stream) -> None:
        """Change or delete an item of the live generation, at its right version, unseen."""
        view = self.store.views[stream.key]
        held = self.store.marks.get((stream.key, view.generation), {})
        for mark_id in self.random.sample(sorted(held), min(len(held), self.operators.spoils)):
            if self.random.random() < 0.5:
                del held[mark_id]
            else:
                mark, end = held[mark_id]
                held[mark_id] = (replace(mark, created="1970-01-01T00:00:00.000Z"), end)
        state = replace(view.state, annotation_count=-1)  # type: ignore[type-var]
        self.store.views[stream.key] = replace(view, state=state)

    def _rest(self) -> None:
        """When all is done, a rebuild of everything and the last sweeps change nothing for the worse.

        What is left of annotations is the live generation's.
        """
        super()._rest()
        if self.operators.spoils:
            for key in self.store.commits:
                self._spoil(Stream.parse(key))
        self._rebuild_all()
        super()._rest()
        system = self.system("materializer")
        for _ in range(2):  # what a rebuild that broke off has left is put off once
            self.schedule.now_s += 2 * 24 * 3600
            self.store.expire(self.schedule.now_s)
            rebuild.sweep(system, limit=10_000)
        if system.upkeep.list and not self.plan.wipes:
            raise Violation(f"law 4: these are never deleted: {list(system.upkeep.list)}")
        super()._rest()
        if self.plan.wipes:  # a wipe forgets the list, too
            return
        for (key, generation), held in self.store.marks.items():
            if held and generation != self.store.views[key].generation:
                raise Violation(f"law 4: generation {generation} of {key} was left behind")

    def _rebuild_all(self) -> None:
        for key in list(self.store.commits):
            rebuild.rebuild_view(self.system("materializer"), Stream.parse(key))
