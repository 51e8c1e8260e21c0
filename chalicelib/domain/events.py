"""The facts that the log holds: a closed union.

An event is written once and never edited. `type` is its wire name and outlives the class; `v` is
the version of its payload's shape. A payload that changes shape gets a new `v` and an entry in
`UPCASTS`, so that old ones are read as new ones; the stored bytes stay.

To add a type: write the class, add it to `Event`, and let mypy list the rest. Each `match` over
events ends in `assert_never`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, get_args

from chalicelib.domain import annotation as w3c
from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import Annotation, Body
from chalicelib.domain.representation import Representation

Data = Mapping[str, Any]


class UnknownEvent(Exception):
    """A stored event has a type or a `v` that this code does not know: a newer one wrote it."""


@dataclass(frozen=True, slots=True)
class ResourceCreated:
    """`resource.created`: always the first event of a resource that is not a clone."""

    type: ClassVar[str] = "resource.created"
    v: ClassVar[int] = 1
    name: str
    representation: Representation
    entity_types: tuple[str, ...] = ()
    description: str | None = None
    language: str | None = None

    def data(self) -> dict[str, Any]:
        """``{"name": "…", "representation": {…}, "entityTypes": ["Person"], "language": "en"}``."""
        return _without_none(
            name=self.name,
            representation=self.representation.to_json(),
            entityTypes=list(self.entity_types),
            description=self.description,
            language=self.language,
        )

    @classmethod
    def read(cls, data: Data) -> ResourceCreated:
        return cls(
            data["name"],
            Representation.from_json(data["representation"]),
            tuple(data["entityTypes"]),
            data.get("description"),
            data.get("language"),
        )


@dataclass(frozen=True, slots=True)
class ResourceCloned:
    """`resource.cloned`: the first event of a clone; `source` is a resource id and its version."""

    type: ClassVar[str] = "resource.cloned"
    v: ClassVar[int] = 1
    name: str
    representation: Representation
    source: str
    source_version: int
    entity_types: tuple[str, ...] = ()
    description: str | None = None
    language: str | None = None

    def data(self) -> dict[str, Any]:
        """Return the data of `resource.created`, and ``"source"``, ``"sourceVersion"``."""
        return _without_none(
            name=self.name,
            representation=self.representation.to_json(),
            entityTypes=list(self.entity_types),
            description=self.description,
            language=self.language,
            source=self.source,
            sourceVersion=self.source_version,
        )

    @classmethod
    def read(cls, data: Data) -> ResourceCloned:
        return cls(
            data["name"],
            Representation.from_json(data["representation"]),
            data["source"],
            data["sourceVersion"],
            tuple(data["entityTypes"]),
            data.get("description"),
            data.get("language"),
        )


@dataclass(frozen=True, slots=True)
class ResourceUpdated:
    """`resource.updated`: new values of some fields; null removes one, absence leaves it."""

    FIELDS: ClassVar[tuple[str, ...]] = ("name", "description", "language")
    type: ClassVar[str] = "resource.updated"
    v: ClassVar[int] = 1
    changes: tuple[tuple[str, str | None], ...]

    def data(self) -> dict[str, Any]:
        """``{"name": "…", "description": null}``."""
        return dict(self.changes)

    @classmethod
    def read(cls, data: Data) -> ResourceUpdated:
        return cls(tuple((name, data[name]) for name in cls.FIELDS if name in data))


@dataclass(frozen=True, slots=True)
class ResourceArchived:
    """`resource.archived`: readable from now on, but no longer annotated."""

    type: ClassVar[str] = "resource.archived"
    v: ClassVar[int] = 1

    def data(self) -> dict[str, Any]:
        return {}

    @classmethod
    def read(cls, data: Data) -> ResourceArchived:
        return cls()


@dataclass(frozen=True, slots=True)
class ResourceUnarchived:
    """`resource.unarchived`: takes changes again."""

    type: ClassVar[str] = "resource.unarchived"
    v: ClassVar[int] = 1

    def data(self) -> dict[str, Any]:
        return {}

    @classmethod
    def read(cls, data: Data) -> ResourceUnarchived:
        return cls()


@dataclass(frozen=True, slots=True)
class RepresentationAdded:
    """`representation.added`: new content. Annotations keep the checksum they were anchored to."""

    type: ClassVar[str] = "representation.added"
    v: ClassVar[int] = 1
    representation: Representation

    def data(self) -> dict[str, Any]:
        """``{"representation": {"checksum": "…", "format": "text/plain", "size": 12}}``."""
        return {"representation": self.representation.to_json()}

    @classmethod
    def read(cls, data: Data) -> RepresentationAdded:
        return cls(Representation.from_json(data["representation"]))


@dataclass(frozen=True, slots=True)
class EntityTagAdded:
    """`entitytag.added`: the resource as a whole is about an entity of this type."""

    type: ClassVar[str] = "entitytag.added"
    v: ClassVar[int] = 1
    entity_type: str

    def data(self) -> dict[str, Any]:
        """``{"entityType": "Person"}``."""
        return {"entityType": self.entity_type}

    @classmethod
    def read(cls, data: Data) -> EntityTagAdded:
        return cls(data["entityType"])


@dataclass(frozen=True, slots=True)
class EntityTagRemoved:
    """`entitytag.removed`."""

    type: ClassVar[str] = "entitytag.removed"
    v: ClassVar[int] = 1
    entity_type: str

    def data(self) -> dict[str, Any]:
        """``{"entityType": "Person"}``."""
        return {"entityType": self.entity_type}

    @classmethod
    def read(cls, data: Data) -> EntityTagRemoved:
        return cls(data["entityType"])


@dataclass(frozen=True, slots=True)
class AnnotationAdded:
    """`annotation.added`: creator and time are the commit's actor and time."""

    type: ClassVar[str] = "annotation.added"
    v: ClassVar[int] = 1
    annotation: Annotation

    def data(self) -> dict[str, Any]:
        """``{"annotation": {"id": "…", "motivation": "linking", "target": {…}, "body": […]}}``."""
        return {"annotation": w3c.encode(self.annotation)}

    @classmethod
    def read(cls, data: Data) -> AnnotationAdded:
        return cls(w3c.decode(data["annotation"]))


@dataclass(frozen=True, slots=True)
class AnnotationBodyUpdated:
    """`annotation.body.updated`: the whole new body, not a difference."""

    type: ClassVar[str] = "annotation.body.updated"
    v: ClassVar[int] = 1
    annotation_id: str
    bodies: tuple[Body, ...]

    def data(self) -> dict[str, Any]:
        """``{"annotationId": "…", "body": [{"type": "TextualBody", "value": "…"}]}``."""
        body = w3c.encode_bodies(self.bodies)
        return {"annotationId": self.annotation_id, "body": body}

    @classmethod
    def read(cls, data: Data) -> AnnotationBodyUpdated:
        return cls(data["annotationId"], w3c.decode_bodies(data["body"]))


@dataclass(frozen=True, slots=True)
class AnnotationRemoved:
    """`annotation.removed`: its id is never used again."""

    type: ClassVar[str] = "annotation.removed"
    v: ClassVar[int] = 1
    annotation_id: str

    def data(self) -> dict[str, Any]:
        """``{"annotationId": "…"}``."""
        return {"annotationId": self.annotation_id}

    @classmethod
    def read(cls, data: Data) -> AnnotationRemoved:
        return cls(data["annotationId"])


@dataclass(frozen=True, slots=True)
class EntityTypeAdded:
    """`entitytype.added` (system stream): a type that the workspace's vocabulary offers."""

    type: ClassVar[str] = "entitytype.added"
    v: ClassVar[int] = 1
    entity_type: str

    def data(self) -> dict[str, Any]:
        """``{"entityType": "Person"}``."""
        return {"entityType": self.entity_type}

    @classmethod
    def read(cls, data: Data) -> EntityTypeAdded:
        return cls(data["entityType"])


@dataclass(frozen=True, slots=True)
class TagSchema:
    """A set of tags that belong together: ``id``, ``name``, ``description``, ``tags``."""

    id: str
    name: str
    description: str
    tags: tuple[tuple[str, str], ...]  # (name, description)

    def to_json(self) -> dict[str, Any]:
        """``{"id": "…", "name": "…", "description": "…", "tags": [{"name", "description"}]}``."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "tags": [{"name": name, "description": text} for name, text in self.tags],
        }

    @classmethod
    def from_json(cls, data: Data) -> TagSchema:
        """Read what `to_json` made; descriptions may be absent."""
        tags = tuple((tag["name"], tag.get("description", "")) for tag in data["tags"])
        return cls(data["id"], data["name"], data.get("description", ""), tags)


@dataclass(frozen=True, slots=True)
class TagSchemaAdded:
    """`tagschema.added` (system stream): a schema; a later one of the same id replaces it."""

    type: ClassVar[str] = "tagschema.added"
    v: ClassVar[int] = 1
    schema: TagSchema

    def data(self) -> dict[str, Any]:
        """``{"schema": {"id": "legal-irac", "name": "…", "tags": […]}}``."""
        return {"schema": self.schema.to_json()}

    @classmethod
    def read(cls, data: Data) -> TagSchemaAdded:
        return cls(TagSchema.from_json(data["schema"]))


AnnotationEvent = AnnotationAdded | AnnotationBodyUpdated | AnnotationRemoved
ResourceEvent = (
    ResourceCreated
    | ResourceCloned
    | ResourceUpdated
    | ResourceArchived
    | ResourceUnarchived
    | RepresentationAdded
    | EntityTagAdded
    | EntityTagRemoved
    | AnnotationEvent
)
SystemEvent = EntityTypeAdded | TagSchemaAdded
Event = ResourceEvent | SystemEvent

TYPES: Final[Mapping[str, type[Event]]] = {cls.type: cls for cls in get_args(Event)}

Upcasts = Mapping[tuple[str, int], Callable[[Data], Data]]
UPCASTS: Final[Upcasts] = {}
"""(type, v) of a stored payload → a pure function to the data of v + 1. None yet."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event in its place: the `version` of its stream, and what its commit says of it.

    `first` is the version of its commit's first event; `hash` and `previous` are the commit's.
    """

    event: Event
    version: int
    at: str
    actor: Actor
    correlation: str
    first: int
    hash: bytes
    previous: bytes | None


def encode(event: Event) -> dict[str, Any]:
    """Return what stands in a commit's body: ``{"type": "…", "v": 1, "data": {…}}``."""
    return {"type": event.type, "v": event.v, "data": event.data()}


def decode(stored: Data, upcasts: Upcasts = UPCASTS) -> Event:
    """Return the event in today's shape.

    Raises UnknownEvent for a type or `v` of a newer code: the reader stops, it skips nothing.
    """
    kind = TYPES.get(stored["type"])
    if kind is None:
        raise UnknownEvent(f"event type {stored['type']!r} is not known to this version")
    v, data = stored["v"], stored["data"]
    if v > kind.v:
        raise UnknownEvent(f"{kind.type} v{v} is newer than v{kind.v}, which this version knows")
    while v < kind.v:
        data, v = upcasts[kind.type, v](data), v + 1
    return kind.read(data)


def _without_none(**data: Any) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}
