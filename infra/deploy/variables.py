"""Which variables of the environment a stage's settings may add, to every function.

The functions' own configuration is asked how a value is read: what it refuses, it would refuse at
every request. Checks raise ValueError, as those of `settings` do.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, Final

from chalicelib.config import Config

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+\Z")
"""Lambda wants two characters: botocore's model of `lambda`, read 2026-11."""
# AWS, "Defined runtime environment variables", read 2026-11. Lambda reserves most of AWS_, and by
# the rest the SDK would look for another account, or at another endpoint.
RESERVED: Final = re.compile(r"AWS_|_HANDLER\Z|_X_AMZN_TRACE_ID\Z|LAMBDA_(TASK_ROOT|RUNTIME_DIR)\Z")
OURS: Final = frozenset(
    {
        # What the stacks put out …
        *("LOG_TABLE", "LOG_STREAM_ARN", "VIEWS_TABLE", "VIEWS_STREAM_ARN", "IDEMPOTENCY_TABLE"),
        *("JOBS_TABLE", "JOBS_STREAM_ARN", "CONNECTIONS_TABLE"),
        *("CONTENT_BUCKET", "HEADS_BUCKET", "DEPLOY_BUCKET"),
        *("JOBS_QUEUE_URL", "JOBS_QUEUE_ARN", "SLOW_JOBS_QUEUE_URL", "SLOW_JOBS_QUEUE_ARN"),
        *("JOBS_DEAD_LETTER_QUEUE_URL", "STREAM_FAILURE_QUEUE_URL", "STREAM_FAILURE_QUEUE_ARN"),
        *("USER_POOL_ID", "USER_POOL_CLIENT_ID", "ALARM_TOPIC"),
        # … and what a deploy makes of that and of the settings.
        *("STAGE", "PUBLIC_URL", "SOCKETS_URL", "SOCKETS_ENDPOINT_URL", "INFERENCE", "HEADS_KEY"),
        *("GRAPH", "GRAPH_IAM", "TRACING", "CORS_ORIGINS"),
        *("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"),
        *("JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL", "JWT_ALGORITHMS"),
        *("JWT_AUDIENCE_CLAIM", "JWT_WORKSPACE_CLAIM", "JWT_NAME_CLAIM"),
    }
)
"""A test holds these equal to what is rendered. GRAPH_READER is ours only beside Neptune."""


def check(name: str, value: Any) -> None:
    """Look at a variable that all functions are to have. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError('must be text in quotes, "5", as every variable is')
    if RESERVED.match(name):
        raise ValueError("must not be set: Lambda, or the SDK in it, keeps that name")
    if not NAME.match(name):
        raise ValueError(
            "must have a name that Lambda takes: two or more of A-Z, a-z, 0-9 and _, a letter first"
        )
    if name in OURS:
        raise ValueError("must not be set: the deployment itself sets it")
    parsed(name, value)


def parsed(name: str, text: str) -> None:
    """Parse a value as the functions do. Raises ValueError."""
    parse = {each.name.upper(): each.metadata["parse"] for each in fields(Config)}.get(name, str)
    if not text:
        return  # as if it were not set
    try:
        parse(text)
    except ValueError as error:
        told = {int: "must be a whole number", float: "must be a number"}
        raise ValueError(told.get(parse) or str(error)) from error
