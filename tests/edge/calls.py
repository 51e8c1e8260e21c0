"""Calls as API Gateway brings them, and the configuration of whoever checks their tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config import Config
from chalicelib.edge.auth import Authenticator
from chalicelib.edge.call import Call, Caller
from tests.edge import issuer
from tests.edge.issuer import KeySet

CONFIG = Config(
    log_table="log",
    views_table="views",
    idempotency_table="idempotency",
    content_bucket="content",
    public_url="http://127.0.0.1:8000",
    jwt_issuer=issuer.ISSUER,
    jwt_audience=issuer.AUDIENCE,
    jwt_jwks_url="https://issuer.test/jwks.json",
    jwt_algorithms=("RS256",),
    **{
        name: field.metadata["default"]
        for name, field in Config.__dataclass_fields__.items()
        if field.metadata["default"] is not ... and not name.startswith("jwt_algorithms")
    },
)
LOCAL = replace(CONFIG, local_user="ada", local_workspace="demo")


def call(headers: dict[str, Any], source_ip: str = "203.0.113.9") -> Call:
    many = {name: value if isinstance(value, list) else [value] for name, value in headers.items()}
    event = {
        "requestContext": {
            "httpMethod": "GET",
            "resourcePath": "/",
            "identity": {"sourceIp": source_ip},
        },
        "multiValueHeaders": many,
    }
    return Call.of_event(event, None, lambda _: pytest.fail("not asked for"))


def caller(bearer: str, config: Config = CONFIG, keys: KeySet | None = None) -> Caller:
    authenticator = Authenticator(config, keys or KeySet())
    return authenticator.caller(call({"Authorization": f"Bearer {bearer}"}))
