"""The commands of a stage, on one that is deployed to the emulator."""

from __future__ import annotations

import pytest

from tests.deploy.conftest import NOTHING
from tests.deploy.deployed import Deployed

pytestmark = [pytest.mark.deploy, pytest.mark.ministack]


def test_a_stage_that_was_just_deployed_is_well_and_differs_in_nothing(deployed: Deployed) -> None:
    deployed.deploy(GRAPH=NOTHING)
    deployed.forget_failures()

    status = deployed.run("status", GRAPH=NOTHING)
    diff = deployed.run("diff", GRAPH=NOTHING)

    assert "WRONG" not in status
    assert f"{deployed.prefix}-stream-failures" in status
    differences = [line for line in diff.split("\n") if line and not line.startswith("source: ")]
    assert differences in ([], ["nothing would change"])


def test_the_smoke_walk_goes_through_it_from_outside(deployed: Deployed) -> None:
    said = deployed.run("smoke", TOKEN=deployed.token(workspace="smoke"), GRAPH=NOTHING)

    assert "heard by websocket" in said
    assert "a job: complete" in said


def test_a_release_is_put_back_and_works(deployed: Deployed) -> None:
    listed = deployed.run("rollback", "--list", GRAPH=NOTHING)
    newest = listed.strip().split("\n")[-1].split()[0]

    said = deployed.run("rollback", "--to", newest, GRAPH=NOTHING)

    assert "api_handler: app.app of " in said
    assert "both APIs: routes of then" in said
    with deployed.api() as api:
        assert api.get("/resources").status_code == 200


def test_what_functions_log_is_printed_by_time(deployed: Deployed) -> None:
    with deployed.api() as api:
        assert api.get("/api/live").status_code == 200

    said = deployed.run("logs", "--since", "1h", "--function", "api_handler", GRAPH=NOTHING)

    lines = [line for line in said.split("\n") if " api_handler: " in line]
    assert lines
    assert lines == sorted(lines, key=lambda line: line[:24])
