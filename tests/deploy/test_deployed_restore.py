"""The drill of docs/operations.md on a deployed stage: lost commits, then a lost table.

The emulator restores a table as it is at the call, and makes no backup of a table that is deleted;
so T is when this restores, and the backup is made by hand before.
"""

from __future__ import annotations

import httpx
import pytest

from tests.deploy.conftest import NOTHING
from tests.deploy.deployed import Deployed
from tests.deploy.test_deployed_changes import shown_by_the_views
from tests.deploy.walk import annotated, created, until

pytestmark = [pytest.mark.deploy, pytest.mark.ministack]

WRITERS = ("", "-job_worker", "-slow_job_worker")


def test_a_log_that_was_lost_is_put_back_and_what_is_gone_is_named(deployed: Deployed) -> None:
    log, back = deployed.table("log"), deployed.table("log-back")
    dynamodb = deployed.emulator.client("dynamodb")
    with deployed.api() as api:
        resource = created(api, name="Before T")["id"]
        annotated(api, resource, "Heiberg")
        before = shown(api, resource)
        until(lambda: listed(api, resource, "Before T"), "the list")
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=log, TargetTableName=back, UseLatestRestorableTime=True
    )
    dynamodb.get_waiter("table_exists").wait(TableName=back)
    assert "StreamSpecification" not in dynamodb.describe_table(TableName=back)["Table"]
    renamed = {"name": "After T"}
    with deployed.api() as api:
        assert rename(api, resource, renamed).status_code == 200
        until(lambda: listed(api, resource, "After T"), "the list")
    stop_writing(deployed)
    with deployed.api() as api:
        assert api.get(f"/resources/{resource}").status_code == 429

    for page in dynamodb.get_paginator("scan").paginate(TableName=log):
        for item in page["Items"]:
            dynamodb.delete_item(TableName=log, Key={"pk": item["pk"], "sk": item["sk"]})
    code, said = deployed.ops("restore-log", "--from", back)
    assert code == 0, said
    code, said = deployed.ops("accept-loss")
    assert code == 1, said
    assert f"demo/resource#{resource}: the view showed 3, the log ends at 2" in said
    code, said = deployed.ops("accept-loss", "--yes")
    assert code == 0, said
    code, said = deployed.ops("recover")
    assert code == 0, said

    backup = dynamodb.create_backup(TableName=log, BackupName="gone")["BackupDetails"]
    dynamodb.delete_table(TableName=log)
    code, said = deployed.ops("restore-log", "--from", back)
    assert code == 2
    assert f"the table {log} is gone: restore it under its name" in said
    dynamodb.restore_table_from_backup(TargetTableName=log, BackupArn=backup["BackupArn"])
    dynamodb.get_waiter("table_exists").wait(TableName=log)
    code, said = deployed.ops("mend-tables")
    assert code == 0, said
    assert f"{log}: stream (KEYS_ONLY)" in said
    assert f"{log}: tags (app, stage)" in said
    assert "No setting(s) were changed." in deployed.ops("mend-tables")[1]
    code, said = deployed.ops("verify")
    assert code == 0, said
    deployed.deploy(GRAPH=NOTHING, DEPLOY_ENV="RESTORED=2026-11-27T13:30:00Z")

    with deployed.api() as api:
        assert shown(api, resource) == before
        assert rename(api, resource, renamed).status_code == 200
        until(lambda: listed(api, resource, "After T"), "the list")
        shown_by_the_views(api, "After the drill")
    assert deployed.ops("verify")[0] == 0
    dynamodb.delete_table(TableName=back)
    deployed.deploy(GRAPH=NOTHING)


def stop_writing(deployed: Deployed) -> None:
    """Let no function run that writes to the log; the next deploy undoes it."""
    for writer in WRITERS:
        deployed.emulator.client("lambda").put_function_concurrency(
            FunctionName=f"{deployed.prefix}{writer}", ReservedConcurrentExecutions=0
        )


def rename(api: httpx.Client, resource: str, change: dict[str, str]) -> httpx.Response:
    """Rename a resource, under a key."""
    return api.patch(
        f"/resources/{resource}",
        json=change,
        headers={"Content-Type": "application/merge-patch+json", "Idempotency-Key": "once"},
    )


def listed(api: httpx.Client, resource: str, name: str) -> bool:
    items = api.get("/resources", params={"limit": 50}).json()["items"]
    return any(each["id"] == resource and each["name"] == name for each in items)


def shown(api: httpx.Client, resource: str) -> list[object]:
    """Return what a client is shown: resource, annotations, and the history with its chain."""
    paths = ("", "/annotations", "/events")
    answers = [api.get(f"/resources/{resource}{path}").json() for path in paths]
    for each in answers:
        each.pop("lag", None)
        each.pop("source", None)
    return list(answers)
