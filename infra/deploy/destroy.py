"""Takes a stage down. What was written stays, with the stacks that hold it, unless told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infra.deploy import apis, aws, chalice, lock, look, render, stacks, state, steps
from infra.deploy.errors import DeployError
from infra.deploy.stage import NEPTUNE, Stage

KEPT = ("core", "identity")
"""Stacks with what was written: log, content, users. Idle, they cost what they store."""


def destroy(stage: Stage, data: bool, say: Callable[[str], None]) -> None:
    """Delete functions, APIs and the graph; with `data`, also all that was ever written.

    Everything is found by its name: what is left when a destroy broke off, or was made by
    `chalice deploy` after one, is deleted by the next. Chalice no longer knows the stage, from the
    beginning: typed by hand, it refuses.
    """
    if stage.production:
        raise DeployError(
            f"{stage.name} is a production stage: set `production = false` in its settings and "
            "deploy, then destroy."
        )
    render.forget(stage)
    gone = 0
    for told in _destroyed(stage, data):
        say(told)
        gone += 1
    state.forget(stage)
    if not gone:
        say(f"nothing of the stage {stage.name} was there")


def _destroyed(stage: Stage, data: bool) -> Iterator[str]:
    # None, too, of a stack that could not be made.
    bucket = (stacks.outputs(stage, "core") or {}).get(steps.BUCKET)
    if bucket is None:
        yield from _without_stacks(stage, [])
    else:
        with lock.held(bucket, "destroying"):
            yield from _without_stacks(stage, state.download(bucket))
            state.upload(stage, bucket)
    for name in reversed([*KEPT, "graph", "operations"]):
        full = stacks.stack_name(stage, name)
        if name not in KEPT or data:
            if stacks.delete(stage, name):
                yield f"{full} is gone"
        elif stacks.stack_status(stage, name) is not None:
            yield f"{full} stays, with all that was written"
    if data:
        for what in _erase(stage):
            yield f"{what} is gone"


def _without_stacks(stage: Stage, remembered: list[state.Resource]) -> Iterator[str]:
    """Delete what no stack has made. Chalice's file is left as it is then: empty."""
    there = apis.listed(stage)
    found = state.found(stage, there, {})
    resources = state.merged(found, [*remembered, *state.read(stage)], state.domain_exists)
    state.write(stage, resources)
    if resources:
        chalice.delete(stage, render.unknown(stage))
        yield "functions, APIs, roles, rules and mappings are gone"
    for api in there.rest[1:]:
        aws.client("apigateway").delete_rest_api(restApiId=api)
        yield f"the second REST API {api} is gone"
    for api in there.sockets[1:]:
        aws.client("apigatewayv2").delete_api(ApiId=api)
        yield f"the second websocket API {api} is gone"
    layer = stage.named(state.LAYER)
    for version in state.layer_versions(stage):
        number = int(version["Version"])
        aws.client("lambda").delete_layer_version(LayerName=layer, VersionNumber=number)
        yield f"version {number} of the layer {layer} is gone"
    if groups := look.log_groups(stage):
        for group in groups:
            aws.client("logs").delete_log_group(logGroupName=group)
        yield f"{len(groups)} log groups are gone"


def destroy_graph(stage: Stage, say: Callable[[str], None]) -> None:
    """Delete the graph alone; it can be made again, and is filled from the log."""
    if stage.graph == NEPTUNE:
        raise DeployError(f"{stage.name} uses its graph: `make deploy GRAPH=none` first.")
    gone = stacks.delete(stage, "graph")
    say(f"{stacks.stack_name(stage, 'graph')} {'is gone' if gone else 'was not there'}")


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
