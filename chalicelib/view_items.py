"""What stands in the items of the views: states and annotations as JSON, and back. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain import annotation as w3c
from chalicelib.domain.actor import Actor
from chalicelib.domain.chain import Head
from chalicelib.domain.events import TagSchema
from chalicelib.domain.ids import Stream
from chalicelib.domain.marks import Mark
from chalicelib.domain.representation import Representation
from chalicelib.domain.resource import Resource
from chalicelib.domain.vocabulary import Vocabulary

State = Resource | Vocabulary


@dataclass(frozen=True, slots=True)
class View:
    """The state of a stream at a watermark. `applied` is when the watermark was moved there."""

    state: State
    head: Head
    generation: int
    applied: str


def encode_state(state: State) -> str:
    """Return what `decode_view` reads of a state, the attribute `body`."""
    return _json(_state_json(state))


def decode_view(stream: Stream, item: Any) -> View:
    """Return the view that an item's attributes hold."""
    data = json.loads(item.body)
    state: State = (
        _vocabulary(data, int(item.version))
        if stream.resource_id is None
        else _resource(data, stream.resource_id, int(item.version))
    )
    head = Head(int(item.version), item.hash, item.at)
    return View(state, head, int(item.generation), item.applied)


def encode_mark(mark: Mark) -> str:
    """Return what `decode_mark` reads of an annotation, the attribute `body`."""
    return _json(
        {
            "annotation": w3c.encode(mark.annotation),
            "creator": mark.creator.to_json(),
            "created": mark.created,
            "modified": mark.modified,
            "history": [list(step) for step in mark.history],
        }
    )


def decode_mark(item: Any) -> Mark:
    """Return the annotation that an item's attributes hold."""
    data = json.loads(item.body)
    return Mark(
        annotation=w3c.decode(data["annotation"]),
        creator=Actor.from_json(data["creator"]),
        created=data["created"],
        modified=data["modified"],
        version=int(item.version),
        history=tuple((first, version) for first, version in data["history"]),
        removed=bool(item.removed),
    )


def _state_json(state: State) -> dict[str, Any]:
    if isinstance(state, Vocabulary):
        return {
            "entityTypes": list(state.entity_types),
            "tagSchemas": [schema.to_json() for schema in state.tag_schemas.values()],
        }
    return {
        "name": state.name,
        "representations": [item.to_json() for item in state.representations],
        "creator": state.creator.to_json(),
        "created": state.created,
        "modified": state.modified,
        "entityTypes": list(state.entity_types),
        "description": state.description,
        "language": state.language,
        "archived": state.archived,
        "annotationCount": state.annotation_count,
        "source": state.source,
    }


def _resource(data: Mapping[str, Any], resource_id: str, version: int) -> Resource:
    return Resource(
        id=resource_id,
        name=data["name"],
        representations=tuple(Representation.from_json(r) for r in data["representations"]),
        creator=Actor.from_json(data["creator"]),
        created=data["created"],
        modified=data["modified"],
        version=version,
        entity_types=tuple(data["entityTypes"]),
        description=data["description"],
        language=data["language"],
        archived=data["archived"],
        annotation_count=data["annotationCount"],
        source=data["source"],
    )


def _vocabulary(data: Mapping[str, Any], version: int) -> Vocabulary:
    schemas = [TagSchema.from_json(schema) for schema in data["tagSchemas"]]
    return Vocabulary(version, tuple(data["entityTypes"]), {s.id: s for s in schemas})


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
