"""A resource with annotations, as most tests of flows begin."""

from __future__ import annotations

from chalicelib.domain.annotation import NewAnnotation, TextualBody
from chalicelib.domain.commands import AddAnnotations, CreateResource, UpdateResource
from chalicelib.flows import content, write
from chalicelib.flows.write import Request, Written
from chalicelib.system import System


def created(system: System, request: Request, text: str = "An old page.") -> str:
    """Create a resource and return its id."""
    stored = content.store(system, request.workspace, text.encode(), "text/plain", None)
    resource_id = system.mint()
    write.create(system, request, resource_id, CreateResource("A page", stored))
    return resource_id


def annotated(system: System, request: Request, resource_id: str, *values: str) -> list[str]:
    """Add a comment for each value, in one commit; return their ids."""
    ids = tuple(system.mint() for _ in values)
    new = tuple(NewAnnotation("commenting", (), (TextualBody(value),)) for value in values)
    pointers = tuple(f"/items/{index}" for index in range(len(values)))
    write.change(system, request, resource_id, AddAnnotations(new, ids, pointers))
    return list(ids)


def renamed(
    system: System, request: Request, resource_id: str, name: str, expected: int | None = None
) -> Written:
    command = UpdateResource((("name", name),))
    return write.change(system, request, resource_id, command, expected)
