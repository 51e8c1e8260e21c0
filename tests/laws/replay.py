"""Run one plan again and print every step: ``python -m tests.laws.replay "Plan(seed=7)"``.

The plan is what a failing law prints. Doubles are named behind it:
``… "Plan(seed=7)" tests.laws.test_view_laws:NoTombstones materializer``.
"""

from __future__ import annotations

import importlib
import sys

from tests.laws.world import Doubles, Plan, World, layers
from tests.schedules import Faults, Violation
from tests.twins import TwinLog


def main(text: str, double: str = "", role: str = "client") -> None:
    """Run the plan that the text says."""
    plan = eval(text, {"Plan": Plan, "Faults": Faults})
    doubles = Doubles()
    if double:
        module, _, name = double.partition(":")
        made = getattr(importlib.import_module(module), name)
        put = layers(made) if issubclass(made, TwinLog) else layers(views=made)
        doubles = Doubles(**{role: put})
    world = World(plan, doubles, trace=True)
    try:
        world.run()
        verdict = "every law held"
    except Violation as violation:
        verdict = f"VIOLATION {violation}"
    for step, (task, call) in enumerate(world.schedule.trace or []):
        print(f"{step:6} {task:14} {call}")
    for key in world.store.commits:
        print(key)
        for commit in world.store.commits[key].values():
            kinds = ", ".join(event.event.type for event in commit.events())
            print(f"  {commit.first:4} {kinds}  key={commit.key}")
    print(verdict)


if __name__ == "__main__":
    main(*sys.argv[1:])
