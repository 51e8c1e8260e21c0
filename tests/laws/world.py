"""A small world: clients that write, readers, and a stream of doorbells to materializers.

All of them run the product's flows on the twins, interleaved by one seed, with the faults of a
`Plan`. Invariants are checked while it runs and when it has come to rest; the first that does not
hold ends the run with a `Violation`. Broken doubles take the places of layers (`Doubles`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from chalicelib.config import Config
from chalicelib.domain import indexes
from chalicelib.domain.chain import verify
from chalicelib.domain.ids import Stream
from chalicelib.flows import listing, project
from chalicelib.flows.watermarks import Watermarks
from chalicelib.view_items import View
from tests.laws.truth import Truth
from tests.schedules import NONE, Faults, Schedule, SimulatedSystem, Task, Violation, small_limits
from tests.twins import Store, TwinContent, TwinLog, TwinViews

WORKSPACE = "demo"
CONFIG = Config.from_env(
    {
        name.upper(): "simulated"
        for name in Config.__dataclass_fields__
        if Config.__dataclass_fields__[name].metadata["default"] is ...
    }
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One schedule. Everything else follows from `seed`."""

    seed: int
    clients: int = 3
    commands: int = 4
    readers: int = 2
    reads: int = 4
    resources: int = 1
    keyed: float = 0.5
    focus: Literal["all", "marks", "tags", "keys"] = "all"
    pump: Literal["eager", "slow", "stopped"] = "eager"
    overlapping: int = 2
    wipes: int = 0
    days: int = 0
    faults: Faults = NONE


Layers = Callable[[Store], tuple[Any, Any]]
"""Makes a process's log and views on the store."""


def layers(log: Any = TwinLog, views: Any = TwinViews) -> Layers:
    """Return what makes these two, each by itself."""
    return lambda store: (log(store), views(store))


@dataclass(frozen=True, slots=True)
class Doubles:
    """What each kind of process works on. A broken double is a subclass of a twin."""

    client: Layers = layers()  # noqa: RUF009
    reader: Layers = layers()  # noqa: RUF009
    materializer: Layers = layers()  # noqa: RUF009
    watermarks: Callable[[], Watermarks] | None = None


class World:
    """Runs one plan. `run` raises Violation; otherwise every law held."""

    def __init__(self, plan: Plan, doubles: Doubles | None = None, *, trace: bool = False) -> None:
        self.plan = plan
        self.doubles = doubles or Doubles()
        self.random = Random(plan.seed)
        self.schedule = Schedule(self.random, trace=trace)
        self.schedule.each_step = self._step
        self.store = Store(self.schedule)
        self.schedule.ticked = self.store.expire
        self.store.appended.append(lambda stream: self.doorbells.append(stream))
        self.resources: list[str] = []
        self.creating = plan.resources
        self.annotations: dict[str, list[str]] = {}
        self.acked: dict[str, str] = {}
        self.doorbells: list[Stream] = []
        self.rung: list[Stream] = []
        self.consumers: list[tuple[Task, list[Stream]]] = []
        self.disasters = ["wipe"] * plan.wipes + ["day"] * plan.days
        self.random.shuffle(self.disasters)
        self.closing, self.day = False, 0
        self.active = 0
        self._truths: dict[str, Truth] = {}
        self._shown: dict[str, View] = {}
        self._systems = [self.system() for _ in range(2)]
        self._materializers = [self.system("materializer") for _ in range(plan.overlapping)]

    # -- the parts -----------------------------------------------------------------------------

    def system(self, role: Literal["client", "reader", "materializer"] = "client") -> Any:
        """Return a cold instance of the product on this world's twins."""
        log, views = getattr(self.doubles, role)(self.store)
        content = TwinContent(self.store)
        made = self.doubles.watermarks
        return SimulatedSystem(
            self.schedule,
            CONFIG,
            log=log,
            views=views,
            content=content,
            watermarks=made and made(),
        )

    def client_system(self) -> Any:
        """Return one of the warm instances, or now and then a cold one in its place."""
        place = self.random.randrange(len(self._systems))
        if self.random.random() < 0.2:
            self._systems[place] = self.system()
        return self._systems[place]

    def stream(self, resource_id: str) -> Stream:
        return Stream.of_resource(WORKSPACE, resource_id)

    def truth(self, stream: Stream) -> Truth:
        """Return what the log says of a stream."""
        if stream.key not in self._truths:
            self._truths[stream.key] = Truth(self.store, stream)
        return self._truths[stream.key]

    def request(
        self, name: str, work: Callable[[], object], faults: Faults, day: int | None = None
    ) -> Task | None:
        """Run one request as a process of its own and wait for its end; None if `day` is over."""
        while self.closing:
            self.schedule.sleep(0.05)
        if day is not None and day != self.day:
            return None
        self.active += 1
        try:
            task = self.schedule.start(name, work, faults)
            self.schedule.join(task)
        finally:
            self.active -= 1
        return task

    # -- the run -------------------------------------------------------------------------------

    def run(self) -> World:
        """Run the plan to its end and check what is left."""
        from tests.laws.clients import client
        from tests.laws.readers import reader

        with small_limits():
            for number in range(self.plan.clients):
                self.schedule.start(f"client {number}", lambda n=number: client(self, n))
            for number in range(self.plan.readers):
                self.schedule.start(f"reader {number}", lambda n=number: reader(self, n))
            self.schedule.run()
            self._rest()
        return self

    def _step(self, idle: bool) -> None:
        """Between any two steps: check what is shown, deliver doorbells, let disaster happen."""
        self._check_shown()
        self.consumers = [each for each in self.consumers if not each[0].ended]
        pump, random = self.plan.pump, self.random
        chance = {"eager": 0.3, "slow": 0.02, "stopped": 0.0}[pump]
        if idle:
            while self.doorbells:
                self._deliver()
                if len(self.consumers) >= self.plan.overlapping:
                    break
        elif (
            self.doorbells
            and len(self.consumers) < self.plan.overlapping
            and random.random() < chance
        ):
            self._deliver()
        if self.closing and self.active == 0:
            self.closing = False
            self._strike(self.disasters.pop())
        elif self.disasters and random.random() < 0.01:
            self.closing = True

    def _deliver(self) -> None:
        """Start a materializer on a batch: a record may come again, late, and in any order."""
        size = self.random.choice((1, 1, 2, 5))
        batch, self.doorbells = self.doorbells[:size], self.doorbells[size:]
        if self.rung and self.random.random() < 0.2:
            batch.append(self.random.choice(self.rung))
        self.random.shuffle(batch)
        self.rung += [stream for stream in batch if stream not in self.rung]
        system = self._materializers[self.random.randrange(self.plan.overlapping)]
        failed: list[Stream] = list(batch)

        def work() -> None:
            again = project.materialize_batch(system, batch)
            failed[:] = list(again)

        def end() -> None:
            self.doorbells += failed

        faults = NONE if self.schedule.steps > 20_000 else self.plan.faults
        task = self.schedule.start("materializer", work, faults, end)
        self.consumers.append((task, batch))

    def _strike(self, disaster: str) -> None:
        """Wipe the views, or let a day pass; no process lives through either.

        Lambda ends each after 15 minutes; and no run is a transaction: what an operator deletes
        between two steps of one, it can no longer find.
        """
        for task, _ in self.consumers:
            self.schedule.kill(task)
        if disaster == "wipe":
            self.store.wipe_views()
            self._shown.clear()
            self.doorbells += self.rung
        else:
            self.day += 1
            self.schedule.now_s += 25 * 3600
            self.store.expire(self.schedule.now_s)

    def _rest(self) -> None:
        """Everything has been delivered; one more doorbell for each stream must change nothing."""
        system = self.system("materializer")
        for key in list(self.store.commits):
            project.materialize(system, Stream.parse(key))
        self._check_shown()
        for key in self.store.commits:
            self._check_chain(Stream.parse(key))
            self._check_view(Stream.parse(key))
        self._check_keys()
        self._check_lists()

    # -- invariants ----------------------------------------------------------------------------

    def _check_shown(self) -> None:
        """A watermark never goes back, and shows at each version what the log says of it."""
        for key, view in self.store.views.items():
            before = self._shown.get(key)
            if before is view:
                continue
            if before is not None and view.head.version < before.head.version:
                raise Violation(f"law 3: the watermark of {key} went back to {view.head.version}")
            stream = Stream.parse(key)
            if view.state != self.truth(stream).at(view.head.version).resource:
                raise Violation(f"law 3: the view of {key} at {view.head.version} is not its fold")
            self._shown[key] = view

    def _check_chain(self, stream: Stream) -> None:
        faults = list(verify(self.store.log_of(stream)))
        if faults:
            raise Violation(f"law 1: {stream.name}: {faults[0]}")

    def _check_view(self, stream: Stream) -> None:
        truth, key = self.truth(stream), stream.key
        view = self.store.views.get(key)
        if view is None or view.head != truth.commits[-1].head:
            raise Violation(f"law 3: the view of {key} is not at the log's head")
        told = truth.at(truth.head)
        held = {i: m for i, (m, _) in self.store.marks.get((key, view.generation), {}).items()}
        live = {i: mark for i, mark in held.items() if not mark.removed}
        if live != told.live():
            raise Violation(
                f"law 3: the annotations of {key} are not the log's: {diff(live, told.live())}"
            )
        for mark_id, mark in held.items():
            if mark != told.marks[mark_id]:
                raise Violation(f"law 3: the tombstone {mark_id} is not the log's")

    def _check_keys(self) -> None:
        keys: dict[str, int] = {}
        for key in self.store.commits:
            for commit in self.truth(Stream.parse(key)).commits:
                if commit.key is not None:
                    keys[commit.key] = keys.get(commit.key, 0) + 1
        for key, times in keys.items():
            if times > 1:
                raise Violation(f"law 6: the request {key} was done {times} times")
        for key in self.acked:
            if key not in keys:
                raise Violation(f"law 6: the request {key} was answered and is not in the log")

    def _check_lists(self) -> None:
        system = self.system("reader")
        states = [
            resource
            for key in self.store.commits
            if (truth := self.truth(Stream.parse(key)))
            and (resource := truth.at(truth.head).resource) is not None
        ]
        filters = [listing.Filter()]
        filters += [listing.Filter(entity_types=(kind,)) for kind in ("Person", "Place", "Date")]
        filters += [listing.Filter(words=(word,)) for word in ("old", "new", "na")]
        filters += [listing.Filter(archived=value) for value in (True, False)]
        for wanted in filters:
            expected = sorted(
                (s for s in states if wanted.accepts(s)),
                key=lambda s: (s.created, s.id),
                reverse=True,
            )
            found, cursor = [], None
            while True:
                page = listing.resources(system, WORKSPACE, wanted, limit=2, cursor=cursor)
                found += page.items
                cursor = page.next
                if cursor is None:
                    break
            if found != expected:
                raise Violation(f"law 3: the list {wanted} is not the log's")
        for state in states:
            self._check_entries(indexes.places(state), f"{state.created}#{state.id}")
            truth = self.truth(self.stream(state.id))
            for mark_id, mark in truth.at(truth.head).live().items():
                own = f"{mark.created}#{mark_id}#{state.id}"
                self._check_entries(indexes.referred(mark), own)

    def _check_entries(self, places: Iterable[indexes.Place], entry: str) -> None:
        for place in places:
            if entry not in self.store.entries.get((WORKSPACE, *place), {}):
                raise Violation(f"law 3: {entry} is missing in the index {place}")


def diff(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Say which entries differ."""
    missing = sorted(set(wanted) - set(found))
    extra = sorted(set(found) - set(wanted))
    other = sorted(k for k in set(found) & set(wanted) if found[k] != wanted[k])
    return f"missing {missing}, extra {extra}, different {other}"
