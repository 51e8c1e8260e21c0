"""CloudFormation stacks of a stage: created, updated, or left as they are.

A stack is `<prefix>-<stage>-<file>`. It is given those of the known parameters that its template
declares; what it puts out becomes environment variables (`LogTable` is `LOG_TABLE`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infra.deploy import aws
from infra.deploy.errors import DeployError
from infra.deploy.stage import NEPTUNE, ROOT, Stage
from infra.local.template import load, variable

TIMEOUT_S: Final = 3600.0  # Neptune takes a quarter of an hour
_FAILED: Final = ("FAILED", "ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


def template(name: str) -> Path:
    """Return the file of a stack."""
    return ROOT / "infra" / f"{name}.yaml"


def of(stage: Stage) -> list[str]:
    """Return the stacks that a stage has, in the order in which they are made."""
    wanted = ["core"]
    if stage.identity is None:
        wanted.append("identity")
    if stage.graph == NEPTUNE:
        wanted.append("graph")
    return [*wanted, "operations"]


def stack_name(stage: Stage, name: str) -> str:
    """Return the stack's name on AWS."""
    return stage.named(name)


def parameters(stage: Stage, name: str) -> dict[str, str]:
    """Return what a template is given: those of its parameters that a stage knows."""
    known = {
        "Prefix": stage.prefix,
        "Stage": stage.name,
        "Production": _truth(stage.production),
        "Backups": _truth(stage.backups),
        "KeyArn": stage.kms_key_arn,
        # An emulator speaks plain HTTP, which the buckets refuse on AWS.
        "TlsOnly": _truth(aws.endpoint() is None),
        "GraphMinCapacity": f"{stage.graph_min_ncu:g}",
        "GraphMaxCapacity": f"{stage.graph_max_ncu:g}",
        "Graph": _truth(stage.has_graph),
        "CorsOrigins": ",".join(stage.cors_origins),
        "AlarmTopicArn": stage.alarm_topic_arn,
        "LogRetentionDays": str(stage.log_retention_days),
        "RequestsPerSecond": f"{stage.requests_per_s:g}",
    }
    declared = load(template(name)).parameters
    missing = [key for key, told in declared.items() if key not in known and "Default" not in told]
    if missing:
        raise DeployError(f"{name}.yaml wants {', '.join(missing)}, which no stage knows.")
    return {key: value for key, value in known.items() if key in declared}


def tags(stage: Stage) -> dict[str, str]:
    """Return the tags of everything in a stage."""
    return {"app": stage.prefix, "stage": stage.name, **stage.tags}


def deploy(stage: Stage, name: str) -> str:
    """Bring a stack up to its template, and return `created`, `updated` or `as it was`."""
    from botocore.exceptions import ClientError

    cloudformation, full = aws.client("cloudformation"), stack_name(stage, name)
    status = _status(full)
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS", "DELETE_FAILED"):
        cloudformation.delete_stack(StackName=full)  # the first creation failed; nothing is in it
        _settle(full)
        status = None
    elif status is not None and status.endswith("_IN_PROGRESS"):
        status = _settle(full)
    asked = {"StackName": full, **request(stage, name)}
    try:
        if status is None:
            cloudformation.create_stack(**asked, EnableTerminationProtection=stage.production)
        else:
            cloudformation.update_termination_protection(
                StackName=full, EnableTerminationProtection=stage.production
            )
            cloudformation.update_stack(**asked)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return "as it was"
        raise DeployError(f"The stack {full} is refused: {aws.message(error)}.") from error
    ended = _settle(full)
    if ended is None or any(word in ended for word in _FAILED):
        raise DeployError(f"The stack {full} ended as {ended}: {_why(full)}")
    return "created" if status is None else "updated"


def request(stage: Stage, name: str) -> dict[str, Any]:
    """Return what CloudFormation is asked for, whatever is to be done with it."""
    return {
        "TemplateBody": template(name).read_text("utf-8"),
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in parameters(stage, name).items()
        ],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        "Tags": [{"Key": key, "Value": value} for key, value in tags(stage).items()],
    }


def outputs(stage: Stage, name: str) -> dict[str, str] | None:
    """Return what a stack puts out as environment variables; None if there is no such stack."""
    found = _describe(stack_name(stage, name))
    if found is None:
        return None
    return {variable(each["OutputKey"]): each["OutputValue"] for each in found.get("Outputs", ())}


def stack_status(stage: Stage, name: str) -> str | None:
    """Return a stack's status; None if there is no such stack."""
    return _status(stack_name(stage, name))


def delete(stage: Stage, name: str) -> bool:
    """Delete a stack; what its template retains stays. Returns whether there was one."""
    full = stack_name(stage, name)
    if _status(full) is None:
        return False
    aws.client("cloudformation").delete_stack(StackName=full)
    ended = _settle(full)
    if ended is not None:
        raise DeployError(f"The stack {full} ended as {ended}: {_why(full)}")
    return True


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _describe(full: str) -> Mapping[str, Any] | None:
    from botocore.exceptions import ClientError

    try:
        (found,) = aws.client("cloudformation").describe_stacks(StackName=full)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def _status(full: str) -> str | None:
    found = _describe(full)
    return None if found is None else str(found["StackStatus"])


def _settle(full: str) -> str | None:
    """Wait until nothing is in progress, and return the status; None if the stack is gone."""
    aws.wait(
        lambda: not (_status(full) or "").endswith("_IN_PROGRESS"), f"The stack {full}", TIMEOUT_S
    )
    return _status(full)


def _why(full: str) -> str:
    """Return the first failure of the last run, as CloudFormation tells it."""
    if refused := _refused_beforehand(full):
        return refused
    events = aws.client("cloudformation").describe_stack_events(StackName=full)["StackEvents"]
    failures = [
        each
        for each in events
        if each["ResourceStatus"].endswith("_FAILED")
        and "cancelled" not in each.get("ResourceStatusReason", "").lower()
    ]
    if not failures:
        return "it does not say why."
    first = failures[-1]
    return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', 'no reason given')}"


def _refused_beforehand(full: str) -> str:
    """Return why a run was refused before it began, if it was: a name is taken, for example."""
    from botocore.exceptions import ClientError

    try:
        events = aws.client("cloudformation").describe_events(StackName=full)["OperationEvents"]
    except ClientError:
        return ""  # the stack is gone, or this may not be asked
    latest = next((each.get("OperationId") for each in events), None)
    reasons = [
        f"{each.get('LogicalResourceId', '')}: {each['ValidationStatusReason']}"
        for each in events
        if each.get("ValidationStatus") == "FAILED" and each.get("OperationId") == latest
    ]
    return "; ".join(dict.fromkeys(reasons))
