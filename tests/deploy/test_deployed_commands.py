"""The commands of a stage, on one that is deployed to the emulator."""

from __future__ import annotations

import json
import time

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


def test_after_a_deploy_that_broke_off_a_rollback_goes_to_the_last_release(
    deployed: Deployed,
) -> None:
    listed = deployed.run("rollback", "--list", GRAPH=NOTHING)
    newest = listed.strip().split("\n")[-1].split()[0]
    client, name = deployed.emulator.client("lambda"), f"{deployed.prefix}-pusher"
    settings = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**settings, "INFERENCE": "comprehend"}}
    )

    code, said = deployed.command("status", GRAPH=NOTHING)
    assert code == 1
    assert "1 functions are not of the last release (pusher: has other settings" in said
    before = deployed.emulator.client("s3").list_objects_v2(
        Bucket=f"{deployed.prefix}-deploy-000000000000", Prefix="releases/"
    )["KeyCount"]

    deployed.run("rollback", GRAPH=NOTHING)

    assert client.get_function_configuration(FunctionName=name)["Environment"]["Variables"] == (
        settings
    )
    assert newest in listed
    assert len(deployed.run("rollback", "--list", GRAPH=NOTHING).split()) > before


def test_a_release_whose_apis_are_gone_is_told_from_the_others(deployed: Deployed) -> None:
    s3, bucket = deployed.emulator.client("s3"), f"{deployed.prefix}-deploy-000000000000"
    newest = deployed.run("rollback", "--list", GRAPH=NOTHING).strip().split("\n")[-1].split()[0]
    kept = json.loads(s3.get_object(Bucket=bucket, Key=f"releases/{newest}.json")["Body"].read())
    old = "20200101T000000Z"
    body = json.dumps({**kept, "rest_deployment": "gone"}).encode()
    s3.put_object(Bucket=bucket, Key=f"releases/{old}.json", Body=body)

    listed = deployed.run("rollback", "--list", GRAPH=NOTHING)
    s3.delete_object(Bucket=bucket, Key=f"releases/{old}.json")

    told = {line.split()[0]: line for line in listed.strip().split("\n") if line}
    assert "its routes are gone with its APIs" in told[old]
    assert "gone" not in told[newest]


def test_a_lock_is_told_by_status_refuses_others_and_can_be_taken_away(
    deployed: Deployed,
) -> None:
    s3, bucket = deployed.emulator.client("s3"), f"{deployed.prefix}-deploy-000000000000"
    left = {"who": "ada on box", "doing": "deploying", "at": time.time()}
    s3.put_object(Bucket=bucket, Key="state/lock.json", Body=json.dumps(left).encode())

    assert (
        "lock       ada on box has been deploying" in deployed.command("status", GRAPH=NOTHING)[1]
    )
    for command in ("deploy", "finish"):
        code, said = deployed.command(command, GRAPH=NOTHING)
        assert code == 1, said
        assert "`python -m infra.deploy unlock` lets you in" in said

    assert "ada on box has been deploying for 0 minutes: let go" in deployed.run("unlock")
    assert "nobody holds the stage" in deployed.run("unlock")
    deployed.run("finish", GRAPH=NOTHING)


def test_what_functions_log_is_printed_by_time(deployed: Deployed) -> None:
    with deployed.api() as api:
        assert api.get("/api/live").status_code == 200

    said = deployed.run("logs", "--since", "1h", "--function", "api_handler", GRAPH=NOTHING)

    lines = [line for line in said.split("\n") if " api_handler: " in line]
    assert lines
    assert lines == sorted(lines, key=lambda line: line[:24])
