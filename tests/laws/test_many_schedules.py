"""The same laws over tens of thousands of schedules: ``SCHEDULES=100000 pytest -m long tests/laws``.

Seeds go on from a random one (``SEED`` fixes it), so that each run sees others.
"""

from __future__ import annotations

import os
from random import SystemRandom
from typing import Any

import pytest

from tests.laws import (
    test_answer_laws,
    test_log_laws,
    test_read_laws,
    test_request_laws,
    test_view_laws,
)
from tests.laws.holding import drawn
from tests.laws.world import World
from tests.schedules import Violation

SCHEDULES = int(os.environ.get("SCHEDULES", "20000"))
SHARES = {
    "log": (0.15, test_log_laws.CHOICES),
    "reads": (0.35, test_read_laws.CHOICES),
    "views": (0.25, test_view_laws.CHOICES),
    "requests": (0.15, test_request_laws.CHOICES),
    "answers": (0.1, test_answer_laws.CHOICES),
}


@pytest.mark.long
@pytest.mark.parametrize("law", SHARES)
def test_the_laws_hold_on_many_schedules(law: str) -> None:
    share, choices = SHARES[law]
    start = int(os.environ.get("SEED", SystemRandom().randrange(2**31)))
    for seed in range(start, start + int(share * SCHEDULES)):
        _holds(seed, choices)


def _holds(seed: int, choices: dict[str, Any]) -> None:
    plan = drawn(seed, choices)
    try:
        World(plan).run()
    except Violation as violation:
        pytest.fail(f'{violation}\nreplay: python -m tests.laws.replay "{plan}"')
