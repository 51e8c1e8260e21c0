"""Each layer twice: the adapter on moto, which a module's tests share, and its twin.

Every test has a workspace of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from chalicelib.config import Config
from chalicelib.content import Content
from chalicelib.domain.ids import Stream
from chalicelib.log import Log
from chalicelib.system import System
from chalicelib.views import Views
from infra.local.aws import aws
from tests.twins import Store, TwinContent, TwinLog, TwinViews

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """AWS on moto with everything of `infra/core.yaml`; yields the settings that name it."""
    with aws() as names:
        yield {
            **names,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
        }


@pytest.fixture(scope="module")
def real(environment: dict[str, str]) -> System:
    """The system on moto whose clients a module's tests share."""
    return System(Config.from_env(environment))


@pytest.fixture
def workspace() -> str:
    return f"w{next(_NUMBERS)}"


@pytest.fixture
def stream(workspace: str) -> Stream:
    return Stream.of_resource(workspace, "01890a5d-ac96-774b-bcce-b302099a8057")


@pytest.fixture(params=["twin", "moto"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _either(kind: str, request: pytest.FixtureRequest, twin: Any, layer: str) -> Any:
    if kind == "twin":
        return twin(Store())
    return getattr(request.getfixturevalue("real"), layer)


@pytest.fixture
def log(kind: str, request: pytest.FixtureRequest) -> Log:
    """L2, as adapter and as twin."""
    return _either(kind, request, TwinLog, "log")  # type: ignore[no-any-return]


@pytest.fixture
def views(kind: str, request: pytest.FixtureRequest) -> Views:
    """L3, as adapter and as twin."""
    return _either(kind, request, TwinViews, "views")  # type: ignore[no-any-return]


@pytest.fixture
def content(kind: str, request: pytest.FixtureRequest) -> Content:
    """L1, as adapter and as twin."""
    return _either(kind, request, TwinContent, "content")  # type: ignore[no-any-return]
