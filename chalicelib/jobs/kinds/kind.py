"""What a kind of job is: who may start one, and what each of its steps leads to.

A kind reads and asks, and yields commands. It writes nothing: `flows.work` keeps the outcome of a
step, then carries its commands out, then asks for the next step. So a step may be asked for twice,
by two workers, or under another version of the code; of its outcomes the first one kept counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.domain.anchoring import Anchor
from chalicelib.domain.job import Job
from chalicelib.domain.marks import Mark
from chalicelib.domain.representation import Representation
from chalicelib.domain.resource import Resource
from chalicelib.domain.vocabulary import Vocabulary
from chalicelib.jobs.commands import Command
from chalicelib.jobs.queue import Lane

if TYPE_CHECKING:
    from chalicelib.inference import Inference

Json = Mapping[str, Any]


class Reading(Protocol):
    """What a kind may read, all of it in the job's workspace, none of it older than the log."""

    def resource(self, resource_id: str) -> Resource:
        """Return a resource as it is. Raises NotFound."""

    def text(self, representation: Representation) -> str | None:
        """Return content as text; None when it is none, or too large."""

    def annotation(self, resource_id: str, annotation_id: str) -> Mark:
        """Return an annotation as it is. Raises NotFound."""

    def annotations(self, resource: Resource, motivation: str) -> Iterator[tuple[Mark, Anchor]]:
        """Yield the annotations of a resource, each with where it stands in the content."""

    def vocabulary(self) -> Vocabulary:
        """Return what the workspace offers."""

    def neighbours(self, resource_id: str) -> tuple[Resource, ...]:
        """Return resources that a resource refers to or is referred to by, a few; eventual."""

    def about(self, prompt: str) -> tuple[Resource, ...]:
        """Return resources whose names have long words of a prompt, a few; eventual."""

    def names(self, entity_type: str) -> tuple[str, ...]:
        """Return names of resources of this type, the newest first, some hundreds; eventual."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What a job is made of: its parameters with everything said, and the resource it is about."""

    params: Json
    resource: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """One step of a job to take. `before` returns the answers of earlier steps.

    `time_left_s` says for how long the step may go on; one that needs longer leaves the rest to
    the next step. `side_by_side` makes calls at the same time, a few, and returns their results.
    """

    job: Job
    step: int
    reading: Reading
    inference: Inference
    before: Callable[[int], Json]
    time_left_s: Callable[[], float]
    side_by_side: Callable[[Sequence[Callable[[], Any]]], list[Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step leads to. `result` is that of the whole job, and None unless it is the last step.

    `answer` is what a model said, for later steps and for people.
    """

    answer: Json
    commands: tuple[Command, ...] = ()
    progress: Json = field(default_factory=dict)
    result: Json | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job.

    `lane` says which workers a job of these parameters is for. `schema` is the JSON Schema of its
    parameters, without `resource`, which is a job's own member. `in_full` returns parameters as a
    job keeps them, with what is left out. `admit` raises Invalid, NotFound or Conflict before a job
    exists. `writes` returns the resources that a job may write to: where to look for what it has
    written.
    """

    name: str
    lane: Callable[[Json], Lane]
    schema: Json
    needs_resource: bool
    in_full: Callable[[Json], Json]
    admit: Callable[[Reading, Inference, Json], Admitted]
    step: Callable[[Task], Outcome]
    writes: Callable[[Job], tuple[str, ...]]
