"""What runs only minutes at a time does a turn, and the next turn goes on where it ended."""

from __future__ import annotations

import json
from io import StringIO
from itertools import count
from typing import Any

import pytest

from chalicelib.flows.turns import Command, merged, turn
from chalicelib.system import System
from infra.ops import onaws
from infra.ops.__main__ import main
from infra.ops.progress import Bar
from tests.recovery import scene


@pytest.fixture
def spoilt(system: System) -> System:
    """Five resources; the view of one has a wrong hash, another lacks an annotation."""
    streams = [
        scene.create(system, f"Page {number}", f"A text, number {number}.") for number in range(5)
    ]
    (mark,) = scene.annotate(system, streams[3], 1)
    table = system.config.views_table
    views = scene.items(table)
    scene.put(table, views[streams[0].key, "resource"] | {"hash": {"B": 32 * b"0"}})
    scene.delete(table, views[streams[3].key, f"annotation#0#{mark}"])
    return system


def in_turns(system: System, command: Command, left_s: float) -> tuple[dict[str, Any], int]:
    """Ask until there is no next. Each turn does two streams at a time, and finds its time over."""
    asked: Any = {}
    report: dict[str, Any] = {}
    for number in count(1):
        looks = iter([left_s])
        answer = turn(system, command, asked, lambda looks=looks: next(looks, 0.0), 2)
        report = merged(report, answer["report"])
        asked = answer["next"]
        if asked is None:
            return report, number
    raise AssertionError


def test_a_command_in_many_turns_tells_the_same_as_in_one(spoilt: System) -> None:
    at_once = turn(spoilt, "verify", {}, lambda: 900.0)
    report, number = in_turns(spoilt, "verify", 900.0)

    assert number > 3
    assert not at_once["ok"]
    assert at_once["next"] is None
    assert report == at_once["report"]
    assert len(report["verify"]["faults"]) == 2
    assert report["verify"]["streams"] == 5


def test_recovering_in_turns_puts_everything_right(spoilt: System) -> None:
    report, number = in_turns(spoilt, "recover", 900.0)

    assert number > 5
    assert report["views"]["rebuilt"] == 5
    assert report["verify"] == turn(spoilt, "verify", {}, lambda: 900.0)["report"]["verify"]
    assert report["verify"]["ok"]


def test_a_turn_that_was_lost_may_be_asked_again(spoilt: System) -> None:
    first = turn(spoilt, "rebuild_views", {}, lambda: 0.0, 2)
    again = turn(spoilt, "rebuild_views", {}, lambda: 0.0, 2)
    assert first["next"] == again["next"]
    assert (first["done"], first["of"]) == (2, 5)


def test_what_no_turn_returned_is_refused(system: System) -> None:
    with pytest.raises(ValueError, match="no part 'graph'"):
        turn(system, "verify", {"part": "graph"}, lambda: 900.0)


def test_the_functions_of_the_app_take_turns(spoilt: System, environment: dict[str, str]) -> None:
    """As AWS invokes them: with what was asked, and a context that knows the time left."""
    from app import app
    from chalicelib import system as systems
    from infra.local.functions import context

    systems.use(spoilt)
    try:
        found = app.handler_map["verify"]({}, context("verify", 900))
        assert not found["ok"]
        assert app.handler_map["recover"]({"workspace": "demo"}, context("recover", 900))["ok"]
        assert app.handler_map["verify"]({}, context("verify", 900))["ok"]
    finally:
        systems.use(None)


def test_an_operators_command_takes_turns_until_nothing_is_left(spoilt: System) -> None:
    """The loop of `--on-aws`, on the function itself; what AWS adds is the way there."""
    asked: list[Any] = []
    out = StringIO()

    def invoke(question: dict[str, Any]) -> dict[str, Any]:
        asked.append(question)
        looks = iter([900.0])
        return json.loads(  # type: ignore[no-any-return]
            json.dumps(turn(spoilt, "verify", question, lambda: next(looks, 0.0), 2))
        )

    report = onaws.in_turns(invoke, "verify", "demo", Bar(out))

    assert asked[0] == {"workspace": "demo"}
    assert asked[1]["after"] > ""
    assert not report["ok"]
    assert len(report["verify"]["faults"]) == 2
    assert "verify 2/5" in out.getvalue()


def test_a_function_that_is_not_there_is_told_with_what_was_asked(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--on-aws", "nowhere", "--workspace", "demo"]) == 2
    error = capsys.readouterr().err
    assert 'palimpsest-nowhere-verify with {"workspace": "demo"}:' in error
    assert main(["verify", "--on-aws", "No-Stage"]) == 2
    assert "cannot be a stage" in capsys.readouterr().err
    assert main(["reconcile", "--on-aws", "dev"]) == 2
