"""The laws of the log and of keyed requests, on the stream that belongs to no resource.

However many clients come first at once, the vocabulary is seeded once, at version 1; what anybody was
told is in it, nothing twice, and its view comes to rest at its fold.
"""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.actor import Actor
from chalicelib.domain.chain import verify
from chalicelib.domain.commands import AddEntityTypes
from chalicelib.domain.events import EntityTypeAdded
from chalicelib.domain.ids import Stream
from chalicelib.domain.vocabulary import SEED, Vocabulary
from chalicelib.domain.vocabulary import evolve as evolved
from chalicelib.errors import Unavailable
from chalicelib.flows import project, write
from chalicelib.flows.write import Request
from tests.laws.holding import DEADLY, LOSSY, ROUGH, SLOW, schedules
from tests.laws.test_log_laws import LogWithoutCondition, LogWithSlowCondition
from tests.laws.world import WORKSPACE, Doubles, Plan, World, layers
from tests.schedules import NONE, Faults, Violation

STREAM = Stream.of_system(WORKSPACE)
KINDS = ("Ship", "Port", "Person", "Cargo")


def run(seed: int, faults: Faults, doubles: Doubles | None = None) -> None:
    """Let six clients add entity types at once, each until it has an answer."""
    world = World(Plan(seed, faults=faults), doubles)
    world.schedule.each_step = lambda idle: None
    told: set[str] = set()

    def client(number: int) -> None:
        random = Random(seed * 7 + number)
        request = Request(WORKSPACE, Actor("ada", "Person", "Ada"), "request", f"key {number}")
        command = AddEntityTypes(tuple(random.sample(KINDS, 2)))
        for tries in range(40):
            answers: list[Any] = []
            system = world.system()

            def ask(answers: list[Any] = answers, system: Any = system) -> None:
                answers.append(write.extend_vocabulary(system, request, command))

            task = world.request("client", ask, faults if tries < 20 else NONE)
            assert task is not None
            if answers:
                told.update(command.entity_types)
                return
            if not task.died and not isinstance(task.error, Unavailable):
                raise Violation(f"a flow raised {task.error!r}") from task.error

    def materializer() -> None:
        for _ in range(6):
            system = world.system("materializer")
            world.request("run", lambda s=system: project.materialize(s, STREAM), faults)

    for number in range(6):
        world.schedule.start(f"client {number}", lambda n=number: client(n))
    world.schedule.start("materializer", materializer)
    world.schedule.run()
    project.materialize(world.system("materializer"), STREAM)
    _check(world, told)


def _check(world: World, told: set[str]) -> None:
    commits = world.store.log_of(STREAM)
    events = [event for commit in commits for event in commit.events()]
    kinds = [e.event.entity_type for e in events if isinstance(e.event, EntityTypeAdded)]
    state = Vocabulary()
    for event in events:
        state = evolved(state, event)
    if list(verify(commits)):
        raise Violation(f"law 1: {next(iter(verify(commits)))}")
    if tuple(event.event for event in commits[0].events()) != SEED:
        raise Violation("law 1: the first commit is not the seed")
    if len(set(kinds)) != len(kinds):
        raise Violation(f"law 6: something was added twice: {kinds}")
    if told - set(kinds):
        raise Violation(f"law 1: {told - set(kinds)} was answered and is not there")
    view = world.store.views.get(STREAM.key)
    if view is None or view.state != state or view.head != commits[-1].head:
        raise Violation("law 3: the view is not the fold")


@given(seed=st.integers(0, 2**32 - 1), faults=st.sampled_from((NONE, ROUGH, DEADLY, SLOW, LOSSY)))
@schedules(60)
def test_a_vocabulary_is_seeded_once_and_holds_what_was_answered(seed: int, faults: Faults) -> None:
    run(seed, faults)


def test_the_law_catches_a_log_without_condition() -> None:
    for double in (LogWithoutCondition, LogWithSlowCondition):
        assert any(_broken(seed, Doubles(client=layers(double))) for seed in range(50))


def _broken(seed: int, doubles: Doubles) -> bool:
    try:
        run(seed, NONE, doubles)
    except Violation:
        return True
    return False
