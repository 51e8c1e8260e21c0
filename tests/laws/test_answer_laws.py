"""Law 10: creator, time and body in the answer to a write equal those of every later read.

The world compares each answer with the log; here it is asked of the flows side by side, and of
doubles whose answers are made from the request and not from what was stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given

from chalicelib.domain.actor import Actor
from chalicelib.domain.chain import Commit, Head
from chalicelib.domain.events import Event
from chalicelib.domain.ids import Stream
from chalicelib.log import Intent
from tests.laws.holding import ROUGH, broken, holds, plans, schedules
from tests.laws.world import Doubles, Plan, layers
from tests.schedules import NONE
from tests.twins import TwinLog

answering = {"clients": 3, "commands": 5, "readers": 1, "reads": 4}
CHOICES = {
    **answering,
    "pump": ("eager", "slow"),
    "faults": (NONE, ROUGH),
    "keyed": (0.3, 0.8),
}


@given(plan=plans(**CHOICES))
@schedules(100)
def test_an_answer_says_what_later_reads_say(plan: Plan) -> None:
    holds(plan)


class LogThatAnswersWithItsOwnClock(TwinLog):
    """Answers with the time of the request; stored is a later one (the stream's never go back)."""

    def append(self, stream: Stream, head: Head, new: Sequence[Event], intent: Intent) -> Commit:
        return replace(super().append(stream, head, new, intent), at=intent.now + "!")


class LogThatAnswersWithTheAsker(TwinLog):
    """Answers a repeat with whoever repeats it, not with who did it."""

    def append(self, stream: Stream, head: Head, new: Sequence[Event], intent: Intent) -> Commit:
        commit = super().append(stream, head, new, intent)
        return replace(commit, actor=Actor("anonymous", "Person", "Somebody"))


class LogThatAnswersBeforeItsPut(TwinLog):
    """Answers with the commit that it meant to store, also when nothing was stored."""

    def put(self, stream: Stream, commit: Commit) -> Commit | None:
        taken = super().put(stream, commit)
        return None if taken is not None else taken


def _broken(log: type[TwinLog], law: str) -> None:
    broken(lambda seed: Plan(seed, **answering), Doubles(client=layers(log)), law)  # type: ignore[arg-type]


def test_the_law_catches_an_answer_with_another_time() -> None:
    _broken(LogThatAnswersWithItsOwnClock, "law 10")


def test_the_law_catches_an_answer_with_another_creator() -> None:
    _broken(LogThatAnswersWithTheAsker, "law 10")


def test_the_law_catches_an_answer_that_was_never_stored() -> None:
    _broken(LogThatAnswersBeforeItsPut, "law 1")
