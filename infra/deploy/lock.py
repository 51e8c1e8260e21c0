"""One deploy of a stage at a time: two at once would mend each other's work away."""

from __future__ import annotations

import getpass
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from infra.deploy import aws
from infra.deploy.errors import DeployError

KEY: Final = "state/lock.json"
STALE_S: Final = 3600.0
"""A deploy that was killed leaves its lock; Neptune's quarter of an hour is the longest step."""


@contextmanager
def held(bucket: str, doing: str = "deploying") -> Iterator[None]:
    """Hold the lock of a stage. Raises DeployError, naming who holds it, and what he does.

    One that is older than an hour is taken over, and that is said.
    """
    from botocore.exceptions import ClientError

    mine = json.dumps({"who": _who(), "doing": doing, "at": time.time()}).encode()
    s3, asked = aws.client("s3"), {"Bucket": bucket, "Key": KEY, "Body": mine}
    try:
        s3.put_object(**asked, IfNoneMatch="*")
    except ClientError as error:
        if aws.code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        there = _there(bucket)
        if there is not None and time.time() - there["at"] < STALE_S:
            raise DeployError(
                f"{told(there)}: wait for it; if it was killed, `python -m infra.deploy unlock` "
                "lets you in."
            ) from None
        if there is not None:
            print(f"{told(there)}, which is taken for dead.", flush=True)
        s3.put_object(**asked)
    try:
        yield
    finally:
        s3.delete_object(Bucket=bucket, Key=KEY)


def holder(bucket: str) -> str | None:
    """Return who holds the lock, what he does and since when; None if nobody does."""
    there = _there(bucket)
    return None if there is None else told(there)


def release(bucket: str) -> None:
    """Take the lock away, whoever holds it."""
    aws.client("s3").delete_object(Bucket=bucket, Key=KEY)


def told(there: dict[str, Any]) -> str:
    """Return a lock in words."""
    minutes = (time.time() - there["at"]) / 60
    return f"{there['who']} has been {there.get('doing', 'deploying')} for {minutes:.0f} minutes"


def _there(bucket: str) -> dict[str, Any] | None:
    s3 = aws.client("s3")
    try:
        return dict(json.loads(s3.get_object(Bucket=bucket, Key=KEY)["Body"].read()))
    except s3.exceptions.NoSuchKey:
        return None


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # no name for this number, as in a container
        user = "somebody"
    return f"{user} on {socket.gethostname()}"
