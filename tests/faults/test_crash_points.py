"""Each operation killed at every point: before each call to a layer, and after each effect.

Not sampled: a dry run counts the points, and each one is tried. Afterwards the client asks again,
or the doorbell rings again; then the log holds the command once (unkeyed: at most once), the views
are its fold, and nothing refers to content that is not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import NewAnnotation, TextPosition, TextualBody
from chalicelib.domain.commands import (
    AddAnnotations,
    ChangeContent,
    CreateResource,
    RemoveAnnotation,
    UpdateBody,
    UpdateResource,
)
from chalicelib.domain.ids import derived_id
from chalicelib.errors import NotFound
from chalicelib.flows import content, project, write
from chalicelib.flows.write import Request
from chalicelib.system import System
from tests.laws.world import WORKSPACE, Plan, World
from tests.schedules import Task, small_limits

ADA = Actor("ada", "Person", "Ada")
TEXT = b"An old page, scraped."
RESOURCE = "01890a5d-ac96-774b-bcce-b302099a8057"
MARKS = tuple(f"01890a5d-ac96-774b-bcce-b30200000{n:03}" for n in range(3))


def keyed(name: str) -> Request:
    return Request(WORKSPACE, ADA, "request-1", f"key of {name}")


def unkeyed() -> Request:
    return Request(WORKSPACE, ADA, "request-1")


def create(system: System, request: Request) -> None:
    stored = content.store(system, WORKSPACE, TEXT, "text/plain", None)
    write.create(system, request, RESOURCE, CreateResource("A page", stored, ("Person",)))


def annotate(system: System, request: Request, ids: tuple[str, ...]) -> None:
    new = NewAnnotation("commenting", (TextPosition(3, 6),), (TextualBody("a comment"),))
    pointers = tuple(f"/items/{n}" for n in range(len(ids)))
    write.change(system, request, RESOURCE, AddAnnotations((new,) * len(ids), ids, pointers))


def change_content(system: System, request: Request) -> None:
    stored = content.store(system, WORKSPACE, b"Written on again.", "text/plain", None)
    write.change(system, request, RESOURCE, ChangeContent(stored))


def change_body(system: System, request: Request) -> None:
    command = UpdateBody(MARKS[0], lambda bodies: (TextualBody("changed"),))
    write.change_annotation(system, request, RESOURCE, command)


def remove(system: System, request: Request) -> None:
    write.change_annotation(system, request, RESOURCE, RemoveAnnotation(MARKS[0]))


def retag(system: System, request: Request) -> None:
    write.change(system, request, RESOURCE, UpdateResource(entity_types=("Place",), archived=True))


@dataclass(frozen=True)
class Operation:
    """What is killed, what comes before it, and how often its commit may be there after a retry."""

    act: Callable[[System], object]
    before: tuple[Callable[[System], object], ...] = ()
    adds: int = 1


def _created(system: System) -> None:
    create(system, keyed("create"))


def _annotated(system: System) -> None:
    annotate(system, keyed("setup"), MARKS)


HUNDRED = tuple(derived_id("hundred", n) for n in range(100))
OPERATIONS = {
    "create": Operation(_created),
    "annotate": Operation(lambda s: annotate(s, keyed("a"), HUNDRED[:1]), (_created,)),
    "annotate with 100": Operation(lambda s: annotate(s, keyed("a"), HUNDRED), (_created,)),
    "change the content": Operation(lambda s: change_content(s, keyed("c")), (_created,)),
    "change the resource": Operation(lambda s: retag(s, keyed("r")), (_created,)),
    "change a body": Operation(lambda s: change_body(s, unkeyed()), (_created, _annotated)),
    "remove": Operation(lambda s: remove(s, unkeyed()), (_created, _annotated)),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("shown", [True, False], ids=["with a view", "without a view"])
def test_a_write_killed_anywhere_is_done_once_when_asked_again(name: str, shown: bool) -> None:
    operation = OPERATIONS[name]
    for point in range(1, _points(operation, shown) + 1):
        world = _prepared(operation, shown)
        before = _commits(world)
        task = _run(world, operation.act, kill_at=point)
        assert task.died
        assert _commits(world) - before in (0, 1)

        _ask_again(world, operation)

        assert _commits(world) - before == operation.adds, f"killed at point {point}"
        _rest(world)


@pytest.mark.parametrize("seed", range(4))
def test_a_materializer_killed_anywhere_leaves_work_that_the_next_run_does(seed: int) -> None:
    points = _run(_behind(seed), _materialize).points
    assert points > 20
    for point in range(1, points + 1):
        world = _behind(seed)
        assert _run(world, _materialize, kill_at=point).died
        _run(world, _materialize, kill_at=point)  # again there, if it still has so far to go

        _run(world, _materialize)

        _rest(world)


def test_a_move_of_a_hundred_annotations_killed_anywhere_is_done_again() -> None:
    def behind() -> World:
        world = _world()
        for act in (_created, lambda s: annotate(s, keyed("a"), HUNDRED)):
            _run(world, act)
        return world

    points = _run(behind(), _materialize).points
    assert points > 200
    for point in range(1, points + 1, 5):
        world = behind()
        assert _run(world, _materialize, kill_at=point).died
        _run(world, _materialize)
        _rest(world)


def test_a_run_beside_one_that_was_killed_anywhere_is_not_misled() -> None:
    """One run is killed at each point while another goes on: the same final views."""
    points = _run(_behind(0), _materialize).points
    for point in range(1, points + 1):
        world = _behind(0)
        dying = world.schedule.start(
            "dying", lambda w=world: _materialize(w.system("materializer"))
        )
        dying.kill_at = point
        other = world.schedule.start(
            "other", lambda w=world: _materialize(w.system("materializer"))
        )
        world.schedule.run()
        assert other.error is None
        _rest(world)


# -- the parts ------------------------------------------------------------------------------------


def _world(seed: int = 0) -> World:
    world = World(Plan(seed))
    world.schedule.each_step = lambda idle: None
    return world


def _run(world: World, act: Callable[[Any], object], kill_at: int | None = None) -> Task:
    """Run one act in a cold process, and kill it at a point."""
    system = world.system("materializer")
    task = world.schedule.start("task", lambda: act(system))
    task.kill_at = kill_at
    world.schedule.run()
    assert task.error is None, repr(task.error)
    return task


def _prepared(operation: Operation, shown: bool) -> World:
    world = _world()
    for act in operation.before:
        _run(world, act)
    if shown and operation.before:
        _run(world, _materialize)
    return world


def _points(operation: Operation, shown: bool) -> int:
    return _run(_prepared(operation, shown), operation.act).points


def _ask_again(world: World, operation: Operation) -> None:
    """Ask as the client does: a removed annotation being gone is an answer, too."""
    system = world.system()
    task = world.schedule.start("again", lambda: operation.act(system))
    world.schedule.run()
    assert task.error is None or isinstance(task.error, NotFound)


def _behind(seed: int) -> World:
    """A view at the first commits, and after it one of each kind: more than one move."""
    world = _world(seed)
    for act in (_created, _annotated, _materialize):
        _run(world, act)
    for act in (
        lambda s: change_body(s, unkeyed()),
        lambda s: remove(s, unkeyed()),
        lambda s: annotate(s, keyed("more"), HUNDRED[:3]),
        lambda s: change_content(s, keyed("content")),
        lambda s: retag(s, keyed("tags")),
    ):
        _run(world, act)
    return world


def _materialize(system: System) -> None:
    with small_limits():
        project.materialize(system, World.stream(None, RESOURCE))  # type: ignore[arg-type]


def _commits(world: World) -> int:
    return len(world.store.commits.get(world.stream(RESOURCE).key, {}))


def _rest(world: World) -> None:
    """Everything holds: chain, views, keys, lists; and the content of each commit is there."""
    world._rest()
    state = world.truth(world.stream(RESOURCE))
    resource = state.at(state.head).resource
    assert resource is not None
    for representation in resource.representations:
        assert world.system().content.get(WORKSPACE, representation.checksum)
