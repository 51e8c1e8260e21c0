from __future__ import annotations

import pytest

from chalicelib.domain.commands import AddEntityTypes, AddTagSchema
from chalicelib.domain.events import (
    EntityTypeAdded,
    ResourceArchived,
    SystemEvent,
    TagSchema,
    TagSchemaAdded,
)
from chalicelib.domain.vocabulary import ENTITY_TYPES, SEED, TAG_SCHEMAS, Vocabulary, decide, evolve
from chalicelib.errors import TooLarge
from tests.domain.given import stored

SCHEMA = TagSchema("mine", "Mine", "", (("A", "first"), ("B", "")))


def vocabulary(*events: SystemEvent) -> Vocabulary:
    state = Vocabulary()
    for version, event in enumerate(events, 1):
        state = evolve(state, stored(event, version))
    return state


def test_the_seed_gives_nine_entity_types_and_three_schemas() -> None:
    seeded = vocabulary(*SEED)

    assert seeded.entity_types == ENTITY_TYPES
    assert len(seeded.entity_types) == 9
    assert list(seeded.tag_schemas.values()) == list(TAG_SCHEMAS)
    assert seeded.version == len(SEED) == 12


def test_only_new_entity_types_are_added_each_once() -> None:
    command = AddEntityTypes(("Person", "Ship", "Ship", "Port"))

    assert decide(command, vocabulary(*SEED)) == (EntityTypeAdded("Ship"), EntityTypeAdded("Port"))
    assert decide(AddEntityTypes(("Person",)), vocabulary(*SEED)) == ()


def test_case_makes_another_entity_type() -> None:
    assert decide(AddEntityTypes(("person",)), vocabulary(*SEED)) == (EntityTypeAdded("person"),)


def test_a_schema_of_the_same_id_replaces_the_one_before() -> None:
    other = TagSchema("mine", "Mine, again", "", (("C", ""),))
    before = vocabulary(TagSchemaAdded(SCHEMA))

    assert decide(AddTagSchema(SCHEMA), before) == ()
    assert decide(AddTagSchema(other), before) == (TagSchemaAdded(other),)
    after = vocabulary(TagSchemaAdded(SCHEMA), TagSchemaAdded(other))
    assert dict(after.tag_schemas) == {"mine": other}


def test_an_event_of_a_resource_does_not_fold() -> None:
    with pytest.raises(ValueError, match="does not belong"):
        evolve(Vocabulary(), stored(ResourceArchived(), 1))


def test_a_schema_reads_what_it_wrote_and_forgives_absent_descriptions() -> None:
    assert TagSchema.from_json(SCHEMA.to_json()) == SCHEMA
    bare = TagSchema.from_json({"id": "x", "name": "X", "tags": [{"name": "A"}]})
    assert bare == TagSchema("x", "X", "", (("A", ""),))


def test_a_vocabulary_that_its_view_could_not_hold_is_refused() -> None:
    tags = tuple((f"tag {n}", "a" * 3_400) for n in range(100))
    large = TagSchema("large", "Large", "", tags)
    nearly = vocabulary(TagSchemaAdded(large))

    with pytest.raises(TooLarge):
        decide(AddTagSchema(TagSchema("other", "Other", "", tags[:9])), nearly)
    with pytest.raises(TooLarge):
        decide(AddEntityTypes(tuple(f"{n:03}" + "é" * 97 for n in range(100))), nearly)
    assert decide(AddEntityTypes(("Ship",)), nearly)
