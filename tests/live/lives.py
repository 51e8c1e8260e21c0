"""A small world of watchers: writers, materializers, pushers, sweeps and sockets, on one schedule.

All of them run the product's flows and handlers on twins, interleaved by one seed: calls fail, lose
their answers, or take their process down; records come twice and out of order; sockets break with
frames on their way. Two things are checked: no frame shows an event before its view does, and when
all has come to rest, each watcher has each event once and in order, as the log has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from chalicelib.domain.actor import SYSTEM
from chalicelib.domain.commands import CreateResource, UpdateResource
from chalicelib.domain.ids import Stream
from chalicelib.domain.representation import Representation
from chalicelib.edge import sockets
from chalicelib.errors import AppError, Unavailable
from chalicelib.flows import project, push, write
from chalicelib.live.connections import Behind, Connection, Watcher
from chalicelib.live.posts import Gone
from chalicelib.view_items import View
from tests.laws.world import CONFIG
from tests.schedules import NONE, Faults, Schedule, SimulatedSystem, Violation, small_limits
from tests.twins import Store, TwinLog, TwinViews

WORKSPACE = "demo"
ROUGH = Faults(throttled=0.03, lost=0.03, killed=0.02, stalled=0.02)
PATIENCE_S = 5.0


class TwinConnections:
    """Twin of `chalicelib.live.connections.Connections`: what the flows use of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.open_ones: dict[str, Connection] = {}
        self.watching: dict[str, dict[str, Watcher]] = {}
        self.late: dict[tuple[str, str], Behind] = {}

    def open(self, connection: Connection) -> None:
        self.store.before("connections.open")
        self.open_ones[connection.id] = connection
        self.store.after("connections.open")

    def get(self, connection_id: str) -> Connection | None:
        self.store.before("connections.get")
        return self.open_ones.get(connection_id)

    def close(self, connection_id: str) -> None:
        self.store.before("connections.close")
        self.open_ones.pop(connection_id, None)
        for watchers in self.watching.values():
            watchers.pop(connection_id, None)
        self.store.after("connections.close")

    def watch(self, connection: Connection, topic: str) -> None:
        self.store.before("connections.watch")
        watcher = Watcher(connection.id, connection.endpoint)
        self.watching.setdefault(topic, {})[connection.id] = watcher
        self.store.after("connections.watch")

    def topics(self, connection_id: str) -> frozenset[str]:
        self.store.before("connections.topics")
        return frozenset(t for t, watchers in self.watching.items() if connection_id in watchers)

    def watchers(self, topic: str) -> list[Watcher]:
        self.store.before("connections.watchers")
        return list(self.watching.get(topic, {}).values())

    def behind(self, stream: Stream) -> dict[str, Behind]:
        self.store.before("connections.behind")
        return {
            connection: each for (key, connection), each in self.late.items() if key == stream.key
        }

    def all_behind(self) -> list[Behind]:
        self.store.before("connections.all_behind")
        return list(self.late.values())

    def fall_behind(self, stream: Stream, watcher: Watcher, version: int, known: int) -> None:
        self.store.before("connections.fall_behind")
        key = (stream.key, watcher.connection)
        held = self.late.get(key, Behind(stream, watcher, version, known))
        self.late[key] = replace(
            held, version=min(held.version, version), known=max(held.known, known)
        )
        self.store.after("connections.fall_behind")

    def leave_out(self, behind: Behind, version: int, known: int) -> bool:
        self.store.before("connections.leave_out")
        key = (behind.stream.key, behind.watcher.connection)
        held = self.late.get(key)
        if held is None:
            return False
        self.late[key] = replace(
            held, version=min(held.version, version), known=max(held.known, known)
        )
        self.store.after("connections.leave_out")
        return True

    def caught_up(self, behind: Behind) -> bool:
        self.store.before("connections.caught_up")
        key = (behind.stream.key, behind.watcher.connection)
        if key in self.late and self.late[key] != behind:
            return False
        self.late.pop(key, None)
        self.store.after("connections.caught_up")
        return True

    def forget_behind(self, behind: Behind) -> None:
        self.store.before("connections.forget_behind")
        self.late.pop((behind.stream.key, behind.watcher.connection), None)


class Announced(dict[str, View]):
    """The view items, with the stream of their changes."""

    def __init__(self, records: list[push.Move]) -> None:
        super().__init__()
        self._records = records

    def __setitem__(self, key: str, view: View) -> None:
        old = self.get(key)
        stream = Stream.parse(key)
        if stream.resource_id is not None:
            before = None if old is None else old.head.version
            self._records.append(push.Move(stream, before, view.head.version))
        super().__setitem__(key, view)


class Wire:
    """The other ends of the sockets."""

    def __init__(self, world: Lives) -> None:
        self._world = world

    def post(self, endpoint: str, connection_id: str, frame: bytes) -> None:
        self._world.store.before("post")
        session = self._world.sessions.get(connection_id)
        if session is None:
            raise Gone(connection_id)
        body = json.loads(frame)
        self._world.check_shown(body)
        if self._world.random.random() < self._world.plan.overtaking and session:
            session.insert(0, body)
        else:
            session.append(body)
        self._world.store.after("post")

    def close(self, endpoint: str, connection_id: str) -> None:
        self._world.sessions.pop(connection_id, None)


class Watching:
    """A client that applies v + 1 only, holds later ones, and asks again when it waits too long."""

    def __init__(self, world: Lives, name: str, follows: bool = True) -> None:
        self.world = world
        self.name = name
        self.follows = follows
        self.applied: list[str] = []
        self.held: dict[int, str] = {}
        self.connection = ""
        self.live = False
        self.asked_s = 0.0
        self.times = 0

    @property
    def seen(self) -> int:
        return len(self.applied)

    def connect(self) -> None:
        self.times += 1
        self.connection = f"{self.name}.{self.times}"
        self.world.sessions[self.connection] = []
        self.held.clear()
        while True:
            try:
                self.world.system().connections.open(
                    Connection(self.connection, "http://there", WORKSPACE, SYSTEM, 2**40)
                )
                break
            except Unavailable:
                continue
        self.subscribe()

    def subscribe(self) -> None:
        self.live, self.asked_s = False, self.world.schedule.now_s
        topic = {"resource": self.world.resource, "from": self.seen}
        connection = self.connection
        self.world.handle(lambda system: self.world.doubles.subscribe(system, connection, topic))

    def leave(self) -> None:
        self.world.sessions.pop(self.connection, None)
        connection = self.connection
        if self.world.random.random() < 0.5:
            self.world.handle(
                lambda system: sockets.disconnect(
                    system, {"requestContext": {"connectionId": connection}}
                )
            )

    def hear(self) -> None:
        """Take what has come, and ask again if something is missing for too long."""
        inbox = self.world.sessions.get(self.connection, [])
        while inbox:
            self._take(inbox.pop(0))
        waited = self.world.schedule.now_s - self.asked_s > PATIENCE_S
        if waited and (self.held or not self.live):
            self.subscribe()

    def _take(self, frame: Any) -> None:
        match frame["type"]:
            case "event" | "events":
                for event in frame.get("events") or [frame["event"]]:
                    self.held[event["version"]] = event["id"]
                if not self.follows:
                    self.applied += [event["id"] for event in [frame.get("event")] if event]
            case "live":
                self.live = True
                if int(frame["cursor"].rpartition(":")[2]) > self.seen + len(self.held):
                    self.live = False
        while self.follows and self.seen + 1 in self.held:
            self.applied.append(self.held.pop(self.seen + 1))
        self.held = {version: each for version, each in self.held.items() if version > self.seen}


@dataclass(frozen=True, slots=True)
class Plan:
    """One schedule; everything else follows from `seed`."""

    seed: int
    changes: int = 8
    watchers: int = 2
    sessions: int = 3
    overtaking: float = 0.1
    sweeping: float = 0.02
    faults: Faults = ROUGH


def subscribed(system: Any, connection: str, topic: Any) -> None:
    """Subscribe as a message over the socket does."""
    message = json.dumps({"action": "subscribe", "id": "1", "topics": [topic]})
    context = {"connectionId": connection, "apiId": "x", "stage": "y", "requestId": "r"}
    sockets.message(system, {"requestContext": context, "body": message})


@dataclass(frozen=True, slots=True)
class Doubles:
    """What may be broken."""

    connections: Callable[[Store], Any] = TwinConnections
    subscribe: Callable[[Any, str, Any], None] = subscribed
    from_the_log: bool = False
    follows: bool = True


class Lives:
    """Runs one plan. `run` raises Violation; otherwise the law held."""

    def __init__(self, plan: Plan, doubles: Doubles | None = None, *, trace: bool = False) -> None:
        self.plan, self.doubles = plan, doubles or Doubles()
        self.random = Random(plan.seed)
        self.schedule = Schedule(self.random, trace=trace)
        self.schedule.each_step = self._step
        self.store = Store(self.schedule)
        self.records: list[push.Move] = []
        self.old_records: list[push.Move] = []
        self.doorbells: list[Stream] = []
        self.store.views = Announced(self.records)
        self.store.appended.append(self._appended)
        self.sessions: dict[str, list[Any]] = {}
        self.connections = self.doubles.connections(self.store)
        self.wire = Wire(self)
        self.resource = self.system().mint()
        self.stream = Stream.of_resource(WORKSPACE, self.resource)
        self.clients = [Watching(self, f"w{n}", self.doubles.follows) for n in range(plan.watchers)]
        self.running = 0

    def system(self) -> Any:
        """Return a cold instance of the product on this world's twins."""
        return SimulatedSystem(
            self.schedule,
            CONFIG,
            log=TwinLog(self.store),
            views=TwinViews(self.store),
            connections=self.connections,
            posts=self.wire,
        )

    def handle(self, work: Callable[[Any], object]) -> None:
        """Run a handler as a process of its own."""
        self.schedule.start("handler", lambda: work(self.system()), self.plan.faults)

    def check_shown(self, frame: Any) -> None:
        view = self.store.views.get(self.stream.key)
        shown = 0 if view is None else view.head.version
        for event in frame.get("events") or [frame.get("event")]:
            if event is not None and event["version"] > shown:
                raise Violation(f"law 5: {event['id']} is pushed while the view is at {shown}")

    def run(self) -> Lives:
        """Run it to its end and check where it came to rest."""
        with small_limits():
            request = write.Request(WORKSPACE, SYSTEM, "r")
            content = Representation("0" * 64, "text/plain", 0)
            write.create(self.system(), request, self.resource, CreateResource("0", content))
            self.schedule.start("writer", self._write)
            for client in self.clients:
                self.schedule.start(client.name, lambda c=client: self._watch(c))
            self.schedule.run()
            self._rest()
        return self

    # -- the parts ----------------------------------------------------------------------------

    def _write(self) -> None:
        system = self.system()
        for number in range(self.plan.changes):
            self.schedule.sleep(self.random.choice((0.0, 0.01, 0.2, 3.0)))
            command = UpdateResource((("name", f"n{number}"),), None, None)
            write.change(system, write.Request(WORKSPACE, SYSTEM, "r"), self.resource, command)

    def _watch(self, client: Watching) -> None:
        for session in range(self.plan.sessions):
            client.connect()
            for _ in range(self.random.randrange(1, 12)):
                self.schedule.sleep(self.random.choice((0.001, 0.01, 0.1, 2.0)))
                client.hear()
            if session < self.plan.sessions - 1:
                client.leave()
                self.schedule.sleep(self.random.choice((0.0, 0.05, 1.0)))

    def _appended(self, stream: Stream) -> None:
        self.doorbells.append(stream)
        if self.doubles.from_the_log:
            head = self.store.head_of(stream)
            self.records.append(push.Move(stream, head - 1, head))

    def _step(self, idle: bool) -> None:
        """Between two steps: start whoever has something to do."""
        dice = self.random.random()
        if self.running >= 4:
            return
        if self.doorbells and (idle or dice < 0.1):
            self._start("materializer", self._materialize(self.doorbells.pop(0)))
        elif self.records and (idle or dice < 0.2):
            self._start("pusher", self._push())
        elif self.connections.late and dice < 0.2 + self.plan.sweeping:
            self._start("sweep", lambda system: push.sweep(system, sockets.show(system)))

    def _start(self, name: str, work: Callable[[Any], object]) -> None:
        self.running += 1

        def end() -> None:
            self.running -= 1

        faults = NONE if self.schedule.steps > 10_000 else self.plan.faults
        self.schedule.start(name, lambda: work(self.system()), faults, end)

    def _materialize(self, stream: Stream) -> Callable[[Any], object]:
        def work(system: Any) -> None:
            done = False
            try:
                done = not project.materialize_batch(system, [stream])
            finally:
                if not done:
                    self.doorbells.append(stream)

        return work

    def _push(self) -> Callable[[Any], object]:
        size = self.random.choice((1, 1, 2, 3))
        batch = [self.records.pop(0) for _ in range(min(size, len(self.records)))]
        if self.old_records and self.random.random() < 0.2:
            batch.append(self.random.choice(self.old_records))
        self.random.shuffle(batch)
        self.old_records += batch

        def work(system: Any) -> None:
            done = False
            try:
                done = not push.push(system, batch, sockets.show(system))
            finally:
                if not done:
                    self.records[:0] = batch

        return work

    def _rest(self) -> None:
        """Deliver everything, with nothing going wrong any more, and check."""
        self.schedule.calm = True
        for _ in range(4):
            while self.doorbells:
                project.materialize(self.system(), self.doorbells.pop())
            while self.records:
                system = self.system()
                push.push(system, [self.records.pop(0)], sockets.show(system))
            system = self.system()
            push.sweep(system, sockets.show(system))
            for client in self.clients:
                client.hear()
        self._ask_again()
        wanted = [f"{self.resource}:{v + 1}" for v in range(self.store.head_of(self.stream))]
        for client in self.clients:
            if client.applied != wanted:
                raise Violation(
                    f"law 5: {client.name} has {[i[-2:] for i in client.applied]} of {len(wanted)}"
                )

    def _ask_again(self) -> None:
        """Let those who know that something is missing ask again; nobody else may need to."""
        self.schedule.now_s += 2 * PATIENCE_S
        for client in self.clients:
            client.hear()
        self.schedule.run()
        for client in self.clients:
            client.hear()


def holds(plan: Plan, doubles: Doubles | None = None) -> None:
    """Run a plan; a Violation says its seed."""
    try:
        Lives(plan, doubles).run()
    except Violation as violation:
        raise Violation(f"{violation} ({plan})") from None


def broken(doubles: Doubles, most: int = 400, **plan: Any) -> str:
    """Return the first violation of a broken double; raises AssertionError if none is found."""
    for seed in range(most):
        try:
            Lives(Plan(seed, **plan), doubles).run()
        except (Violation, AppError) as violation:
            return str(violation)
    raise AssertionError(f"{most} schedules hold for {doubles}")
