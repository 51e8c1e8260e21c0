"""The shapes of requests and answers as JSON Schema (2020-12) data: what validates is what is told.

Every schema has a name and stands in `SCHEMAS`; they refer to each other as the OpenAPI document
does, by ``#/components/schemas/<name>``. Requests are checked by jsonschema_rs, all faults at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.edge.schemas.annotations import ANNOTATION_SCHEMAS
from chalicelib.edge.schemas.common import COMMON_SCHEMAS
from chalicelib.edge.schemas.jobs import JOB_SCHEMAS
from chalicelib.edge.schemas.live import LIVE_SCHEMAS, SOCKET_SCHEMAS
from chalicelib.edge.schemas.relations import RELATION_SCHEMAS
from chalicelib.edge.schemas.resources import RESOURCE_SCHEMAS
from chalicelib.edge.schemas.validation import Validator
from chalicelib.edge.schemas.vocabulary import VOCABULARY_SCHEMAS
from chalicelib.errors import Fault, Invalid

SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    **COMMON_SCHEMAS,
    **RESOURCE_SCHEMAS,
    **ANNOTATION_SCHEMAS,
    **VOCABULARY_SCHEMAS,
    **RELATION_SCHEMAS,
    **JOB_SCHEMAS,
    **LIVE_SCHEMAS,
}

_VALIDATOR: Final = Validator({**SCHEMAS, **SOCKET_SCHEMAS})


def check(name: str, document: Any) -> None:
    """Raise `Invalid`, listing every fault with its JSON pointer, unless `document` fits."""
    found = _VALIDATOR.faults({"$ref": f"#/components/schemas/{name}"}, document)
    if found:
        first = f"{found[0]['pointer'] or 'the body'} {found[0]['detail']}"
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise Invalid(f"The body is not what is expected: {first}{more}", errors=tuple(found))


def faults(schema: Mapping[str, Any], document: Any) -> list[Fault]:
    """Return what is wrong with a document under a schema that stands for itself."""
    return _VALIDATOR.faults(schema, document)
