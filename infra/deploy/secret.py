"""HEADS_KEY: made once for a stage, kept in SSM as a SecureString, and never printed.

It signs the lists of heads that witness the log (docs/recovery.md). `destroy` leaves it, as it
leaves the lists: without it, nobody can tell any more whether they are genuine.
"""

from __future__ import annotations

import secrets
from typing import Any

from chalicelib.aws import IN_SSM
from infra.deploy import aws
from infra.deploy.stage import Stage


def reference(stage: Stage) -> str:
    """Return what HEADS_KEY is set to: where the key is, which is made at the first call."""
    from botocore.exceptions import ClientError

    ssm, name = aws.client("ssm"), stage.heads_key
    try:
        ssm.get_parameter(Name=name)
        return IN_SSM + name
    except ClientError as error:
        if aws.code(error) != "ParameterNotFound":
            raise
    made = secrets.token_urlsafe(48)
    encrypted: dict[str, Any] = {"KeyId": stage.kms_key_arn} if stage.kms_key_arn else {}
    ssm.put_parameter(Name=name, Value=made, Type="SecureString", **encrypted)
    return IN_SSM + name
