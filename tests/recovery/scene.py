"""What the tests of recovery stand on: resources with annotations in the system on moto."""

from __future__ import annotations

import base64
from typing import Any

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import NewAnnotation, SpecificResource, TextPosition, TextualBody
from chalicelib.domain.commands import (
    AddAnnotations,
    CreateResource,
    RemoveAnnotation,
    UpdateBody,
    UpdateResource,
)
from chalicelib.domain.ids import Stream
from chalicelib.flows import project, write
from chalicelib.flows.content import store
from chalicelib.system import System
from infra.local.aws import client

WORKSPACE = "demo"
ACTOR = Actor("ada", "Person", "Ada Lovelace")
TEXT = "An old page, scraped and written on again."


def request(workspace: str = WORKSPACE, key: str | None = None) -> write.Request:
    return write.Request(workspace, ACTOR, "request:1", key)


def create(system: System, name: str = "A page", text: str = TEXT) -> Stream:
    """Make a resource on a text, with its view."""
    kept = store(system, WORKSPACE, text.encode(), "text/plain", "page.txt")
    command = CreateResource(name, kept, ("Person",))
    stream = write.create(system, request(), system.mint(), command).stream
    project.materialize(system, stream)
    return stream


def annotate(
    system: System, stream: Stream, count: int, *, to: Stream | None = None, key: str | None = None
) -> list[str]:
    """Add annotations in one commit; each refers to the resource `to`, if there is one."""
    assert stream.resource_id is not None
    ids = tuple(system.mint() for _ in range(count))
    bodies: Any = (TextualBody("a note"),)
    if to is not None:
        bodies += (SpecificResource(f"resource:{to.resource_id}", "linking"),)
    new = tuple(NewAnnotation("tagging", (TextPosition(3, 6),), bodies) for _ in ids)
    command = AddAnnotations(new, ids, tuple(f"/items/{n}" for n in range(count)))
    write.change(system, request(key=key), stream.resource_id, command)
    project.materialize(system, stream)
    return list(ids)


def rewrite(system: System, stream: Stream, mark_id: str, value: str) -> None:
    assert stream.resource_id is not None
    command = UpdateBody(mark_id, lambda bodies: (TextualBody(value),))
    write.change_annotation(system, request(), stream.resource_id, command)
    project.materialize(system, stream)


def remove(system: System, stream: Stream, mark_id: str) -> None:
    assert stream.resource_id is not None
    write.change_annotation(system, request(), stream.resource_id, RemoveAnnotation(mark_id))
    project.materialize(system, stream)


def rename(system: System, stream: Stream, name: str) -> None:
    assert stream.resource_id is not None
    write.change(system, request(), stream.resource_id, UpdateResource((("name", name),)))
    project.materialize(system, stream)


def items(table: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return every item of a table, as the aws CLI would show it."""
    found = client("dynamodb").scan(TableName=table)["Items"]
    return {(item["pk"]["S"], next(iter(item["sk"].values()))): item for item in found}


def put(table: str, item: dict[str, Any]) -> None:
    """Put an item as the aws CLI would."""
    client("dynamodb").put_item(TableName=table, Item=item)


def delete(table: str, item: dict[str, Any]) -> None:
    key = {"pk": item["pk"], "sk": item["sk"]}
    client("dynamodb").delete_item(TableName=table, Key=key)


def shown(system: System) -> dict[tuple[str, str], Any]:
    """Return what the views hold that readers can see, without generations and times of moves."""
    found: dict[tuple[str, str], Any] = {}
    generations = {
        pk: item.get("generation", {}).get("N")
        for (pk, sk), item in items(system.config.views_table).items()
        if sk in ("resource", "vocabulary")
    }
    for (pk, sk), item in items(system.config.views_table).items():
        if pk in ("due", "reconcile"):
            continue
        rest = {
            k: v for k, v in item.items() if k not in ("sk", "generation", "applied", "expires")
        }
        if sk.startswith("annotation#"):
            _, generation, mark_id = sk.split("#")
            if generation != generations[pk]:
                continue
            sk = f"annotation#{mark_id}"
        if pk.startswith(f"{WORKSPACE}/list#"):
            rest.pop("version")
        found[pk, sk] = rest
    return found


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
