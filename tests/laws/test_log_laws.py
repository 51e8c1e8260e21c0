"""Law 1: N writers on one stream: versions 1..k without gap, repeat or overlap, every link right.

And each commit was decided on exactly the state that it continues; an answered commit stays.
`test_writers.py` has the same with threads on moto and processes on ministack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given

from chalicelib.domain.chain import Commit, Head
from chalicelib.domain.events import Event
from chalicelib.domain.ids import Stream
from chalicelib.log import Intent, StaleHead
from tests.laws.holding import ROUGH, SLOW, broken, holds, plans, schedules, varied
from tests.laws.world import Doubles, Plan, layers
from tests.schedules import NONE
from tests.twins import TwinLog

writing = {"clients": 6, "commands": 3, "readers": 0, "pump": "stopped"}
CHOICES = {**writing, "faults": (NONE, ROUGH, SLOW), "keyed": (0.0, 0.5)}


@given(plan=plans(**CHOICES))
@schedules(150)
def test_writers_at_once_make_one_chain(plan: Plan) -> None:
    holds(plan)


class LogWithoutCondition(TwinLog):
    """Puts over what is there."""

    def put(self, stream: Stream, commit: Commit) -> Commit | None:
        self.store.commits.setdefault(stream.key, {})[commit.first] = commit
        return None


class LogWithSlowCondition(TwinLog):
    """Looks first and puts then: two calls for one condition."""

    def put(self, stream: Stream, commit: Commit) -> Commit | None:
        held = self.store.commits.setdefault(stream.key, {})
        if commit.first in held:
            return held[commit.first]
        self.store.before("log.put")
        held[commit.first] = commit
        return None


class LogThatCountsCommits(TwinLog):
    """Takes the next key from the last commit's first version: commits of many events overlap."""

    def append(self, stream: Stream, head: Head, new: Sequence[Event], intent: Intent) -> Commit:
        last = [c for c in self.store.log_of(stream) if c.last == head.version]
        wrong = replace(head, version=last[0].first) if last else head
        return super().append(stream, wrong, new, intent)


class LogThatAppendsAtItsOwnHead(TwinLog):
    """Reads the head itself, so that what was decided on an older state gets in."""

    def append(self, stream: Stream, head: Head, new: Sequence[Event], intent: Intent) -> Commit:
        return super().append(stream, self.head(stream), new, intent)


class LogThatForgetsItsOwnCommit(TwinLog):
    """Takes its own commit for another's when the answer was lost and the SDK sent it again."""

    def append(self, stream: Stream, head: Head, new: Sequence[Event], intent: Intent) -> Commit:
        commit = self._seal(stream, head, new, intent)
        for _ in range(2):
            self.store.before("log.append")
            taken = self.put(stream, commit)
            if taken is not None:
                raise StaleHead(taken)
            try:
                self.store.after("log.append")
            except Exception:
                continue
            return commit
        raise AssertionError("unreachable")


def _plan(seed: int) -> Plan:
    return Plan(seed, **writing, keyed=0.0, faults=varied(seed))  # type: ignore[arg-type]


def _broken(log: type[TwinLog], law: str = "law 1") -> None:
    broken(_plan, Doubles(client=layers(log)), law)


def test_the_law_catches_a_log_without_condition() -> None:
    _broken(LogWithoutCondition)


def test_the_law_catches_a_log_that_looks_before_it_puts() -> None:
    _broken(LogWithSlowCondition)


def test_the_law_catches_a_log_that_counts_commits_instead_of_events() -> None:
    _broken(LogThatCountsCommits)


def test_the_law_catches_an_append_at_a_head_that_was_not_decided_on() -> None:
    _broken(LogThatAppendsAtItsOwnHead)


def test_the_law_catches_a_log_that_does_not_recognise_its_own_commit() -> None:
    _broken(LogThatForgetsItsOwnCommit, "added twice")
