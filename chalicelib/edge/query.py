"""Query parameters: declared once per route, for the contract and for reading them.

A parameter that a route does not declare is refused by name: a misspelt filter must not look like
an empty one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.edge import schemas
from chalicelib.errors import Malformed

_NOT_UTF_8: Final = "\ufffd"  # what the rest is decoded to before it comes here; nobody means it
_INTEGER: Final = re.compile(r"-?[0-9]{1,15}\Z")


@dataclass(frozen=True, slots=True)
class Parameter:
    """`schema` is the JSON Schema of one value; `many` may stand several times, as a list.

    `bound` is a cursor that goes on only in the list that gave it (see `pages`).
    """

    name: str
    schema: Mapping[str, Any]
    description: str
    many: bool = False
    required: bool = False
    bound: bool = False


Values = Mapping[str, Any]


def read(parameters: Sequence[Parameter], query: Mapping[str, tuple[str, ...]]) -> Values:
    """Return every declared parameter's value: as sent, else its default, else None (or empty).

    Raises `Malformed` naming each parameter that is unknown, repeated, missing, or not what it
    should be; and no other.
    """
    known = {parameter.name: parameter for parameter in parameters}
    faults = [(name, "is not known here") for name in query if name not in known]
    values: dict[str, Any] = {}
    for parameter in parameters:
        sent = query.get(parameter.name, ())
        if len(sent) > 1 and not parameter.many:
            faults.append((parameter.name, f"came {len(sent)} times"))
            continue
        if parameter.required and not sent:
            faults.append((parameter.name, "is required"))
        if any(_NOT_UTF_8 in text for text in sent):
            faults.append((parameter.name, "is not percent-encoded UTF-8"))
            continue
        read_values = [_value(parameter, text) for text in sent]
        for value in read_values:
            faults += [
                (parameter.name, fault["detail"])
                for fault in schemas.faults(parameter.schema, value)
            ]
        if parameter.many:
            values[parameter.name] = tuple(read_values)
        else:
            values[parameter.name] = (
                read_values[0] if read_values else parameter.schema.get("default")
            )
    if faults:
        more = f" (known: {', '.join(known)})" if known and query.keys() - known.keys() else ""
        told = "; ".join(f"{name} {detail}" for name, detail in faults[:10])
        raise Malformed(told + more, parameters=sorted({name for name, _ in faults}))
    return values


def _value(parameter: Parameter, text: str) -> Any:
    """Return the text as its schema's type, or as it is: the schema then says what is wrong."""
    match parameter.schema.get("type"):
        case "integer" if _INTEGER.match(text):
            return int(text)
        case "boolean" if text in ("true", "false"):
            return text == "true"
    return text
