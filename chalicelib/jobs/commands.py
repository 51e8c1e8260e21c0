"""What a job's step wants done: a closed union, kept as plain JSON before any of it is done.

::

    {"do": "annotate", "resource": "0192f…", "annotations": [{"id": "…", "motivation": "linking",
     "target": {"checksum": "…", "selector": […]}, "body": […], "generator": {…}}]}
    {"do": "create", "resource": "0192f…", "name": "…", "text": "…", "format": "text/markdown",
     "language": "en", "entityTypes": ["Person"], "description": "…"}
    {"do": "link", "resource": "0192f…", "annotation": "0192e…", "to": "0192d…"}

Ids are in them, and batches are cut: who carries the same commands out again does the same again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, assert_never

from chalicelib.domain.annotation import Annotation, decode, encode
from chalicelib.domain.chain import MAX_EVENTS

MAX_BATCH_BYTES: Final = 300 * 1024
"""Of JSON, before compression. With the commit's own attributes it is below 400 KB, an item's."""


@dataclass(frozen=True, slots=True)
class Annotate:
    """Attach annotations to a resource: one commit."""

    resource: str
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class Create:
    """Make a resource of a text."""

    resource: str
    name: str
    text: str
    format: str
    language: str | None = None
    entity_types: tuple[str, ...] = ()
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Let an annotation refer to a resource."""

    resource: str
    annotation: str
    to: str


Command = Annotate | Create | Link


def batches(resource: str, annotations: Iterable[Annotation]) -> Iterator[Annotate]:
    """Cut annotations into commits: at most 100 events, and small enough for one item."""
    batch: list[Annotation] = []
    size = 0
    for annotation in annotations:
        bytes_ = len(json.dumps(encode(annotation), ensure_ascii=False).encode()) + 60
        if batch and (len(batch) == MAX_EVENTS or size + bytes_ > MAX_BATCH_BYTES):
            yield Annotate(resource, tuple(batch))
            batch, size = [], 0
        batch.append(annotation)
        size += bytes_
    if batch:
        yield Annotate(resource, tuple(batch))


def to_json(command: Command) -> dict[str, Any]:
    """Return a command as it is kept."""
    match command:
        case Annotate():
            annotations = [encode(each) for each in command.annotations]
            return {"do": "annotate", "resource": command.resource, "annotations": annotations}
        case Create():
            return {
                "do": "create",
                "resource": command.resource,
                "name": command.name,
                "text": command.text,
                "format": command.format,
                "language": command.language,
                "entityTypes": list(command.entity_types),
                "description": command.description,
            }
        case Link():
            return {
                "do": "link",
                "resource": command.resource,
                "annotation": command.annotation,
                "to": command.to,
            }
        case _:
            assert_never(command)


def from_json(data: Mapping[str, Any]) -> Command:
    """Read what `to_json` made. Raises ValueError for what this code does not know."""
    match data["do"]:
        case "annotate":
            return Annotate(data["resource"], tuple(decode(each) for each in data["annotations"]))
        case "create":
            return Create(
                data["resource"],
                data["name"],
                data["text"],
                data["format"],
                data["language"],
                tuple(data["entityTypes"]),
                data["description"],
            )
        case "link":
            return Link(data["resource"], data["annotation"], data["to"])
    raise ValueError(f"a command {data['do']!r} is not known to this version")
