from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local.aws import aws


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """AWS in process, holding what infra/core.yaml describes; yields the environment."""
    with aws() as variables:
        yield variables
