"""Everything that can go wrong, as one small tree.

Each error knows its HTTP status and whether trying again can help; queues and streams use
`retryable` where HTTP uses `status`. Adapters translate SDK errors at the call; `edge.problem`
turns these into RFC 9457 problem documents. The problem type of an error is its class name in
kebab-case (`StaleVersion` is `/problems/stale-version`); `title` is constant per class, `detail`
speaks of this occurrence.

::

    AppError
    ├─ Malformed            400   the request cannot be parsed
    ├─ Unauthenticated      401
    ├─ Forbidden            403   the caller is known, this is not allowed
    ├─ NotFound             404   also what belongs to another workspace
    ├─ MethodNotAllowed     405
    ├─ NotAcceptable        406
    ├─ Conflict             409   the current state refuses the command
    │  └─ InFlight          409   a request with this Idempotency-Key is still running  (retryable)
    ├─ StaleVersion         412   the state moved on
    ├─ TooLarge             413
    ├─ UnsupportedMedia     415
    ├─ Invalid              422   each fault with a JSON pointer
    │  └─ KeyReused         422   the Idempotency-Key was used with another request
    ├─ PreconditionRequired 428   the call needs If-Match
    ├─ InferenceFailed      502   a model's answer cannot be used
    ├─ Unavailable          503   a dependency does not answer          (retryable)
    │  ├─ Contended         503   other writers kept winning            (retryable)
    │  ├─ LogUnreadable     503   a commit newer than this code         (retryable)
    │  └─ LogDamaged        503   the log has a hole or an overlap
    └─ ContentDamaged       500   bytes differ from their checksum
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypedDict


class Fault(TypedDict):
    """One thing wrong with a request body: where (RFC 6901 JSON pointer) and what."""

    pointer: str
    detail: str


class AppError(Exception):
    """The root. `extra` members are added to the problem document as they are (JSON only)."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra: Mapping[str, Any] = {k: v for k, v in extra.items() if v is not None}


class Malformed(AppError):
    """The request cannot be parsed: bad JSON, bad multipart, a bad query parameter."""

    status, title = 400, "Malformed request"


class Unauthenticated(AppError):
    """No caller, or a token that does not verify."""

    status, title = 401, "Authentication required"


class Forbidden(AppError):
    """The caller is known, but may not do this."""

    status, title = 403, "Not allowed"


class NotFound(AppError):
    """There is no such thing in the caller's workspace."""

    status, title = 404, "Not found"


class MethodNotAllowed(AppError):
    """The path exists, but not with this method."""

    status, title = 405, "Method not allowed"


class NotAcceptable(AppError):
    """Nothing we can send satisfies the Accept header."""

    status, title = 406, "Not acceptable"


class Conflict(AppError):
    """The current state refuses the command (for example: the resource is archived)."""

    status, title = 409, "Conflict with the current state"


class InFlight(Conflict):
    """A request with the same Idempotency-Key has not finished yet."""

    title, retryable = "Request already in progress", True


class StaleVersion(AppError):
    """The version that the client named is not the current one. Carries `expected` and `actual`."""

    status, title = 412, "The version is not current"


class TooLarge(AppError):
    """More bytes than the limit, which stands in `limit_bytes`."""

    status, title = 413, "Too large"


class UnsupportedMedia(AppError):
    """The request body's media type is not one that this call takes."""

    status, title = 415, "Unsupported media type"


class Invalid(AppError):
    """The request can be parsed, but says something that cannot be. `errors` lists each fault."""

    status, title = 422, "Invalid request"

    def __init__(self, detail: str, errors: tuple[Fault, ...] = (), **extra: Any) -> None:
        super().__init__(detail, errors=list(errors) or None, **extra)


class KeyReused(Invalid):
    """The Idempotency-Key was used before with a different request."""

    title = "Idempotency-Key used with another request"


class PreconditionRequired(AppError):
    """The call needs an If-Match header, so that nobody overwrites what he has not seen."""

    status, title = 428, "If-Match required"


class InferenceFailed(AppError):
    """A detector or a writer gave no answer that can be used; `reason` names why in one word."""

    status, title = 502, "Inference failed"


class Unavailable(AppError):
    """A dependency does not answer in time; `dependency` names it."""

    status, title, retryable = 503, "A dependency is unavailable", True


class Contended(Unavailable):
    """Other writers won every bounded try; nothing was written."""

    title = "Too many writers at once"


class LogUnreadable(Unavailable):
    """A stored commit is newer than this code, or of no form that it knows; `version` names it.

    `retryable`: a newer deployment can read it. A reader never skips it.
    """

    title = "The log cannot be read at this version"


class LogDamaged(Unavailable):
    """The stream has a hole, an overlap, or a commit that does not fit; `version` names the place.

    A commit does not fit the state before it, or it cannot be decoded and its hash is another one.
    """

    title, retryable = "The log is damaged", False


class ContentDamaged(AppError):
    """Stored bytes are missing, or their SHA-256 is not their key."""

    title = "Stored content is damaged"
