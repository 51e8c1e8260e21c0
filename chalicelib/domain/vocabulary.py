"""The vocabulary of a workspace: entity types and tag schemas, in its system stream.

A workspace's first use of it appends `SEED` at version 1, as events like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from chalicelib.domain.commands import AddEntityTypes, AddTagSchema, SystemCommand
from chalicelib.domain.events import (
    EntityTypeAdded,
    ResourceEvent,
    StoredEvent,
    SystemEvent,
    TagSchema,
    TagSchemaAdded,
)
from chalicelib.domain.sizes import refuse_beyond


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a workspace offers, after the event `version`; both in the order of their adding."""

    version: int = 0
    entity_types: tuple[str, ...] = ()
    tag_schemas: Mapping[str, TagSchema] = field(default_factory=dict)


def decide(command: SystemCommand, vocabulary: Vocabulary) -> tuple[SystemEvent, ...]:
    """Return the events that carry out `command`; empty when all of it is known already.

    Raises TooLarge when the vocabulary would be more than its view can hold.
    """
    kinds, schemas = vocabulary.entity_types, dict(vocabulary.tag_schemas)
    match command:
        case AddEntityTypes():
            new = tuple(dict.fromkeys(kind for kind in command.entity_types if kind not in kinds))
            _refuse_beyond((*kinds, *new), schemas)
            return tuple(EntityTypeAdded(kind) for kind in new)
        case AddTagSchema():
            if schemas.get(command.schema.id) == command.schema:
                return ()
            _refuse_beyond(kinds, {**schemas, command.schema.id: command.schema})
            return (TagSchemaAdded(command.schema),)
        case _:
            assert_never(command)


def _refuse_beyond(kinds: Sequence[str], schemas: Mapping[str, TagSchema]) -> None:
    state = {"entityTypes": kinds, "tagSchemas": [schema.to_json() for schema in schemas.values()]}
    refuse_beyond(state, "the vocabulary")


def evolve(vocabulary: Vocabulary, stored: StoredEvent) -> Vocabulary:
    """Return the vocabulary after one more event."""
    event = stored.event
    if isinstance(event, ResourceEvent):
        raise ValueError(f"{event.type} does not belong in the system stream")
    match event:
        case EntityTypeAdded():
            kinds = tuple(dict.fromkeys((*vocabulary.entity_types, event.entity_type)))
            return replace(vocabulary, version=stored.version, entity_types=kinds)
        case TagSchemaAdded():
            schemas = {**vocabulary.tag_schemas, event.schema.id: event.schema}
            return replace(vocabulary, version=stored.version, tag_schemas=schemas)
        case _:
            assert_never(event)


ENTITY_TYPES: Final = (
    "Person",
    "Organization",
    "Location",
    "Event",
    "Concept",
    "Product",
    "Technology",
    "Date",
    "Author",
)

TAG_SCHEMAS: Final = (
    TagSchema(
        "legal-irac",
        "Legal analysis (IRAC)",
        "The parts of a legal argument",
        (
            ("Issue", "The legal question to be resolved"),
            ("Rule", "The law that governs it"),
            ("Application", "How the rule applies to the facts"),
            ("Conclusion", "The answer that follows"),
        ),
    ),
    TagSchema(
        "scientific-imrad",
        "Scientific paper (IMRaD)",
        "The parts of a research article",
        (
            ("Introduction", "Why the study was done"),
            ("Methods", "How it was done"),
            ("Results", "What was found"),
            ("Discussion", "What it means"),
        ),
    ),
    TagSchema(
        "argument-toulmin",
        "Argument (Toulmin)",
        "The parts of an argument",
        (
            ("Claim", "What is asserted"),
            ("Evidence", "The facts it stands on"),
            ("Warrant", "Why the evidence supports the claim"),
            ("Counterargument", "What speaks against it"),
            ("Rebuttal", "The answer to that"),
        ),
    ),
)

SEED: Final[tuple[SystemEvent, ...]] = (
    *(EntityTypeAdded(kind) for kind in ENTITY_TYPES),
    *(TagSchemaAdded(schema) for schema in TAG_SCHEMAS),
)
"""Nine entity types and three tag schemas, as the first commit of a system stream."""
