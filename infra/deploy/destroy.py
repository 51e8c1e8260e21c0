"""Takes a stage down. What was written stays, with the stacks that hold it, unless told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infra.deploy import apis, aws, chalice, render, stacks, state, steps
from infra.deploy.errors import DeployError
from infra.deploy.stage import NEPTUNE, Stage

KEPT = ("core", "identity")
"""Stacks with what was written: log, content, users. Idle, they cost what they store."""


def destroy(stage: Stage, data: bool, say: Callable[[str], None]) -> None:
    """Delete functions, APIs and the graph; with `data`, also all that was ever written."""
    if stage.production:
        raise DeployError(
            f"{stage.name} is a production stage: set `production = false` in its settings and "
            "deploy, then destroy."
        )
    found = stacks.outputs(stage, "core")
    if found is not None:
        names = steps.names_of(stage, streams=False)  # a table may have been lost
        steps.remember(stage, names, apis.find(stage))
        if not render.rendered(stage):
            steps.configure(stage, names, apis.find_or_make(stage))
        chalice.delete(stage)
        say("functions, APIs, roles, rules and mappings are gone")
        state.upload(stage, names[steps.BUCKET])
    for group in _log_groups(stage):
        aws.client("logs").delete_log_group(logGroupName=group)
    for name in reversed([*KEPT, "graph", "operations"]):
        if name in KEPT and not data:
            say(f"{stacks.stack_name(stage, name)} stays, with all that was written")
        elif stacks.delete(stage, name):
            say(f"{stacks.stack_name(stage, name)} is gone")
    if data:
        for what in _erase(stage):
            say(f"{what} is gone")


def destroy_graph(stage: Stage, say: Callable[[str], None]) -> None:
    """Delete the graph alone; it can be made again, and is filled from the log."""
    if stage.graph == NEPTUNE:
        raise DeployError(f"{stage.name} uses its graph: `make deploy GRAPH=none` first.")
    gone = stacks.delete(stage, "graph")
    say(f"{stacks.stack_name(stage, 'graph')} {'is gone' if gone else 'was not there'}")


def _log_groups(stage: Stage) -> list[str]:
    prefix = f"/aws/lambda/{stage.full_name}"
    found = aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
    groups = [str(each["logGroupName"]) for each in found]
    return [each for each in groups if each == prefix or each.startswith(f"{prefix}-")]


def _erase(stage: Stage) -> Iterator[str]:
    """Delete what the stacks retain, and the key. Yields what is gone."""
    prefix = stage.named("")
    for name in aws.pages("dynamodb", "list_tables", "TableNames"):
        if name.startswith(prefix):
            aws.client("dynamodb").delete_table(TableName=name)
            yield f"the table {name}"
    for bucket in aws.client("s3").list_buckets()["Buckets"]:
        if bucket["Name"].startswith(prefix) and bucket["Name"].endswith(aws.account()):
            _empty(bucket["Name"])
            aws.client("s3").delete_bucket(Bucket=bucket["Name"])
            yield f"the bucket {bucket['Name']}"
    cognito = aws.client("cognito-idp")
    for pool in aws.pages("cognito-idp", "list_user_pools", "UserPools", MaxResults=60):
        if pool["Name"] == stage.full_name:
            cognito.delete_user_pool(UserPoolId=pool["Id"])
            yield f"the user pool {pool['Id']}"
    ssm = aws.client("ssm")
    try:
        ssm.delete_parameter(Name=stage.heads_key)
        yield stage.heads_key
    except ssm.exceptions.ParameterNotFound:
        pass


def _empty(bucket: str) -> None:
    """Delete every version. Lists of heads are locked against all who may not lift the lock."""
    s3 = aws.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in listed]
        if objects:
            locked = {"BypassGovernanceRetention": True} if "-heads-" in bucket else {}
            done = s3.delete_objects(
                Bucket=bucket, Delete={"Objects": objects, "Quiet": True}, **locked
            )
            if done.get("Errors"):
                first = done["Errors"][0]
                raise DeployError(f"{bucket}/{first['Key']} cannot be deleted: {first['Message']}.")
