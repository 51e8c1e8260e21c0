"""Errors as RFC 9457 problem documents: one shape for everything that goes wrong.

::

    HTTP/1.1 412 Precondition Failed
    Content-Type: application/problem+json

    {"type": "https://…/problems/stale-version", "title": "The version is not current",
     "status": 412, "detail": "…", "instance": "urn:correlation:c6af…", "expected": 7, "actual": 9}
"""

from __future__ import annotations

import re
from typing import Any, Final

from chalicelib import errors
from chalicelib.edge.answer import Answer
from chalicelib.edge.auth import challenge
from chalicelib.errors import AppError, MethodNotAllowed, Unauthenticated

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1


def answer(error: AppError, correlation: str, public_url: str) -> Answer:
    """Return the problem document of an error, with the headers that its status asks for."""
    body: dict[str, Any] = {
        "type": f"{public_url}/problems/{name_of(type(error))}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": f"urn:correlation:{correlation}",
    }
    headers = {"Cache-Control": "no-store"}
    for name, value in error.extra.items():
        body.setdefault(name, value)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = challenge(error)
    if isinstance(error, MethodNotAllowed) and "allow" in error.extra:
        headers["Allow"] = ", ".join(error.extra["allow"])
    if "encodings" in error.extra:
        headers["Accept-Encoding"] = ", ".join(error.extra["encodings"])
    if error.retryable:
        headers["Retry-After"] = str(error.extra.get("retry_after", RETRY_AFTER_S))
    return Answer(error.status, body, headers, media_type=MEDIA_TYPE)


def name_of(kind: type[AppError]) -> str:
    """Return the last segment of the problem's type: ``StaleVersion`` is ``stale-version``.

    An error that a layer declares for itself is the one of `errors` that it is a kind of.
    """
    known = next(base for base in kind.__mro__ if base.__module__ == errors.__name__)
    if known is AppError:
        return "internal-error"
    return re.sub(r"(?<!^)(?=[A-Z])", "-", known.__name__).lower()


def kinds() -> dict[str, type[AppError]]:
    """Return every error of `errors` by its problem name, as they are declared there."""
    declared = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return {name_of(kind): kind for kind in declared if issubclass(kind, AppError)}
