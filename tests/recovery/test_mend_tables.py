"""Tables that were restored get from the stack's template what AWS does not restore with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from infra.local.aws import aws, client
from infra.ops import tables
from infra.ops.__main__ import main
from infra.ops.tables import Mended

LOG: Final = "palimpsest-drill-log"
JOBS: Final = "palimpsest-drill-jobs"
GIVEN: Final = {"Stage": "drill", "Production": "true"}
TAGS: Final = [{"Key": "app", "Value": "palimpsest"}, {"Key": "stage", "Value": "drill"}]


@pytest.fixture(autouse=True)
def tables_of_production() -> Iterator[None]:
    """The tables of a stage as its stack makes them."""
    with aws(stage="drill"):
        assert mended().wrong == []
        yield


def mended() -> Mended:
    return tables.brought_up(client("dynamodb"), GIVEN, TAGS)


def unprotected(table: str) -> None:
    client("dynamodb").update_table(TableName=table, DeletionProtectionEnabled=False)


def restored(table: str) -> None:
    """Delete a table and restore it under its name, from a backup."""
    dynamodb = client("dynamodb")
    backup = dynamodb.create_backup(TableName=table, BackupName="gone")["BackupDetails"]
    unprotected(table)
    dynamodb.delete_table(TableName=table)
    dynamodb.restore_table_from_backup(TargetTableName=table, BackupArn=backup["BackupArn"])


def settings(table: str) -> dict[str, Any]:
    """Return what is not restored with a table."""
    dynamodb = client("dynamodb")
    found = dynamodb.describe_table(TableName=table)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=table)
    expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    tags = dynamodb.list_tags_of_resource(ResourceArn=found["TableArn"]).get("Tags", [])
    return {
        "stream": found.get("StreamSpecification"),
        "protected": found.get("DeletionProtectionEnabled", False),
        "backups": backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"][
            "PointInTimeRecoveryStatus"
        ],
        "expiry": expiry.get("AttributeName"),
        "tags": {tag["Key"]: tag["Value"] for tag in tags},
    }


def test_restored_tables_get_their_settings_back_and_others_are_left_alone() -> None:
    before = {table: settings(table) for table in (LOG, JOBS)}
    assert before[LOG] == {
        "stream": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        "protected": True,
        "backups": "ENABLED",
        "expiry": None,
        "tags": {"app": "palimpsest", "stage": "drill"},
    }
    assert before[JOBS]["expiry"] == "expires"
    for table in (LOG, JOBS):
        restored(table)
        assert settings(table)["stream"] is None
        assert settings(table)["tags"] == {}

    done = mended()

    assert done.wrong == []
    assert {told.partition(":")[0] for told in done.changed} == {LOG, JOBS}
    assert f"{LOG}: stream (KEYS_ONLY)" in done.changed
    assert {table: settings(table) for table in (LOG, JOBS)} == before
    assert mended().changed == []


def test_a_table_that_is_gone_or_has_another_stream_is_named() -> None:
    dynamodb = client("dynamodb")
    unprotected(LOG)
    dynamodb.delete_table(TableName=LOG)
    restored(JOBS)
    other = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    dynamodb.update_table(TableName=JOBS, StreamSpecification=other)

    done = mended()

    assert [told.split(":")[0] for told in done.wrong] == [
        f"{LOG} is not there",
        f"{JOBS} has a stream of KEYS_ONLY, not NEW_AND_OLD_IMAGES",
    ]
    assert done.to_json()["ok"] is False


def test_without_a_stack_there_is_nothing_to_mend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LOG_TABLE", "VIEWS_TABLE", "IDEMPOTENCY_TABLE", "CONTENT_BUCKET"):
        monkeypatch.setenv(name, "any")

    assert main(["mend-tables"]) == 2

    assert "say --stack NAME" in capsys.readouterr().err
