"""One request, decoded: what every view reads, and nothing of how it came.

`Call.of_event` takes an API Gateway REST proxy event (payload version 1)::

    {"requestContext": {"httpMethod": "GET", "resourcePath": "/resources/{resource_id}",
                        "requestId": "c6af…", "identity": {"sourceIp": "203.0.113.9"}},
     "pathParameters": {"resource_id": "0192f…"}, "multiValueQueryStringParameters": null,
     "multiValueHeaders": {"Host": ["…"]}, "body": null, "isBase64Encoded": false}
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from chalicelib.domain import iri
from chalicelib.domain.actor import Actor
from chalicelib.domain.ids import UUID
from chalicelib.edge import form, pages, query, strict_json
from chalicelib.edge.headers import EntityTags, Headers, MediaType, negotiate
from chalicelib.edge.query import Parameter
from chalicelib.errors import AppError, Malformed, NotAcceptable, UnsupportedMedia

JSON: Final = "application/json"
JSON_LD: Final = "application/ld+json"
LINKED: Final = (JSON, JSON_LD)
MERGE_PATCH: Final = "application/merge-patch+json"
MULTIPART: Final = "multipart/form-data"

_CORRELATION: Final = re.compile(r"(?!job:|load:)[A-Za-z0-9._:/-]{1,64}\Z")
"""A client's name for a request; it cannot be that of a job or an import, which tells theirs."""
_IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}\Z")
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and in which workspace. Everything that a caller can name lies in it."""

    actor: Actor
    workspace: str


@dataclass(frozen=True, eq=False)
class Call:
    """A request. Reading a part that is malformed raises `Malformed` at that moment."""

    method: str
    route: str  # the path's template: "/resources/{resource_id}"
    params: Mapping[str, str]
    sent: Mapping[str, tuple[str, ...]]  # the query as it came
    headers: Headers
    body: bytes
    correlation: str
    source_ip: str
    identify: Callable[[Call], Caller]  # raises Unauthenticated, Forbidden or Unavailable
    context: Any = field(default=None, repr=False)  # Lambda's, where there is one
    parameters: Sequence[Parameter] = ()  # that the route knows
    offers: Sequence[str] = (JSON,)  # media types that the route answers in, the favourite first

    @classmethod
    def of_event(
        cls,
        event: Mapping[str, Any],
        context: Any,
        identify: Callable[[Call], Caller],
        parameters: Sequence[Parameter] = (),
        offers: Sequence[str] = (JSON,),
    ) -> Call:
        """Decode an event. Path parameters come percent-encoded through Chalice, queries do not."""
        request = event["requestContext"]
        sent = event.get("multiValueQueryStringParameters") or {}
        return cls(
            method=request["httpMethod"],
            route=request["resourcePath"],
            params={k: _decoded(v) for k, v in (event.get("pathParameters") or {}).items()},
            sent={name: tuple(values) for name, values in sent.items()},
            headers=Headers.of_event(event),
            body=_body(event),
            correlation=correlation_of(event),
            source_ip=str((request.get("identity") or {}).get("sourceIp") or ""),
            identify=identify,
            context=context,
            parameters=parameters,
            offers=offers,
        )

    @cached_property
    def caller(self) -> Caller:
        """Who asks; the wrapper has read it before any view that needs a permission."""
        return self.identify(self)

    @property
    def caller_if_any(self) -> Caller | None:
        """Who asks, or None: for the few answers that anyone gets."""
        try:
            return self.caller
        except AppError:
            return None

    @property
    def path(self) -> str:
        """The path with its parameters, percent-encoded, without stage or host."""
        return _PARAMETER.sub(lambda name: quote(self.params[name[1]], safe=""), self.route)

    @cached_property
    def args(self) -> Mapping[str, Any]:
        """The query parameters that the route declares, read and defaulted (see `query.read`)."""
        read = query.read(self.parameters, self.sent)
        return pages.unbound(self.path, read) if pages.takes_bound(self.parameters) else read

    @cached_property
    def accepted(self) -> str:
        """The media type that the answer is to have. Raises `NotAcceptable`."""
        if not self.offers:
            return JSON
        wanted = self.headers.joined("Accept")
        chosen = negotiate(wanted, self.offers)
        if chosen is None and JSON in self.offers and negotiate(wanted, (JSON_LD,)):
            return JSON  # who reads linked data reads what is none, too
        if chosen is None:
            raise NotAcceptable(f"This answers in {' or '.join(self.offers)}")
        return chosen

    # -- bodies ---------------------------------------------------------------------------------

    @cached_property
    def media_type(self) -> MediaType:
        """The body's media type; a body that names none is taken as JSON."""
        text = self.headers.one("Content-Type")
        return MediaType.parse(text) if text else MediaType(JSON, {})

    def require_no_coding(self) -> None:
        """Raise `UnsupportedMedia` for a body that is compressed (RFC 9110, 15.5.16)."""
        named = (self.headers.joined("Content-Encoding") or "").split(",")
        coded = [each.strip() for each in named if each.strip().lower() not in ("", "identity")]
        if coded:
            raise UnsupportedMedia(
                f"The Content-Encoding {', '.join(coded)} is not taken here; send it as it is",
                encodings=["identity"],
            )

    def require_media_type(self, *accepted: str) -> None:
        """Raise `UnsupportedMedia` unless the body is of one of these types."""
        if self.media_type.name not in accepted:
            raise UnsupportedMedia(
                f"{self.media_type.name} is not taken here, but " + " or ".join(accepted),
                accepted=list(accepted),
            )

    @cached_property
    def json(self) -> Any:
        """The body as JSON, parsed strictly (see `strict_json`)."""
        charset = self.media_type.parameters.get("charset", "utf-8").lower()
        if charset not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMedia("JSON is UTF-8 (RFC 8259, 8.1)", accepted=["charset=utf-8"])
        return strict_json.loads(self.body)

    @cached_property
    def form(self) -> form.Form:
        """The body as multipart/form-data: parts by name."""
        boundary = self.media_type.parameters.get("boundary")
        if not boundary:
            raise Malformed("The Content-Type of a form needs a boundary")
        return form.parse(self.body, boundary)

    # -- conditions -----------------------------------------------------------------------------

    @cached_property
    def if_match(self) -> EntityTags | None:
        """What the client says it has seen; the call is to do nothing if that has changed."""
        text = self.headers.joined("If-Match")
        return None if text is None else EntityTags.parse(text, "If-Match")

    @cached_property
    def if_none_match(self) -> EntityTags | None:
        """What the client holds already; 304 where it is still right."""
        text = self.headers.joined("If-None-Match")
        return None if text is None else EntityTags.parse(text, "If-None-Match")

    @cached_property
    def idempotency_key(self) -> str | None:
        """The client's name for this request: 1 to 255 visible ASCII characters."""
        key = self.headers.one("Idempotency-Key")
        if key is not None and not _IDEMPOTENCY_KEY.match(key):
            raise Malformed("An Idempotency-Key has 1 to 255 visible ASCII characters")
        return key

    @cached_property
    def request_key(self) -> str | None:
        """What a keyed POST is remembered by, so that another one under its key is refused.

        The SHA-256 (hex) of ``[workspace, actor id, method, path, Idempotency-Key]`` as JSON.
        """
        if self.method != "POST" or self.idempotency_key is None:
            return None
        who = self.caller
        return _digest([who.workspace, who.actor.id, self.method, self.path, self.idempotency_key])

    @cached_property
    def append_key(self) -> str | None:
        """What stands on the commit of a keyed POST, so that repeating it appends once.

        The SHA-256 (hex) of ``[request_key, said]`` as JSON. Requests are remembered for a day, and
        commits for ever: a key that is used again after that, for something else, must not name
        what it named before.
        """
        return None if self.request_key is None else _digest([self.request_key, self.said])

    @cached_property
    def said(self) -> Any:
        """What the request says, as JSON-able data: its query and its content."""
        query = {name: list(values) for name, values in sorted(self.sent.items())}
        return {"query": query, "content": self.content}

    @property
    def content(self) -> Any:
        """The body as decoded JSON-able data: alike for two requests that say the same.

        A form's boundary, and the order of its parts or of an object's members, say nothing; nor
        does the base under which a resource of ours is named.
        """
        if not self.body:
            return None
        if self.media_type.name != MULTIPART:
            return _without_bases(self.json)
        return {
            name: [
                [hashlib.sha256(part.data).hexdigest(), part.filename, part.media_type]
                for part in parts
            ]
            for name, parts in self.form.items()
        }


def _digest(named: Any) -> str:
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def _without_bases(said: Any) -> Any:
    match said:
        case str():
            return iri.to_stored(said)
        case list():
            return [_without_bases(each) for each in said]
        case dict():
            return {name: _without_bases(value) for name, value in said.items()}
    return said


def correlation_of(event: Mapping[str, Any]) -> str:
    """Return the id under which this request can be found again. Never raises.

    The client's X-Correlation-ID if it is well formed, else API Gateway's request id, else new.
    """
    headers = Headers.of_event(event)
    asked = headers.joined("X-Correlation-ID")
    given = (event.get("requestContext") or {}).get("requestId")
    for candidate in (asked, given):
        if isinstance(candidate, str) and _CORRELATION.match(candidate):
            return candidate
    return str(uuid.uuid4())


def _decoded(parameter: str) -> str:
    try:
        text = unquote_to_bytes(parameter).decode()
    except UnicodeError:
        raise Malformed("The path is not percent-encoded UTF-8") from None
    return text.lower() if UUID.match(text.lower()) else text  # RFC 9562, 4: in either case


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if not body:
        return b""
    try:
        if event.get("isBase64Encoded"):
            return base64.b64decode(body, validate=True)
        return body if isinstance(body, bytes) else str(body).encode()
    except (binascii.Error, UnicodeError):
        raise Malformed("The body cannot be decoded") from None
