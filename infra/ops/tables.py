"""Settings that AWS does not restore with a table: stream, expiry, backups, protection, tags.

What they should be stands in `infra/core.yaml`, with the parameters and tags of the stage's stack.
CloudFormation does not see what is missing: for it, a table of the same name is the same table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from infra.local.template import CORE, load, resolve
from infra.ops.connect import CannotConnectError

POLL_S: Final = 2.0
PATIENCE_S: Final = 600.0
"""How long a change of a table may take: minutes, for a large one."""


@dataclass(slots=True)
class Mended:
    """What was changed, and what is not as it should be, by table."""

    changed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {"ok": not self.wrong, "changed": self.changed, "wrong": self.wrong}


def mend(stack: str) -> Mended:
    """Bring the settings of each table of a deployed stack up to its template; may be repeated.

    Raises CannotConnectError when AWS refuses.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        given = {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}
        return brought_up(boto3.client("dynamodb"), given, found.get("Tags", []))
    except (BotoCoreError, ClientError) as error:
        raise CannotConnectError(f"The tables of {stack} cannot be mended: {error}") from error


def brought_up(dynamodb: Any, given: Mapping[str, str], tags: Sequence[Any]) -> Mended:
    """Give each table what it lacks; `given` are the stack's parameters, `tags` its tags."""
    template, done = load(CORE), Mended()

    def lookup(name: str, attribute: str | None) -> str:
        # A stack that was deployed from an older template lacks the newer parameters.
        return str(given.get(name, template.parameters[name].get("Default")))

    for each in template.created(given).values():
        if each["Type"] == "AWS::DynamoDB::Table":
            wanted = resolve(each["Properties"], lookup)
            _Table(dynamodb, wanted, tags, done).mend()
    return done


class _Table:
    """One table, and what its template says of it."""

    def __init__(
        self, client: Any, wanted: Mapping[str, Any], tags: Sequence[Any], done: Mended
    ) -> None:
        self._client, self._wanted, self._tags, self._done = client, wanted, tags, done
        self._name = str(wanted["TableName"])

    def mend(self) -> None:
        try:
            found = self._described()
        except self._client.exceptions.ResourceNotFoundException:
            self._done.wrong.append(f"{self._name} is not there: restore it under this name")
            return
        self._stream(found)
        self._protection(found)
        self._expiry()
        self._backups()
        self._tagged(found["TableArn"])

    def _stream(self, found: Mapping[str, Any]) -> None:
        wanted = self._wanted.get("StreamSpecification")
        if wanted is None:
            return
        told = {"StreamEnabled": True, **wanted}
        there = found.get("StreamSpecification") or {}
        if not there.get("StreamEnabled"):
            self._update(f"stream ({wanted['StreamViewType']})", StreamSpecification=told)
        elif there != told:
            kind = there.get("StreamViewType")
            self._done.wrong.append(
                f"{self._name} has a stream of {kind}, not {wanted['StreamViewType']}: switch it "
                "off (aws dynamodb update-table --stream-specification StreamEnabled=false), repeat"
            )

    def _protection(self, found: Mapping[str, Any]) -> None:
        wanted = bool(self._wanted.get("DeletionProtectionEnabled"))
        if wanted and not found.get("DeletionProtectionEnabled"):
            self._update("deletion protection", DeletionProtectionEnabled=True)

    def _expiry(self) -> None:
        wanted = self._wanted.get("TimeToLiveSpecification")
        if wanted is None:
            return
        told = self._client.describe_time_to_live(TableName=self._name)
        there = told.get("TimeToLiveDescription", {})
        if there.get("TimeToLiveStatus") not in ("ENABLED", "ENABLING"):
            self._client.update_time_to_live(
                TableName=self._name, TimeToLiveSpecification=dict(wanted)
            )
            self._changed(f"expiry by `{wanted['AttributeName']}`")

    def _backups(self) -> None:
        wanted = self._wanted["PointInTimeRecoverySpecification"]
        if not wanted["PointInTimeRecoveryEnabled"]:
            return
        told = self._client.describe_continuous_backups(TableName=self._name)
        there = told["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if there.get("PointInTimeRecoveryStatus") != "ENABLED":
            try:
                self._client.update_continuous_backups(
                    TableName=self._name, PointInTimeRecoverySpecification=dict(wanted)
                )
            except self._client.exceptions.ContinuousBackupsUnavailableException:
                self._done.wrong.append(
                    f"{self._name} takes no backups yet: it is too new; repeat in some minutes"
                )
                return
            self._changed("point-in-time recovery")

    def _tagged(self, arn: str) -> None:
        there = self._client.list_tags_of_resource(ResourceArn=arn).get("Tags", [])
        missing = [tag for tag in self._tags if tag not in there]
        if missing:
            self._client.tag_resource(ResourceArn=arn, Tags=missing)
            self._changed(f"tags ({', '.join(tag['Key'] for tag in missing)})")

    def _update(self, what: str, **setting: Any) -> None:
        self._client.update_table(TableName=self._name, **setting)
        _wait(lambda: self._described()["TableStatus"] == "ACTIVE", self._name)
        self._changed(what)

    def _described(self) -> Mapping[str, Any]:
        described: Mapping[str, Any] = self._client.describe_table(TableName=self._name)["Table"]
        return described

    def _changed(self, what: str) -> None:
        self._done.changed.append(f"{self._name}: {what}")


def _wait(ready: Callable[[], bool], name: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not ready():
        if time.monotonic() > until:
            raise CannotConnectError(f"{name} is still being changed; repeat this later")
        time.sleep(POLL_S)
