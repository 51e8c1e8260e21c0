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
def held(bucket: str) -> Iterator[None]:
    """Hold the lock of a stage. Raises DeployError, naming who holds it."""
    from botocore.exceptions import ClientError

    s3, mine = aws.client("s3"), json.dumps({"who": _who(), "at": time.time()}).encode()
    asked: dict[str, Any] = {"Bucket": bucket, "Key": KEY, "Body": mine}
    try:
        s3.put_object(**asked, IfNoneMatch="*")
    except ClientError as error:
        if aws.code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        found = json.loads(s3.get_object(Bucket=bucket, Key=KEY)["Body"].read())
        age_s = time.time() - found["at"]
        if age_s < STALE_S:
            raise DeployError(
                f"{found['who']} has been deploying for {age_s / 60:.0f} minutes: wait for it; if "
                f"it was killed, delete s3://{bucket}/{KEY}."
            ) from None
        s3.put_object(**asked)
    try:
        yield
    finally:
        s3.delete_object(Bucket=bucket, Key=KEY)


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # no name for this number, as in a container
        user = "somebody"
    return f"{user} on {socket.gethostname()}"
