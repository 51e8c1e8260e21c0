"""Push without a gateway: the twin of the posts says what got through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.config import Config
from chalicelib.domain.actor import SYSTEM
from chalicelib.domain.commands import CreateResource, UpdateResource
from chalicelib.domain.ids import Stream
from chalicelib.domain.representation import Representation
from chalicelib.edge import pushes, sockets
from chalicelib.errors import Unavailable
from chalicelib.flows import project, push, write
from chalicelib.live.connections import Behind, Connection, Watcher, everything
from chalicelib.live.posts import Gone
from chalicelib.system import System


class Wire:
    """The other ends of all websockets: what they got, who is gone, who does not read."""

    def __init__(self) -> None:
        self.got: dict[str, list[Any]] = {}
        self.gone: set[str] = set()
        self.stuck: set[str] = set()
        self.posts = 0

    def post(self, endpoint: str, connection_id: str, frame: bytes) -> None:
        self.posts += 1
        if connection_id in self.gone:
            raise Gone(connection_id)
        if connection_id in self.stuck:
            raise Unavailable("it does not read")
        self.got.setdefault(connection_id, []).append(json.loads(frame))

    def close(self, endpoint: str, connection_id: str) -> None:
        self.gone.add(connection_id)

    def versions(self, connection_id: str) -> list[int]:
        return [
            event["version"]
            for frame in self.got.get(connection_id, [])
            for event in frame.get("events") or [frame.get("event")]
            if event is not None
        ]


class Scene:
    """A resource, its watchers, and the views' stream by hand."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.wire = Wire()
        self.now_s = 1_800_000_000.0
        self.system = System(
            Config.from_env(environment),
            clock=lambda: self.now_s,
            posts=self.wire,  # type: ignore[arg-type]
        )
        self.id = self.system.mint()
        self.stream = Stream.of_resource("demo", self.id)
        content = Representation("0" * 64, "text/plain", 0)
        self._write(CreateResource("A", content))

    def _write(self, command: Any) -> None:
        request = write.Request("demo", SYSTEM, "test", None)
        if isinstance(command, CreateResource):
            write.create(self.system, request, self.id, command)
        else:
            write.change(self.system, request, self.id, command)

    def rename(self, *names: str) -> None:
        for name in names:
            self._write(UpdateResource((("name", name),), None, None))

    def move(self) -> push.Move:
        """Materialize; return how the watermark moved."""
        view = self.system.views.get(self.stream)
        old = None if view is None else view.head.version
        return push.Move(self.stream, old, project.materialize(self.system, self.stream).version)

    def push(self, *moves: push.Move) -> None:
        assert push.push(self.system, moves, sockets.show(self.system)) == {}

    def watch(self, connection_id: str, *topics: str) -> Watcher:
        expires = int(self.now_s) + 3600
        connection = Connection(connection_id, "http://there", "demo", SYSTEM, expires)
        self.system.connections.open(connection)
        for topic in topics or (self.stream.key,):
            self.system.connections.watch(connection, topic)
        return Watcher(connection_id, "http://there")

    def sweep(self) -> int:
        return push.sweep(self.system, sockets.show(self.system))


@pytest.fixture
def scene(environment: dict[str, str]) -> Iterator[Scene]:
    return Scene(environment)


def test_one_post_for_each_watcher_and_move(scene):
    for n in range(10):
        scene.watch(f"c{n}")
    scene.push(scene.move())
    assert scene.wire.posts == 10
    scene.rename("B", "C", "D")
    scene.push(scene.move())
    assert scene.wire.posts == 20
    assert all(scene.wire.versions(f"c{n}") == [1, 2, 3, 4] for n in range(10))


def test_moves_of_one_batch_are_one_post(scene):
    scene.watch("c")
    moves = []
    for name in "BCD":
        scene.rename(name)
        moves.append(scene.move())
    scene.push(*reversed(moves))
    assert (scene.wire.posts, scene.wire.versions("c")) == (1, [1, 2, 3, 4])


def test_without_watchers_the_log_is_not_read(scene):
    class NoLog:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError("nobody is there to read it for")

    move = scene.move()
    scene.system._made["log"] = NoLog()
    scene.push(move)


def test_who_is_gone_is_forgotten_at_the_first_post(scene):
    scene.watch("gone", scene.stream.key, everything("demo"))
    scene.watch("here")
    scene.wire.gone.add("gone")
    scene.push(scene.move())
    scene.rename("B")
    posts = scene.wire.posts
    scene.push(scene.move())
    assert scene.wire.posts == posts + 1
    assert scene.wire.versions("here") == [1, 2]
    assert scene.system.connections.get("gone") is None
    assert scene.system.connections.watchers(everything("demo")) == []


def test_a_failed_post_blocks_nothing_and_the_sweep_goes_on_from_there(scene):
    scene.watch("slow")
    scene.watch("quick")
    scene.push(scene.move())
    scene.wire.stuck.add("slow")
    scene.rename("B", "C")
    scene.push(scene.move())
    scene.rename("D")
    posts = scene.wire.posts
    scene.push(scene.move())
    assert scene.wire.posts == posts + 1, "who is behind gets no more posts"
    assert scene.sweep() == 0
    scene.wire.stuck.clear()

    assert scene.sweep() == 1

    assert scene.wire.versions("quick") == scene.wire.versions("slow") == [1, 2, 3, 4]
    assert scene.system.connections.all_behind() == []
    scene.rename("E")
    scene.push(scene.move())
    assert scene.wire.versions("slow")[-1] == 5


def test_who_watches_everything_is_brought_up_resource_by_resource(scene):
    scene.watch("slow", everything("demo"))
    scene.wire.stuck.add("slow")
    scene.push(scene.move())
    scene.wire.stuck.clear()
    assert scene.sweep() == 1
    assert scene.wire.versions("slow") == [1]


def heard_of_a_move_during_the_sweep(scene: Scene) -> list[int]:
    """Let a move be left out for a watcher just as the sweep brings him up."""
    scene.watch("slow")
    scene.push(scene.move())
    scene.wire.stuck.add("slow")
    scene.rename("B")
    scene.push(scene.move())
    scene.wire.stuck.clear()
    post, once = scene.wire.post, [True]

    def while_sweeping(endpoint: str, connection_id: str, frame: bytes) -> None:
        post(endpoint, connection_id, frame)
        if once:
            once.clear()
            scene.rename("C")
            scene.push(scene.move())

    scene.wire.post = while_sweeping  # type: ignore[method-assign]
    scene.sweep()
    assert scene.system.connections.all_behind() == []
    return sorted(set(scene.wire.versions("slow")))


def test_a_move_that_is_left_out_during_the_sweep_is_not_lost(scene):
    assert heard_of_a_move_during_the_sweep(scene) == [1, 2, 3]


def test_it_would_be_lost_if_the_sweep_struck_him_off_without_a_condition(scene):
    connections = scene.system.connections

    def unconditionally(behind: Behind) -> bool:
        connections.forget_behind(behind)
        return True

    connections.caught_up = unconditionally  # type: ignore[method-assign]
    assert heard_of_a_move_during_the_sweep(scene) == [1, 2]


def test_an_older_move_that_comes_late_is_brought_up_too(scene):
    scene.watch("slow")
    scene.push(scene.move())
    scene.rename("B")
    early = scene.move()
    scene.rename("C")
    late = scene.move()
    scene.wire.stuck.add("slow")
    scene.push(late)
    scene.push(early)
    scene.wire.stuck.clear()
    scene.sweep()
    assert scene.wire.versions("slow") == [1, 2, 3]


def test_too_much_for_a_push_ends_with_a_gap(scene, monkeypatch):
    monkeypatch.setattr(push, "MAX_EVENTS", 3)
    watcher = scene.watch("c")
    scene.rename("B", "C", "D", "E")
    scene.move()
    push.replay(scene.system, scene.stream, watcher, 0, sockets.show(scene.system))
    assert scene.wire.versions("c") == [1, 2, 3]
    assert scene.wire.got["c"][-2:] == [
        {"type": "gap", "resource": scene.id, "from": 4, "to": 5},
        {"type": "live", "cursor": f"{scene.id}:5"},
    ]


def test_a_view_that_was_made_anew_is_not_announced_again_but_says_how_far_it_goes(scene):
    scene.watch("c")
    scene.push(scene.move())
    scene.rename("B")
    scene.now_s += 2 * 24 * 3600
    scene.push(push.Move(scene.stream, None, 2))
    assert scene.wire.versions("c") == [1]
    assert scene.wire.got["c"][-1] == {"type": "live", "cursor": f"{scene.id}:2"}


def test_a_new_generation_announces_what_it_shows_beyond_the_old_one_and_nothing_else(scene):
    """A rebuild may move the watermark as it flips: those events have no other announcement."""
    scene.watch("c")
    scene.push(scene.move())
    scene.rename("B")
    scene.push(push.Move(scene.stream, 1, 2))
    scene.push(push.Move(scene.stream, 2, 2))
    assert scene.wire.versions("c") == [1, 2]


def record(scene: Scene, sk: str, old: int | None, new: int | None, sequence: str) -> Any:
    body: dict[str, Any] = {
        "Keys": {"pk": {"S": scene.stream.key}, "sk": {"S": sk}},
        "SequenceNumber": sequence,
    }
    if old is not None:
        body["OldImage"] = {"version": {"N": str(old)}}
    if new is not None:
        body["NewImage"] = {"version": {"N": str(new)}}
    return {"eventSource": "aws:dynamodb", "dynamodb": body}


def test_only_records_of_watermarks_count(scene):
    scene.watch("c")
    scene.move()
    batch = {
        "Records": [
            record(scene, "annotation#0#x", None, 1, "1"),
            record(scene, "resource", None, 1, "2"),
            record(scene, "key#x", None, 1, "3"),
            record(scene, "resource", 1, None, "4"),
        ]
    }
    assert pushes.of_views(scene.system, batch) == {"batchItemFailures": []}
    assert (scene.wire.posts, scene.wire.versions("c")) == (1, [1])


@pytest.mark.parametrize("stray", ["key", "version", "version before"])
def test_an_item_that_nobody_of_ours_wrote_is_told_and_left_out(scene, stray, caplog):
    scene.watch("c")
    scene.move()
    strange = record(scene, "resource", 0, 1, "1")
    if stray == "key":
        strange["dynamodb"]["Keys"]["pk"]["S"] = "nonsense"
    else:
        image = "NewImage" if stray == "version" else "OldImage"
        strange["dynamodb"][image]["version"] = {"S": "one"}
    batch = {"Records": [strange, record(scene, "resource", None, 1, "2")]}

    assert pushes.of_views(scene.system, batch) == {"batchItemFailures": []}

    assert scene.wire.versions("c") == [1]
    assert strange["dynamodb"]["Keys"]["pk"]["S"] in caplog.text


def test_when_the_table_does_not_answer_the_record_is_tried_again(scene):
    class Down:
        def watchers(self, topic: str) -> Any:
            raise Unavailable("down")

    move = scene.move()
    scene.system._made["connections"] = Down()
    batch = {"Records": [record(scene, "resource", move.old, move.new, "7")]}
    assert pushes.of_views(scene.system, batch) == {"batchItemFailures": [{"itemIdentifier": "7"}]}
