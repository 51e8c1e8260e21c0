"""Palimpsest on in-memory twins of log and views and on a real graph, in words of the product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any, TypeVar

from chalicelib.config import Config
from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import Body, NewAnnotation, SpecificResource, TextualBody
from chalicelib.domain.commands import (
    AddAnnotations,
    AddEntityTypes,
    ChangeContent,
    CloneResource,
    CreateResource,
    RemoveAnnotation,
    UpdateBody,
    UpdateResource,
)
from chalicelib.domain.ids import Stream
from chalicelib.domain.representation import Representation
from chalicelib.flows import graph_project, project, read, write
from chalicelib.graph.gremlin import Gremlin
from chalicelib.graph.traversals import source
from chalicelib.system import System
from tests.twins import Store, TwinContent, TwinLog, TwinViews

T = TypeVar("T")

CONFIG = Config.from_env(
    {
        name.upper(): "simulated"
        for name, field in Config.__dataclass_fields__.items()
        if field.metadata["default"] is ...
    }
)
NOBODY = "00000000-0000-7000-8000-00000000dead"
"""An id that no resource has."""
_WORKSPACES = count(1)


class PlainSystem(System):
    """Without threads: one call after another. `ahead_s` lets its clock jump."""

    ahead_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.ahead_s

    def side_by_side(self, calls: Sequence[Callable[[], T]], at_once: int) -> list[T]:
        return [call() for call in calls]


class World:
    """A workspace of its own on the given graph; `graph=None` is GRAPH=none."""

    def __init__(
        self, graph: Any = None, *, store: Store | None = None, views: type[TwinViews] = TwinViews
    ) -> None:
        self.workspace = f"w{next(_WORKSPACES)}"
        self.store = store or Store()
        self.views = views
        self.graph = graph
        self.counted: dict[str, float] = {}
        self.system = self.another()

    def another(self, graph: Any = ...) -> System:
        """Return another process on the same log and views."""
        made = PlainSystem(
            CONFIG,
            log=TwinLog(self.store),
            views=self.views(self.store),
            content=TwinContent(self.store),
            graph=self.graph if graph is ... else graph,
        )
        made.metrics.outlet = self._measured
        return made

    def _measured(self, name: str, value: float, unit: str) -> None:
        self.counted[name] = self.counted.get(name, 0) + value

    # -- writing ------------------------------------------------------------------------------

    def request(self) -> write.Request:
        return write.Request(self.workspace, Actor("ada", "Person", "Ada"), "test")

    def create(self, *types: str, name: str = "A letter", format: str = "text/plain") -> str:
        made = self.system.mint()
        content = Representation(64 * "0", format, 1)
        write.create(self.system, self.request(), made, CreateResource(name, content, types))
        return made

    def clone(self, resource: str) -> str:
        made = self.system.mint()
        of = read.resource(self.system, self.workspace, resource)
        command = CloneResource(of.id, of.version, of.name, of.content, of.entity_types)
        write.create(self.system, self.request(), made, command)
        return made

    def change(self, resource: str, **changes: Any) -> None:
        """Change name, entity_types or archived."""
        named = tuple((name, changes.pop(name)) for name in ("name",) if name in changes)
        write.change(self.system, self.request(), resource, UpdateResource(named, **changes))

    def content(self, resource: str, format: str, checksum: str = 64 * "1") -> None:
        command = ChangeContent(Representation(checksum, format, 2))
        write.change(self.system, self.request(), resource, command)

    def annotate(
        self,
        resource: str,
        refers_to: Iterable[str] = (),
        tags: Iterable[str] = (),
        motivation: str = "linking",
        times: int = 1,
        schema: str = "",
    ) -> str:
        """Add an annotation, or several in one commit; return the last one's id."""
        bodies = body(refers_to, tags)
        bodies += (TextualBody(schema, "classifying"),) if schema else ()
        ids = tuple(sorted(self.system.mint() for _ in range(times)))
        command = AddAnnotations(
            tuple(NewAnnotation(motivation, bodies=bodies) for _ in ids), ids, ("",) * times
        )
        write.change(self.system, self.request(), resource, command)
        return ids[-1]

    def rewrite(
        self,
        resource: str,
        annotation: str,
        refers_to: Iterable[str] = (),
        tags: Iterable[str] = (),
    ) -> None:
        bodies = body(refers_to, tags)
        command = UpdateBody(annotation, lambda _: bodies)
        write.change_annotation(self.system, self.request(), resource, command)

    def remove(self, resource: str, annotation: str) -> None:
        write.change_annotation(self.system, self.request(), resource, RemoveAnnotation(annotation))

    def offer(self, *types: str) -> None:
        write.extend_vocabulary(self.system, self.request(), AddEntityTypes(types))

    # -- following ----------------------------------------------------------------------------

    @property
    def streams(self) -> list[Stream]:
        return [Stream.parse(key) for key in sorted(self.store.commits)]

    def stream(self, resource: str) -> Stream:
        return Stream.of_resource(self.workspace, resource)

    def materialize(self) -> None:
        assert project.materialize_batch(self.system, self.streams) == {}

    def project(self) -> None:
        assert graph_project.project_batch(self.system, self.streams) == {}

    def follow(self) -> None:
        """Bring views and graph to the log's heads."""
        self.materialize()
        self.project()


def body(refers_to: Iterable[str] = (), tags: Iterable[str] = ()) -> tuple[Body, ...]:
    return (
        *(SpecificResource(f"resource:{each}", "linking") for each in refers_to),
        *(TextualBody(each, "tagging") for each in tags),
    )


def emptied(gremlin: Gremlin) -> None:
    """Take everything away, as a crash of an in-memory graph does."""
    submit(gremlin, source().V().drop())


def submit(gremlin: Gremlin, traversal: Any) -> list[Any]:
    """Run any traversal."""
    return gremlin._writer.submit(traversal.bytecode, 10)
