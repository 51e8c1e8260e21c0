"""Calls of AWS's inference services, and what their errors mean for a job.

Either trying again can help (`Unavailable`: the queue sends the job again, a bounded number of
times), or it cannot (`InferenceFailed` with the reason, for the job's end).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from chalicelib import aws
from chalicelib.errors import InferenceFailed, Unavailable

Clients = Callable[[str], Any]
"""Makes the boto client of a service: ``clients("bedrock-runtime")``."""

CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 240
"""A model's whole answer may take minutes; the worker's time-out must be longer than this."""

# Codes that a later try may not see again, of Bedrock's and Comprehend's service models
# (botocore 1.44.5). Throttled calls were tried twice already when they get here.
_AGAIN: Final = frozenset((
    "ThrottlingException",
    "TooManyRequestsException",
    "ServiceQuotaExceededException",
    "ServiceUnavailableException",
    "ModelNotReadyException",
    "ModelTimeoutException",
    "ModelErrorException",
    "InternalServerException",
    "ResourceUnavailableException",
    "ExpiredTokenException",
    "RequestTimeout",
    "RequestTimeoutException",
))  # fmt: skip

_REASONS: Final = {
    "AccessDeniedException": "denied",
    "UnrecognizedClientException": "denied",
    "InvalidSignatureException": "denied",
    "SubscriptionRequiredException": "denied",
    "ResourceNotFoundException": "no-model",
    "TextSizeLimitExceededException": "too-long",
    "UnsupportedLanguageException": "unsupported-language",
}
_VALIDATION: Final = {
    "too long": "too-long",
    "too many input tokens": "too-long",
    "maximum context": "too-long",
    "context window": "too-long",
    "exceed context limit": "too-long",
    "number of input tokens exceeds": "too-long",
    "model identifier is invalid": "no-model",
    "with on-demand throughput": "no-model",
    "at 'languagecode' failed to satisfy": "unsupported-language",
}
"""What a ValidationException says of a text that does not fit, of a name or a language not known.

The names' as others recorded them (tests/inference/shapes); the lengths' as users of Claude, Nova
and Llama report them, the language's as those of Comprehend do (2026-11).
"""
_MALFORMED: Final = "invalid sequence as part of tooluse"
"""What a ModelErrorException says, of Nova above all, where the model called a tool wrongly.

That is the answer that Converse elsewhere ends with `malformed_tool_use`; somebody's 247 in three
hours were each tried again, to no use (report 895 in the README of tests/inference/shapes).
"""


def clients(service: str) -> Any:
    """Return a new client of a service, with time-outs for a model's pace and one retry."""
    from botocore.config import Config

    return aws.client(
        service,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": 2},
        ),
    )


@contextmanager
def translated(dependency: str) -> Iterator[None]:
    """Raise what botocore raises as Unavailable or InferenceFailed."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        NoRegionError,
        ParamValidationError,
    )

    try:
        yield
    except ClientError as error:
        raise _meaning(error.response, dependency) from error
    except (NoCredentialsError, NoRegionError) as error:
        detail = f"{dependency} cannot be called: {error}"
        raise InferenceFailed(detail, reason="denied") from error
    except ParamValidationError as error:
        detail = f"{dependency} cannot be asked this: {error}"
        raise InferenceFailed(detail, reason="rejected") from error
    except BotoCoreError as error:
        detail = f"{dependency} does not answer ({type(error).__name__})"
        raise Unavailable(detail, dependency=dependency) from error


def _meaning(response: Any, dependency: str) -> Unavailable | InferenceFailed:
    code = response.get("Error", {}).get("Code", "")
    message = response.get("Error", {}).get("Message", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "ModelErrorException" and _MALFORMED in message.casefold():
        return InferenceFailed(f"{dependency}: {message}", reason="unreadable")
    if code in _AGAIN or status >= 500 or status == 429:
        return Unavailable(f"{dependency} does not answer ({code})", dependency=dependency)
    said = (why for words, why in _VALIDATION.items() if words in message.casefold())
    reason = _REASONS.get(code) or next(said, "rejected")
    return InferenceFailed(f"{dependency} refused the call ({code}): {message}", reason=reason)
