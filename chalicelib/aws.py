"""Clients of AWS, all from one botocore session, which is made at the first use.

A session reads and parses AWS's data files (endpoints, partitions, defaults) for itself. Clients
from several sessions, and boto3 on top, take as long again to make as the import of botocore:
`bench/cold_import.py` keeps count. What is cached here is data and credentials of this process, no
client: those belong to the layers that use them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from chalicelib.errors import Unavailable

SERVICES: Final = ("dynamodb", "s3", "sqs", "ssm", "bedrock-runtime", "comprehend")
"""Those that `client` makes clients of."""

IN_SSM: Final = "ssm:"

_lock = threading.Lock()


@cache
def session() -> Any:
    """Return this process's botocore session."""
    from botocore.session import get_session

    made: Any = get_session()
    # To see whether a service is known, it would look at 2,740 files, twice 400 services.
    made.get_component("data_loader").list_available_services = lambda type_name: SERVICES
    return made


def client(service: str, **settings: Any) -> Any:
    """Return a new client of one of `SERVICES`.

    `settings` are those of `botocore.session.Session.create_client`.
    """
    with _lock:  # a session may be used by one thread at a time
        return session().create_client(service, **settings)


def told(setting: str) -> str:
    """Return a secret: the setting itself, or what ``ssm:<name>`` stands for in Parameter Store."""
    if not setting.startswith(IN_SSM):
        return setting
    with translated("the parameter store", "secrets"):
        parameter = client("ssm").get_parameter(
            Name=setting.removeprefix(IN_SSM), WithDecryption=True
        )
    value: str = parameter["Parameter"]["Value"]
    return value


@contextmanager
def translated(store: str, dependency: str) -> Iterator[None]:
    """Turn what botocore raises into `Unavailable`: "<store> does not answer (<code>)"."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (ClientError, BotoCoreError) as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
        raise Unavailable(f"{store} does not answer ({code})", dependency=dependency) from error


def refusals() -> type[Exception]:
    """Return what is raised for a call that AWS refused: for `except`, as in `dynamo.refusals`."""
    from botocore.exceptions import ClientError

    refused: type[Exception] = ClientError
    return refused


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of botocore came with; None if there was no answer."""
    response = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return int(status) if status is not None else None


def make_client(connection: Any) -> None:
    """Make the client of a PynamoDB connection now, in this session.

    Left alone, each thread that comes first would make a session and a client of its own.
    """
    with _lock:
        connection._local.session = session()
        connection.client  # noqa: B018  # a property that makes it
