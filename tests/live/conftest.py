from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.sockets import Limits
from tests.live.local import Local, running
from tests.live.npm import CLIENTS, LIVE, installed

sys.path.insert(0, str(Path(__file__).parents[2] / "clients" / "python"))


@pytest.fixture(scope="module")
def local() -> Iterator[Local]:
    """A local system for a module; tests leave its pumps running."""
    with running(Limits(idle_s=3600, life_s=7200)) as system:
        yield system


@pytest.fixture(scope="session")
def node() -> str:
    """Node, with the clients that we did not write."""
    return installed(LIVE, CLIENTS)
