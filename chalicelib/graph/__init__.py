"""L4, the graph: relationships, optional, made from the log and from nothing else.

Two sides, two contracts. `Graph` is what the projector writes through. `Relations` is what can be
asked; Gremlin (`graph.queries`) and the views (`graph.views_answer`) both answer it, and equally,
within the bounds that each states.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib.domain.ids import Stream
from chalicelib.errors import Unavailable

if TYPE_CHECKING:
    from chalicelib.domain.mutations import Mutation

DEPENDENCY: Final = "graph"
MAX_TYPES: Final = 1_000
"""Entity types that are counted."""


class Behind(Exception):
    """The graph answers, but does not hold yet what is asked about."""


class Refused(Exception):
    """The graph understood a request and will not carry it out; trying again cannot help."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one request does for one stream: mutations in their order, then its checkpoint.

    It does nothing at all unless the checkpoint has reached `after`, so nothing is ever left out:
    not even when the graph is emptied between two requests. `upto` is None where a commit goes on
    in the next request: a checkpoint is always a commit's last version.
    """

    stream: Stream
    after: int
    mutations: tuple[Mutation, ...]
    upto: int | None


def unavailable(detail: str) -> Unavailable:
    """Return the error of a graph that does not answer, or not in time."""
    return Unavailable(detail, dependency=DEPENDENCY)


class Graph(Protocol):
    """The writing side. Each call is one request and one transaction: all of it, or nothing."""

    def checkpoints(self, streams: Collection[Stream]) -> dict[Stream, int]:
        """Return up to which version each stream is projected; 0 for one that is unknown.

        Raises Unavailable.
        """

    def apply(self, parts: Sequence[Part]) -> None:
        """Carry out the parts. To repeat it, late or beside another, changes nothing.

        Raises Unavailable when it cannot tell, or when a checkpoint is below its `after`, and
        Refused.
        """

    def submit(self, bytecode: Any) -> list[Any]:
        """Carry out any traversal, for `graph.upkeep`. Raises Unavailable, Refused."""

    def complete(self) -> bool:
        """Tell whether everything in the log was projected into this graph once."""

    def begin(self, token: str) -> str:
        """Note that a filling with everything in the log has begun; return the graph's token.

        It is that of an earlier filling, if the graph was not emptied since.
        """

    def finish(self, token: str) -> bool:
        """Note that it is done; readers may use the graph. False if it was emptied meanwhile."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What lies next to resources: an annotation on one refers to the other, either way round.

    Resources that do not exist (yet) are neither among the keys nor among the values. `truncated`
    says that something was left out.
    """

    near: Mapping[str, frozenset[str]]
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How often an entity type is used, and whether the workspace's vocabulary offers it."""

    entity_type: str
    resources: int
    annotations: int
    offered: bool


@dataclass(frozen=True, slots=True)
class Stats:
    """A workspace in numbers. `references`: pairs of an annotation and what it refers to."""

    resources: int
    archived: int
    annotations: int
    references: int
    formats: Mapping[str, int] = field(default_factory=dict)
    motivations: Mapping[str, int] = field(default_factory=dict)
    entity_types: tuple[TypeCount, ...] = ()
    truncated: bool = False


class Relations(Protocol):
    """The asking side, of one workspace at a time. All of it eventual. Raises Unavailable."""

    def hop(self, workspace: str, ids: Iterable[str]) -> Hop:
        """Return what lies next to each of the resources that exist."""

    def referring(
        self,
        workspace: str,
        resource_id: str,
        *,
        before: str | None,
        limit: int,
        motivation: str | None = None,
    ) -> list[str]:
        """Return the orders (`annotation_order`) of annotations that refer to a resource.

        The greatest first, below `before`. What is returned may be a ghost; nothing is missing.
        """

    def tagged(
        self, workspace: str, entity_types: Sequence[str], *, before: str | None, limit: int
    ) -> list[str]:
        """Return the orders (`resource_order`) of resources that have all of the entity types."""

    def stats(self, workspace: str) -> Stats:
        """Count."""
