"""The shapes of requests and answers as JSON Schema (2020-12) data: what validates is what is told.

Every schema has a name and stands in `schemas.components`; they refer to each other as the OpenAPI
document does, by ``#/components/schemas/<name>``. Requests are checked by jsonschema_rs, all faults
at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from chalicelib.edge.schemas.validation import Validator
from chalicelib.errors import Fault, Invalid

_ALONE: Final = Validator({})


def check(name: str, document: Any) -> None:
    """Raise `Invalid`, listing every fault with its JSON pointer, unless `document` fits."""
    found = _named().faults({"$ref": f"#/components/schemas/{name}"}, document)
    if found:
        first = f"{found[0]['pointer'] or 'the body'} {found[0]['detail']}"
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise Invalid(f"The body is not what is expected: {first}{more}", errors=tuple(found))


def faults(schema: Mapping[str, Any], document: Any) -> list[Fault]:
    """Return what is wrong with a document under a schema that stands for itself."""
    return _ALONE.faults(schema, document)


@cache
def _named() -> Validator:
    from chalicelib.edge.schemas.components import COMPONENTS

    return Validator(COMPONENTS)
