"""A route as data: what the wrapper checks before the view runs, and what the contract tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.edge import schemas, strict_json
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import JSON, MULTIPART, Call
from chalicelib.edge.form import Form, only
from chalicelib.edge.permissions import NOTHING, Permission
from chalicelib.edge.query import Parameter
from chalicelib.errors import Malformed

View = Callable[[Any, Call], Answer]
"""Takes the system and a request."""
Again = Callable[[Any, Call, Any], Answer]
"""Makes the answer to a repeated POST anew, from what its first answer said under `again`."""

Condition = Literal["none", "optional", "required"]


@dataclass(frozen=True, slots=True)
class Body:
    """A request body: the schema of its JSON, and that of a form that says the same."""

    schema: str
    media_types: tuple[str, ...] = (JSON,)
    form: str | None = None
    optional: bool = False

    @property
    def accepted(self) -> tuple[str, ...]:
        """Return every media type that is taken."""
        return (*self.media_types, MULTIPART) if self.form else self.media_types

    def check(self, call: Call) -> None:
        """Raise `UnsupportedMedia`, `Malformed` or `Invalid` unless the body is like this."""
        if self.optional and not call.body:
            return
        call.require_no_coding()
        call.require_media_type(*self.accepted)
        if self.form and call.media_type.name == MULTIPART:
            schemas.check(self.form, form_document(call.form, self.form))
        else:
            schemas.check(self.schema, call.json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one may ask for: the view, and what is checked before it runs and told of it.

    `answers` maps a status to the schema of its body, None where it is empty. `offers` are the
    media types of the answer, the favourite first. `condition` says whether a write reads If-Match
    (one that does not refuses it), `etag` whether a GET's answer has one. With `again`, a repeated
    Idempotency-Key runs that instead of the view; a POST that is not `keyed` refuses one.
    """

    view: View
    answers: Mapping[int, str | None]
    query: tuple[Parameter, ...] = ()
    body: Body | None = None
    offers: tuple[str, ...] = (JSON,)
    condition: Condition = "none"
    etag: bool = False
    again: Again | None = None
    keyed: bool = True

    @property
    def name(self) -> str:
        """Return the operation's id: the view's name."""
        return self.view.__name__

    @property
    def summary(self) -> str:
        """Return the first line of the view's docstring."""
        return (self.view.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """Return the rest of the view's docstring, on one line per paragraph."""
        rest = (self.view.__doc__ or "").strip().partition("\n")[2]
        paragraphs = "\n".join(line.strip() for line in rest.splitlines()).split("\n\n")
        return "\n\n".join(" ".join(text.split()) for text in paragraphs if text.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Operation):
    """An operation at its place, and the permission that it needs."""

    method: str
    path: str
    needs: Permission

    @property
    def takes_key(self) -> bool:
        """Tell whether an Idempotency-Key makes it safe to repeat."""
        return self.method == "POST" and self.needs is not NOTHING and self.keyed


def operation(
    *,
    answers: Mapping[int, str | None],
    query: tuple[Parameter, ...] = (),
    body: Body | None = None,
    offers: tuple[str, ...] = (JSON,),
    condition: Condition = "none",
    etag: bool = False,
    again: Again | None = None,
    keyed: bool = True,
) -> Callable[[View], Operation]:
    """Make an operation of a view; its docstring is what the contract says of it."""

    def made(view: View) -> Operation:
        return Operation(
            view=view,
            answers=answers,
            query=query,
            body=body,
            offers=offers,
            condition=condition,
            etag=etag,
            again=again,
            keyed=keyed,
        )

    return made


def form_document(form: Form, schema: str) -> dict[str, Any]:
    """Return a form as the JSON that it says: text as strings, lists as lists, files empty.

    A list comes as one field with a JSON list, or as a field for each item.
    """
    from chalicelib.edge.schemas.components import SCHEMAS

    properties = SCHEMAS[schema]["properties"]
    document: dict[str, Any] = {}
    for name, parts in form.items():
        declared = properties.get(name, {})
        if declared.get("type") == "array":
            document[name] = _list(name, [part.text for part in parts])
        else:
            text = "" if "contentMediaType" in declared else only(parts).text
            document[name] = text
    return document


def _list(name: str, texts: list[str]) -> Any:
    if len(texts) > 1 or not texts[0].lstrip().startswith("["):
        return texts
    try:
        return strict_json.loads(texts[0].encode())
    except Malformed as error:
        raise Malformed(f"The field {name}: {error.detail}", field=name) from None
