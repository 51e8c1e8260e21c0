"""Clients of the world: each sends commands one after another, and checks every answer.

A keyed request is sent again after a lost answer or a crash, until it is answered; one without a
key is given up. An answer must be what the log holds, a refusal must have been right at some moment
between question and answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import (
    Body,
    NewAnnotation,
    SpecificResource,
    TextPosition,
    TextualBody,
)
from chalicelib.domain.commands import (
    AddAnnotations,
    ChangeContent,
    CreateResource,
    RemoveAnnotation,
    ResourceCommand,
    UpdateBody,
    UpdateResource,
)
from chalicelib.domain.ids import derived_id
from chalicelib.errors import AppError, Conflict, NotFound, StaleVersion, Unavailable
from chalicelib.flows import content, write
from chalicelib.flows.write import Request, Written
from tests.laws.truth import State
from tests.laws.world import WORKSPACE, World
from tests.schedules import NONE, Violation

TEXTS = ("An old page, scraped.", "An old page, scraped and written on again.")
NAMES = ("old name", "new name", "another name")
KINDS = ("Person", "Place", "Date")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: how to send it to a system, and whether a state refuses it."""

    resource_id: str
    request: Request
    send: Callable[[Any], Written]
    refused: Callable[[State, AppError], bool]
    expected: tuple[str | None, int] | None = None
    """The annotation (None: the resource) and the version that If-Match names."""


def client(world: World, number: int) -> None:
    """Create a resource or wait for one, then send the plan's number of commands."""
    if number < world.plan.resources:
        ask = _create(world, number)
        if _perform(world, f"client {number}", ask) is not None:
            world.resources.append(ask.resource_id)
        world.creating -= 1
    while not world.resources:
        if not world.creating:
            return
        world.schedule.sleep(0.05)
    for _ in range(world.plan.commands):
        _perform(world, f"client {number}", _any_command(world, number))


def _perform(world: World, name: str, ask: Ask) -> Written | None:
    stream, key, day = world.stream(ask.resource_id), ask.request.key, world.day
    answered: Written | None = None
    for tries in range(40):
        before, answers = world.truth(stream).head, []
        system = world.client_system()
        faults = world.plan.faults if tries < 20 else NONE
        send = lambda s=system, a=answers: a.append(ask.send(s))  # noqa: E731
        task = world.request(name, send, faults, None if key is None or not tries else day)
        if task is None:  # a key is good for a day, and that one is over
            return answered
        if answers:
            answered = _checked(world, ask, answers[0], before)
            if key is None or world.random.random() < 0.7:
                return answered
            continue  # it did not hear the answer, and asks again
        lost = task.died or isinstance(task.error, Unavailable)
        if lost and key is not None and world.day == day:
            continue
        if lost:
            return answered
        if not isinstance(task.error, AppError):
            raise Violation(f"{name}: a flow raised {task.error!r}") from task.error
        if key is not None and world.day == day and _done(world, ask):
            raise Violation(f"law 6: {key} was done, and its repeat is refused: {task.error!r}")
        states = world.truth(stream).states(before, world.truth(stream).head)
        if not any(ask.refused(state, task.error) for state in states):
            raise Violation(f"{name}: refused without reason: {task.error!r}") from task.error
        return None
    if answered is None:
        raise Violation(f"law 6: {key} was never answered")
    return answered


def _checked(world: World, ask: Ask, written: Written, before: int) -> Written:
    """An answer says what the log says (law 10), and stays true (law 1)."""
    truth, commit = world.truth(written.stream), written.commit
    if commit is None:
        version = written.known.head.version
        if version < before or truth.at(version).resource != written.known.resource:
            raise Violation(f"law 2: an answer shows version {version}, {before} was there before")
        return written
    held = world.store.commits[written.stream.key].get(commit.first)
    if held is None or held.id != commit.id:
        raise Violation(f"law 1: the answered commit {commit.id} is not at {commit.first}")
    shown = written.known.resource
    if shown != truth.at(written.known.head.version).resource:
        raise Violation("law 10: the answer's resource is not the log's")
    for mark_id, mark in written.marks.items():
        if mark != truth.at(mark.version).marks.get(mark_id):
            raise Violation(f"law 10: the answer's annotation {mark_id} is not the log's")
    if commit.actor != ask.request.actor:
        raise Violation("law 10: the commit is somebody else's")
    if ask.request.key is not None:
        if commit.key != ask.request.key:
            raise Violation("law 6: the answer is another request's")
        if world.acked.setdefault(commit.key, commit.id) != commit.id:
            raise Violation(f"law 6: two answers to {commit.key} differ")
    if ask.expected is not None and not written.repeated:
        named, version = ask.expected
        state = truth.at(commit.first - 1)
        actual = state.resource.version if named is None else state.marks[named].version  # type: ignore[union-attr]
        if actual != version:
            raise Violation(f"law 1: If-Match {version} was taken for {actual}")
    return written


def _done(world: World, ask: Ask) -> bool:
    commits = world.truth(world.stream(ask.resource_id)).commits
    return any(commit.key == ask.request.key for commit in commits)


# -- commands ---------------------------------------------------------------------------------------


def _request(world: World, number: int, keyed: bool) -> Request:
    actor = Actor(f"user-{number}", "Person", f"User {number}")
    key = f"key-{world.random.getrandbits(64):016x}" if keyed else None
    return Request(WORKSPACE, actor, f"request-{world.random.getrandbits(32):08x}", key)


def _keyed(world: World) -> bool:
    return world.random.random() < world.plan.keyed


def _new_id(world: World, request: Request, index: int) -> str:
    """Return an id: derived for keyed requests; else one that falls anywhere among the others."""
    if request.key is not None:
        return derived_id(request.key, index)
    bits = world.random.getrandbits
    return f"{bits(32):08x}-{bits(16):04x}-7{bits(12):03x}-8{bits(12):03x}-{bits(48):012x}"


def _create(world: World, number: int) -> Ask:
    request = _request(world, number, keyed=True)
    resource_id = _new_id(world, request, 0)
    kinds = tuple(kind for kind in KINDS if world.random.random() < 0.4)

    def send(system: Any) -> Written:
        stored = content.store(system, WORKSPACE, TEXTS[0].encode(), "text/plain", None)
        command = CreateResource(NAMES[0], stored, kinds)
        return write.create(system, request, resource_id, command)

    return Ask(resource_id, request, send, lambda state, error: False)


def _any_command(world: World, number: int) -> Ask:
    random = world.random
    resource_id = random.choice(world.resources)
    marks = world.annotations.setdefault(resource_id, [])
    if world.plan.focus == "tags":
        return _retag(world, number, resource_id)
    dice = {"all": 1.0, "marks": 0.72, "keys": 0.0}[world.plan.focus] * random.random()
    if dice < 0.35 or not marks:
        return _annotate(world, number, resource_id)
    if dice < 0.55:
        return _update_body(world, number, resource_id, random.choice(marks))
    if dice < 0.72:
        return _remove(world, number, resource_id, random.choice(marks))
    return _change(world, number, resource_id)


def _annotate(world: World, number: int, resource_id: str) -> Ask:
    random = world.random
    request = _request(world, number, _keyed(world))
    size = random.choice((1, 1, 2, 3))
    ids = tuple(_new_id(world, request, index) for index in range(size))
    selectors = (TextPosition(3, 6),) if random.random() < 0.2 else ()
    new = tuple(
        NewAnnotation(
            random.choice(("commenting", "tagging")), selectors, _bodies(world, f"by {number}")
        )
        for _ in range(size)
    )
    command = AddAnnotations(new, ids, tuple(f"/items/{index}" for index in range(size)))
    world.annotations[resource_id] += ids
    return _ask_change(world, request, resource_id, command, _archived)


def _bodies(world: World, value: str) -> tuple[Body, ...]:
    """Return a comment, and now and then a reference to a resource."""
    if world.random.random() < 0.6:
        return (TextualBody(value),)
    source = f"resource:{world.random.choice(world.resources)}"
    return (TextualBody(value), SpecificResource(source, "linking"))


def _change(world: World, number: int, resource_id: str) -> Ask:
    random = world.random
    dice = random.random()
    request = _request(world, number, _keyed(world))
    if dice < 0.35:
        return _retag(world, number, resource_id)
    if dice < 0.55:
        command: ResourceCommand = UpdateResource((("name", random.choice(NAMES)),))
        expected = _expected(world, resource_id, None)
        return _ask_change(world, request, resource_id, command, _archived, expected)
    if dice < 0.75:
        command = UpdateResource(archived=random.random() < 0.4)
        return _ask_change(world, request, resource_id, command, lambda state, error: False)
    text = random.choice(TEXTS)

    def send(system: Any) -> Written:
        stored = content.store(system, WORKSPACE, text.encode(), "text/plain", None)
        return write.change(system, request, resource_id, ChangeContent(stored))

    return Ask(resource_id, request, send, _archived)


def _retag(world: World, number: int, resource_id: str) -> Ask:
    kinds = tuple(kind for kind in KINDS if world.random.random() < 0.5)
    request = _request(world, number, _keyed(world))
    return _ask_change(world, request, resource_id, UpdateResource(entity_types=kinds), _archived)


def _ask_change(
    world: World,
    request: Request,
    resource_id: str,
    command: ResourceCommand,
    refused: Callable[[State, AppError], bool],
    expected: int | None = None,
) -> Ask:
    def stale(state: State, error: AppError) -> bool:
        if isinstance(error, StaleVersion):
            return state.resource is not None and state.resource.version != expected
        return refused(state, error)

    return Ask(
        resource_id,
        request,
        lambda system: write.change(system, request, resource_id, command, expected),
        stale,
        None if expected is None else (None, expected),
    )


def _update_body(world: World, number: int, resource_id: str, mark_id: str) -> Ask:
    request = _request(world, number, keyed=False)
    changed = _bodies(world, f"changed {world.random.getrandbits(16)}")

    def revise(bodies: tuple[Body, ...]) -> tuple[Body, ...]:
        return changed

    return _ask_mark(world, request, resource_id, UpdateBody(mark_id, revise))


def _remove(world: World, number: int, resource_id: str, mark_id: str) -> Ask:
    request = _request(world, number, keyed=False)
    return _ask_mark(world, request, resource_id, RemoveAnnotation(mark_id))


def _ask_mark(
    world: World, request: Request, resource_id: str, command: UpdateBody | RemoveAnnotation
) -> Ask:
    mark_id = command.annotation_id
    expected = _expected(world, resource_id, mark_id)

    def refused(state: State, error: AppError) -> bool:
        mark = state.live().get(mark_id)
        if isinstance(error, NotFound):
            return mark is None
        if isinstance(error, StaleVersion):
            return mark is not None and mark.version != expected
        return _archived(state, error)

    return Ask(
        resource_id,
        request,
        lambda system: write.change_annotation(system, request, resource_id, command, expected),
        refused,
        None if expected is None else (mark_id, expected),
    )


def _expected(world: World, resource_id: str, mark_id: str | None) -> int | None:
    """Return a version to name in If-Match, as of now; mostly none."""
    if world.random.random() < 0.7:
        return None
    truth = world.truth(world.stream(resource_id))
    state = truth.at(truth.head)
    if mark_id is None:
        return None if state.resource is None else state.resource.version
    mark = state.live().get(mark_id)
    return None if mark is None else mark.version


def _archived(state: State, error: AppError) -> bool:
    return isinstance(error, Conflict) and state.resource is not None and state.resource.archived
