"""What a caller may ask for: a closed union. A command may be refused; an event may not.

Ids come in with the command: the edge mints them, or derives them from an Idempotency-Key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.domain.annotation import Annotation, Body, NewAnnotation
from chalicelib.domain.events import TagSchema
from chalicelib.domain.representation import Representation


@dataclass(frozen=True, slots=True)
class CreateResource:
    """Make a resource on stored content."""

    name: str
    representation: Representation
    entity_types: tuple[str, ...] = ()
    description: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class CloneResource:
    """Make a resource on the content of another, without its annotations.

    `source_version` is the version of `source` that was read; None of the fields is looked up.
    """

    source: str
    source_version: int
    name: str
    representation: Representation
    entity_types: tuple[str, ...] = ()
    description: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateResource:
    """RFC 7396 on the resource's own fields: a `changes` entry of None removes the field.

    `entity_types` is the whole new set, None = as it is; `archived` likewise.
    """

    changes: tuple[tuple[str, str | None], ...] = ()
    entity_types: tuple[str, ...] | None = None
    archived: bool | None = None


@dataclass(frozen=True, slots=True)
class ChangeContent:
    """Give the resource new content, stored before."""

    representation: Representation


@dataclass(frozen=True, slots=True)
class AddAnnotations:
    """Attach annotations, all or none. `ids` are as many as `annotations`.

    `pointers` say where in the request each one stood, for the faults.
    """

    annotations: tuple[NewAnnotation, ...]
    ids: tuple[str, ...]
    pointers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttachAnnotations:
    """Attach annotations that are anchored already, all or none: in content that it has, or had."""

    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class UpdateBody:
    """Change an annotation's body: `revise` makes the new one from the current one.

    It is pure, and raises Invalid where the current body does not allow the change.
    """

    annotation_id: str
    revise: Callable[[tuple[Body, ...]], tuple[Body, ...]]


@dataclass(frozen=True, slots=True)
class RemoveAnnotation:
    """Take an annotation away. Its history stays in the log."""

    annotation_id: str


@dataclass(frozen=True, slots=True)
class AddEntityTypes:
    """Offer more entity types in the workspace's vocabulary; known ones are no fault."""

    entity_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddTagSchema:
    """Offer a tag schema; one of the same id is replaced."""

    schema: TagSchema


Creation = CreateResource | CloneResource
ResourceCommand = Creation | UpdateResource | ChangeContent | AddAnnotations | AttachAnnotations
AnnotationCommand = UpdateBody | RemoveAnnotation
SystemCommand = AddEntityTypes | AddTagSchema
Command = ResourceCommand | AnnotationCommand | SystemCommand
