"""Clients of the account that is deployed to, and how long to wait between two looks at it.

Which account and region: the AWS CLI's own environment variables and files. `AWS_ENDPOINT_URL`
points all of it at an emulator; `DEPLOY_POLL_S=0.1` makes waiting quick there.
"""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from infra.deploy.errors import DeployError

NO_REGION: Final = "No region is set: export AWS_REGION, or `aws configure set region`."
POLL_S: Final = float(os.environ.get("DEPLOY_POLL_S", "3"))


@functools.cache
def client(service: str) -> Any:
    """Return the client of a service."""
    import boto3
    from botocore.config import Config

    made: Any = boto3.client  # its overloads want the service as a literal
    # Deploys run into rate limits.
    return made(service, config=Config(retries={"mode": "standard", "total_max_attempts": 8}))


@functools.cache
def account() -> str:
    """Return the account's number."""
    return str(client("sts").get_caller_identity()["Account"])


@functools.cache
def region() -> str:
    """Return the region; raises DeployError where none is configured."""
    import boto3

    found = boto3.session.Session().region_name
    if not found:
        raise DeployError(NO_REGION)
    return str(found)


def partition() -> str:
    """Return `aws`, `aws-cn` or `aws-us-gov`."""
    import boto3

    return str(boto3.session.Session().get_partition_for_region(region()))


def endpoint() -> str | None:
    """Return the emulator's URL, None on AWS itself."""
    return os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/") or None


def pages(service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
    """Yield the items of a list, of all its pages."""
    for page in client(service).get_paginator(operation).paginate(**arguments):
        yield from page.get(key) or ()


def code(error: Any) -> str:
    """Return the error code of a botocore ClientError."""
    return str(error.response["Error"]["Code"])


def message(error: Any) -> str:
    """Return what AWS says of an error, without what botocore puts round it."""
    text = re.sub(
        r"^An error occurred \([^)]+\) when calling the \w+ operation[^:]*: ", "", str(error)
    )
    return text.strip() or type(error).__name__


def wait(done: Callable[[], bool], what: str, timeout_s: float) -> None:
    """Ask `done` until it says yes; raises DeployError after `timeout_s`."""
    until = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > until:
            raise DeployError(f"{what} took more than {timeout_s:.0f} s.")
        time.sleep(POLL_S)
