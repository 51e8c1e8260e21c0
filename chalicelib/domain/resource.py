"""A resource without its annotations: what it is, what may be done to it, what events do to it.

`decide` and `evolve` are pure. Annotations are apart (`domain.marks`), one state each, because a
resource may have a hundred thousand of them; here they are only counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, assert_never, get_args

from chalicelib.domain.actor import Actor
from chalicelib.domain.anchoring import anchor
from chalicelib.domain.annotation import Annotation
from chalicelib.domain.commands import (
    AddAnnotations,
    AttachAnnotations,
    ChangeContent,
    CloneResource,
    CreateResource,
    ResourceCommand,
    UpdateResource,
)
from chalicelib.domain.events import (
    AnnotationAdded,
    AnnotationBodyUpdated,
    AnnotationEvent,
    AnnotationRemoved,
    EntityTagAdded,
    EntityTagRemoved,
    RepresentationAdded,
    ResourceArchived,
    ResourceCloned,
    ResourceCreated,
    ResourceEvent,
    ResourceUnarchived,
    ResourceUpdated,
    StoredEvent,
    SystemEvent,
)
from chalicelib.domain.representation import Representation
from chalicelib.domain.sizes import fitting
from chalicelib.errors import AppError, Conflict, Fault, Invalid, NotFound

MAX_REPRESENTATIONS: Final = 100
"""Contents that the descriptor lists, newest last; the log has them all."""

_ANNOTATION_EVENTS: Final = get_args(AnnotationEvent)


@dataclass(frozen=True, slots=True)
class Resource:
    """The state of a resource after the event `version`.

    `modified` is the time of the last change to the resource itself, annotations apart.
    """

    id: str
    name: str
    representations: tuple[Representation, ...]
    creator: Actor
    created: str
    modified: str
    version: int
    entity_types: tuple[str, ...] = ()
    description: str | None = None
    language: str | None = None
    archived: bool = False
    annotation_count: int = 0
    source: str | None = None

    @property
    def content(self) -> Representation:
        """Return the current content."""
        return self.representations[-1]


def decide(
    command: ResourceCommand, resource: Resource | None, text: str | None = None
) -> tuple[ResourceEvent, ...]:
    """Return the events that carry out `command`; empty when it changes nothing.

    `text` is the current content decoded, None when it is not text: only AddAnnotations reads it.
    Raises NotFound, Conflict (archived), TooLarge (an annotation that no view could show), or
    Invalid (anchors that do not fit), with pointers.
    """
    match command:
        case CreateResource():
            return (
                ResourceCreated(
                    command.name,
                    command.representation,
                    _unique(command.entity_types),
                    command.description,
                    command.language,
                ),
            )
        case CloneResource():
            return (
                ResourceCloned(
                    command.name,
                    command.representation,
                    command.source,
                    command.source_version,
                    _unique(command.entity_types),
                    command.description,
                    command.language,
                ),
            )
        case UpdateResource():
            return _update(command, _existing(resource))
        case ChangeContent():
            return _change_content(command, _writable(_existing(resource)))
        case AddAnnotations():
            return _annotate(command, _writable(_existing(resource)), text)
        case AttachAnnotations():
            return _attach(command, _writable(_existing(resource)))
        case _:
            assert_never(command)


def evolve(resource: Resource | None, stored: StoredEvent, resource_id: str) -> Resource:
    """Return the state after one more event. `stored.version` must be the next one."""
    event = stored.event
    if isinstance(event, SystemEvent):
        raise ValueError(f"{event.type} does not belong in the stream of a resource")
    if isinstance(event, ResourceCreated | ResourceCloned):
        return Resource(
            id=resource_id,
            name=event.name,
            representations=(event.representation,),
            creator=stored.actor,
            created=stored.at,
            modified=stored.at,
            version=stored.version,
            entity_types=event.entity_types,
            description=event.description,
            language=event.language,
            source=event.source if isinstance(event, ResourceCloned) else None,
        )
    if resource is None:
        raise ValueError(f"{event.type} at version {stored.version} has no resource before it")
    if isinstance(event, AnnotationEvent):
        count = resource.annotation_count + _counted(event)
        return replace(resource, version=stored.version, annotation_count=count)
    match event:
        case ResourceUpdated():
            for name, value in event.changes:
                resource = replace(resource, **{name: value})  # type: ignore[arg-type]
        case ResourceArchived():
            resource = replace(resource, archived=True)
        case ResourceUnarchived():
            resource = replace(resource, archived=False)
        case RepresentationAdded():
            kept = (*resource.representations, event.representation)[-MAX_REPRESENTATIONS:]
            resource = replace(resource, representations=kept)
        case EntityTagAdded():
            types = _unique((*resource.entity_types, event.entity_type))
            resource = replace(resource, entity_types=types)
        case EntityTagRemoved():
            types = tuple(kind for kind in resource.entity_types if kind != event.entity_type)
            resource = replace(resource, entity_types=types)
        case _:
            assert_never(event)
    return replace(resource, version=stored.version, modified=stored.at)


def fold(
    resource: Resource | None, stored: Iterable[StoredEvent], resource_id: str
) -> Resource | None:
    """Return the state after these events, as `evolve` one by one, but quicker.

    Annotations change two numbers: those are written down once, not for each of a hundred.
    """
    count, last = 0, None
    for each in stored:
        if resource is not None and isinstance(each.event, _ANNOTATION_EVENTS):
            count, last = count + _counted(each.event), each
            continue
        if resource is not None and last is not None:
            counted = resource.annotation_count + count
            resource = replace(resource, version=last.version, annotation_count=counted)
            count, last = 0, None
        resource = evolve(resource, each, resource_id)
    if resource is not None and last is not None:
        counted = resource.annotation_count + count
        resource = replace(resource, version=last.version, annotation_count=counted)
    return resource


def _counted(event: AnnotationEvent) -> int:
    match event:
        case AnnotationAdded():
            return 1
        case AnnotationRemoved():
            return -1
        case AnnotationBodyUpdated():
            return 0
        case _:
            assert_never(event)


def _update(command: UpdateResource, resource: Resource) -> tuple[ResourceEvent, ...]:
    new: list[ResourceEvent] = []
    changes = tuple(
        (name, value) for name, value in command.changes if getattr(resource, name) != value
    )
    if changes:
        new.append(ResourceUpdated(changes))
    if command.entity_types is not None:
        wanted = _unique(command.entity_types)
        new += [EntityTagRemoved(kind) for kind in resource.entity_types if kind not in wanted]
        new += [EntityTagAdded(kind) for kind in wanted if kind not in resource.entity_types]
    if resource.archived and new and command.archived is not False:
        raise Conflict("the resource is archived: set `archived` to false first, or with it")
    if command.archived is not None and command.archived != resource.archived:
        if command.archived:
            new.append(ResourceArchived())
        else:
            new.insert(0, ResourceUnarchived())
    return tuple(new)


def _change_content(command: ChangeContent, resource: Resource) -> tuple[ResourceEvent, ...]:
    if command.representation == resource.content:
        return ()
    return (RepresentationAdded(command.representation),)


def _annotate(
    command: AddAnnotations, resource: Resource, text: str | None
) -> tuple[ResourceEvent, ...]:
    new: list[ResourceEvent] = []
    faults: list[Fault] = []
    parts = zip(command.annotations, command.ids, command.pointers, strict=True)
    for asked, annotation_id, pointer in parts:
        try:
            target = anchor(asked, text=text, checksum=resource.content.checksum, pointer=pointer)
        except Invalid as error:
            faults += error.extra.get("errors") or [{"pointer": pointer, "detail": error.detail}]
            continue
        annotation = Annotation(
            annotation_id, asked.motivation, target, asked.bodies, asked.generator
        )
        new.append(AnnotationAdded(fitting(annotation)))
    if faults:
        raise Invalid(
            f"{len(faults)} fault(s) in the annotations; nothing was stored",
            errors=tuple(faults),
        )
    return tuple(new)


def _attach(command: AttachAnnotations, resource: Resource) -> tuple[ResourceEvent, ...]:
    known = {representation.checksum for representation in resource.representations}
    for annotation in command.annotations:
        if annotation.target.checksum not in known:
            raise Conflict("the resource does not know the content that this is anchored in")
    return tuple(AnnotationAdded(fitting(annotation)) for annotation in command.annotations)


def _existing(resource: Resource | None) -> Resource:
    if resource is None:
        raise NotFound("there is no such resource in this workspace")
    return resource


def _writable(resource: Resource) -> Resource:
    refusal = archived(resource)
    if refusal is not None:
        raise refusal
    return resource


def archived(resource: Resource) -> AppError | None:
    """Return the refusal that an archived resource gives to a change, None if it is not."""
    if resource.archived:
        return Conflict("the resource is archived: it can be read, but not changed or annotated")
    return None


def _unique(kinds: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kinds))
