"""What the log says, folded straight from its first event: the measure of every view and read."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.domain import marks as marks_domain
from chalicelib.domain import resource as resource_domain
from chalicelib.domain.chain import Commit
from chalicelib.domain.events import (
    AnnotationAdded,
    AnnotationEvent,
    RepresentationAdded,
    StoredEvent,
)
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.domain.resource import Resource
from tests.schedules import Violation
from tests.twins import Store


@dataclass(frozen=True, slots=True)
class State:
    """A resource and its annotations (removed ones too) after a version."""

    resource: Resource | None = None
    marks: dict[str, Mark] = field(default_factory=dict)

    def live(self) -> dict[str, Mark]:
        """Return the annotations that are not removed."""
        return {mark_id: mark for mark_id, mark in self.marks.items() if not mark.removed}


class Truth:
    """The state of one stream after each of its versions, kept up with the log."""

    def __init__(self, store: Store, stream: Stream) -> None:
        self._store = store
        self._stream = stream
        self._commits: list[Commit] = []
        self._states: list[State] = [State()]

    def at(self, version: int) -> State:
        """Return the state after `version`."""
        self._catch_up()
        if version >= len(self._states):
            raise Violation(f"version {version} was shown, the log ends at {self.head}")
        return self._states[version]

    @property
    def head(self) -> int:
        """Return the last version."""
        self._catch_up()
        return len(self._states) - 1

    @property
    def commits(self) -> list[Commit]:
        """Return the commits, first to last."""
        self._catch_up()
        return self._commits

    def states(self, first: int, last: int) -> list[State]:
        """Return the states after the versions `first` to `last`."""
        self._catch_up()
        return self._states[first : last + 1]

    def _catch_up(self) -> None:
        stored = self._store.log_of(self._stream)
        known = len(self._commits)
        if len(stored) < known or (known and stored[known - 1] is not self._commits[-1]):
            raise Violation(f"law 1: the log of {self._stream.name} was rewritten")
        for commit in stored[known:]:
            if commit.first != len(self._states):
                raise Violation(f"law 1: hole or overlap at version {commit.first}")
            for event in commit.events():
                self._states.append(self._after(event))
            self._commits.append(commit)

    def _after(self, stored: StoredEvent) -> State:
        state = self._states[-1]
        self._refuse_illegal(state, stored)
        resource = resource_domain.evolve(state.resource, stored, self._stream.resource_id or "")
        touched = marks_domain.touched(stored)
        marks = state.marks
        if touched is not None:
            marks = {**marks, touched: marks_domain.evolve(marks.get(touched), stored)}
        return State(resource, marks)

    def _refuse_illegal(self, state: State, stored: StoredEvent) -> None:
        """A commit was decided on exactly the state that it continues: nothing in it may clash."""
        event = stored.event
        if state.resource is None:
            return
        if state.resource.archived and isinstance(event, AnnotationEvent | RepresentationAdded):
            raise Violation(f"law 1: {event.type} at {stored.version} on an archived resource")
        touched = marks_domain.touched(stored)
        if touched is None:
            return
        live = touched in state.live()
        if isinstance(event, AnnotationAdded) and touched in state.marks:
            raise Violation(f"law 6: annotation {touched} was added twice")
        if not isinstance(event, AnnotationAdded) and not live:
            raise Violation(f"law 1: {event.type} at {stored.version} of no live annotation")
