"""What differs between a stage and this source: what a deploy would change, without changing it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from infra.deploy import aws, gateway, lambdas, mappings, releases, render, stacks, state
from infra.deploy.apis import Apis
from infra.deploy.stage import Stage


def stack_changes(stage: Stage, name: str) -> Iterator[str]:
    """Yield what CloudFormation would change in a stack, asked by a change set."""
    from botocore.exceptions import ClientError

    client, full = aws.client("cloudformation"), stacks.stack_name(stage, name)
    if stacks.outputs(stage, name) is None:
        yield f"{full}: would be made"
        return
    change = {"StackName": full, "ChangeSetName": f"diff-{int(time.time() * 1000)}"}
    try:
        client.create_change_set(**change, **stacks.request(stage, name), ChangeSetType="UPDATE")
    except ClientError as error:
        if "didn't contain changes" in str(error) or "No updates" in str(error):
            return
        raise
    aws.wait(
        lambda: client.describe_change_set(**change)["Status"] in ("CREATE_COMPLETE", "FAILED"),
        f"The change set of {full}",
        300,
    )
    for each in client.describe_change_set(**change).get("Changes", ()):
        told = each["ResourceChange"]
        replaced = ", replaced" if told.get("Replacement") == "True" else ""
        yield f"{full}: {told['Action'].lower()} {told['LogicalResourceId']}{replaced}"
    client.delete_change_set(**change)


def function_changes(stage: Stage, config: Mapping[str, Any], handlers: Mapping[str, str]) -> Any:
    """Yield what differs between the functions and a rendered configuration."""
    existing = dict(state.lambdas(stage))
    wanted = config["lambda_functions"]
    for name in sorted(set(wanted) - set(existing)):
        yield f"{name}: would be made"
    for name in sorted(set(existing) - set(wanted)):
        yield f"{name}: would be deleted"
    for name in sorted(set(existing) & set(wanted)):
        there, told = existing[name], wanted[name]
        if handlers.get(name, there["Handler"]) != there["Handler"]:
            yield f"{name}: handler {there['Handler']} would be {handlers[name]}"
        for key, known_as in (("lambda_timeout", "Timeout"), ("lambda_memory_size", "MemorySize")):
            if told[key] != there[known_as]:
                yield f"{name}: {known_as} {there[known_as]} would be {told[key]}"
        before = (there.get("Environment") or {}).get("Variables", {})
        after = {**config["environment_variables"], **told.get("environment_variables", {})}
        changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
        if changed:
            yield f"{name}: environment would differ in {', '.join(changed)}"


def policy_changes(stage: Stage, names: Mapping[str, str], apis: Apis) -> Iterator[str]:
    """Yield the roles whose policy is not the one of this source."""
    client = aws.client("iam")
    for name, policy in render.policies(stage, names, apis).items():
        role = stage.named(name)
        try:
            found = client.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
        except client.exceptions.NoSuchEntityException:
            continue
        there = json.loads(unquote(found)) if isinstance(found, str) else found
        if there != policy:
            yield f"{name}: rights would change"


def drift(stage: Stage, names: Mapping[str, str], apis: Apis) -> list[str]:
    """Return what only `make deploy` or `finish` mends: `chalice deploy` never looks at it."""
    existing = dict(state.lambdas(stage))
    found = [
        f"{name}: handler is {existing[name]['Handler']}, should be {handler}"
        for name, handler in lambdas.moved(existing, lambdas.handlers(stage)).items()
    ]
    right = mappings.sources(stage, names)
    for name, function in existing.items():
        there = state.mappings_of(function["FunctionName"])
        read = [each["EventSourceArn"] for each in there]
        wanted = [right[name]] if name in right else []
        if read != wanted:
            found.append(f"{name}: reads {read or 'nothing'}, should read {wanted or 'nothing'}")
        for mapping in there:
            changes = mappings.differences(mapping, mappings.wanted(stage, name, names))
            if name in right and changes:
                found.append(f"{name}: mapping differs in {', '.join(sorted(changes))}")
    found += [
        f"{each}: logs are not kept as long as set" for each in lambdas.unkept(stage, existing)
    ]
    found += [f"REST API: gateway response {kind}" for kind in gateway.differences(stage, apis)]
    return found


def source_change(bucket: str) -> str | None:
    """Return from which source to which a deploy would go; None where they are the same."""
    kept = releases.names(bucket)
    before = releases.read(bucket, kept[-1])["source"] if kept else "nothing"
    here = releases.here()
    return None if before == here else f"source: {before} would be {here}"
