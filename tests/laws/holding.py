"""How a law is stated: it holds on every plan, and is broken by a double within a few hundred.

A failing plan is printed as it would be typed: ``python -m tests.laws.replay "Plan(seed=…)"``.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st

from tests.laws.world import Doubles, Plan, World
from tests.schedules import NONE, Faults, Violation

ROUGH = Faults(throttled=0.03, lost=0.03, killed=0.03, stalled=0.01)
"""Each call: 3 % refused, 3 % done without an answer, 3 % fatal, 1 % stalled."""
DEADLY = Faults(killed=0.08)
SLOW = Faults(stalled=0.05)
LOSSY = Faults(lost=0.15)


def schedules(number: int) -> Any:
    """Return Hypothesis settings for so many schedules."""
    return settings(
        max_examples=number,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def plans(**choices: Any) -> st.SearchStrategy[Plan]:
    """Return plans with any seed; a tuple among the choices is drawn from, others are fixed."""
    drawn = {
        name: st.sampled_from(choice) if isinstance(choice, tuple) else st.just(choice)
        for name, choice in choices.items()
    }
    return st.builds(Plan, seed=st.integers(0, 2**32 - 1), **drawn)


def drawn(seed: int, choices: dict[str, Any]) -> Plan:
    """Return the plan that a seed draws from the choices, without Hypothesis."""
    random = Random(seed)
    picked = {
        name: random.choice(choice) if isinstance(choice, tuple) else choice
        for name, choice in choices.items()
    }
    return Plan(seed, **picked)


def holds(plan: Plan) -> None:
    """Run the plan on the twins; raise the Violation that it meets."""
    note(f'replay: python -m tests.laws.replay "{plan}"')
    World(plan).run()


def broken(
    make_plan: Callable[[int], Plan], doubles: Doubles, law: str, most: int = 400
) -> tuple[Plan, str]:
    """Return the first plan of 0, 1, 2 … that shows the doubles to break the law, and how.

    Fails if none does: then the law has no teeth.
    """
    for seed in range(most):
        plan = make_plan(seed)
        try:
            World(plan, doubles).run()
        except Violation as violation:
            if law in str(violation):
                return plan, str(violation)
    raise AssertionError(f"{most} schedules on a broken double, and {law} was never seen broken")


def varied(seed: int) -> Faults:
    """Return faults by turns, so that the first seeds see all of them."""
    return (NONE, ROUGH, DEADLY, SLOW)[seed % 4]
