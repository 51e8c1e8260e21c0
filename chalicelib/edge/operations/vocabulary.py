"""The vocabulary of a workspace: entity types and tag schemas."""

from __future__ import annotations

from chalicelib.edge import answers, requests
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import Call
from chalicelib.edge.route import Body, operation
from chalicelib.flows import write
from chalicelib.system import System


@operation(
    body=Body("NewEntityTypes"),
    answers={200: "EntityTypes"},
    condition="optional",
    again=lambda system, call, told: answers.vocabulary_again(
        system, call, told, answers.entity_types
    ),
)
def add_entity_types(system: System, call: Call) -> Answer:
    """Offer more entity types in the workspace's vocabulary."""
    return answers.vocabulary_extended(
        write.extend_vocabulary(system, *requests.new_entity_types(system, call)),
        answers.entity_types,
    )


@operation(
    body=Body("TagSchema"),
    answers={200: "TagSchemas"},
    condition="optional",
    again=lambda system, call, told: answers.vocabulary_again(
        system, call, told, answers.tag_schemas
    ),
)
def add_tag_schema(system: System, call: Call) -> Answer:
    """Offer a tag schema, or replace the one of the same id."""
    return answers.vocabulary_extended(
        write.extend_vocabulary(system, *requests.new_tag_schema(system, call)),
        answers.tag_schemas,
    )


@operation(answers={200: "EntityTypes"}, etag=True)
def list_entity_types(system: System, call: Call) -> Answer:
    """List the entity types that the workspace offers."""
    return answers.entity_types(write.seed_vocabulary(system, requests.request(call)))


@operation(answers={200: "TagSchemas"}, etag=True)
def list_tag_schemas(system: System, call: Call) -> Answer:
    """List the tag schemas that the workspace offers."""
    return answers.tag_schemas(write.seed_vocabulary(system, requests.request(call)))
