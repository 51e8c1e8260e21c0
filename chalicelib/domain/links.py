"""What bodies of annotations say of other things: what they refer to, and what they tag with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from chalicelib.domain import iri
from chalicelib.domain.annotation import Body, SpecificResource, TextualBody

MAX_DEPTH: Final = 3
MAX_PATH_DEPTH: Final = 5
"""Resources that a question goes from one to the next."""
MAX_ENTITY_TYPE: Final = 100
"""Characters of an entity type. A longer body tags with a text, not with a type."""


def references(bodies: Iterable[Body]) -> tuple[str, ...]:
    """Return the ids of the resources of ours that the bodies refer to, each once, in order.

    A reference to an annotation of ours counts as one to the resource that it lies on.
    """
    sources = [body.source for body in bodies if isinstance(body, SpecificResource)]
    if not sources:  # most bodies refer to nothing, and a rebuild asks them all
        return ()
    found = (iri.resource_of(source) for source in sources)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def tags(bodies: Iterable[Body]) -> tuple[str, ...]:
    """Return the entity types that the bodies tag with, each once, in order.

    Beside a body that classifies, what is tagged with is a tag of the schema that it names, and no
    entity type. The bodies alone tell, for an event that replaces them says nothing else.
    """
    texts = [body for body in bodies if isinstance(body, TextualBody)]
    if any(body.purpose == "classifying" for body in texts):
        return ()
    values = (body.value for body in texts if body.purpose == "tagging")
    return tuple(dict.fromkeys(value for value in values if 0 < len(value) <= MAX_ENTITY_TYPE))
