"""Which system to work on: a running local one, a deployed stack, or what the environment names."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from chalicelib.aws import IN_SSM
from chalicelib.config import Config, Misconfigured
from chalicelib.system import System
from infra.deploy.stage import PREFIX, Stage
from infra.local.settings import settings
from infra.local.template import variable

TIMEOUT_S: Final = 5.0

# Operators bring AWS credentials, not tokens: nothing of these is used.
_UNUSED: Final = {
    "PUBLIC_URL": "https://unused.invalid",
    "JWT_ISSUER": "unused",
    "JWT_AUDIENCE": "unused",
    "JWT_JWKS_URL": "https://unused.invalid",
}


class CannotConnectError(Exception):
    """The message is one sentence."""


def connect(local: str | None, stack: str | None) -> System:
    """Return the system to work on. Raises CannotConnectError."""
    environ: Mapping[str, str] = os.environ
    if local is not None:
        environ = _of_local(local.rstrip("/"))
    elif stack is not None:
        environ = {**os.environ, **_of_stack(stack)}
    try:
        return System(Config.from_env({**_UNUSED, **environ}))
    except Misconfigured as error:
        raise CannotConnectError(
            f"Which system? --local URL, --stack NAME, or the environment: {error}."
        ) from error


def _of_local(url: str) -> dict[str, str]:
    try:
        with urllib.request.urlopen(f"{url}/_local/", timeout=TIMEOUT_S) as answer:  # noqa: S310
            about: dict[str, Any] = json.load(answer)
    except (urllib.error.URLError, ValueError, OSError) as error:
        raise CannotConnectError(f"No local system answers at {url} ({error}).") from error
    # moto takes any credentials; a developer's own must not be sent to it.
    os.environ.update(
        {
            "AWS_ENDPOINT_URL": about["AWS_ENDPOINT_URL"],
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
        }
    )
    os.environ.pop("AWS_PROFILE", None)
    os.environ.pop("AWS_SESSION_TOKEN", None)
    return {**settings(url), **{name: str(value) for name, value in about.items() if value}}


def _of_stack(name: str) -> dict[str, str]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        (found,) = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise CannotConnectError(f"The stack {name} cannot be read: {error}") from error
    names = {
        variable(output["OutputKey"]): output["OutputValue"] for output in found.get("Outputs", ())
    }
    given = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", ())}
    if "Stage" in given and "HEADS_KEY" not in os.environ:
        stage = Stage(name=given["Stage"], prefix=given.get("Prefix", PREFIX))
        names["HEADS_KEY"] = IN_SSM + stage.heads_key
    return names
