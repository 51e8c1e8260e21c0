"""The functions after `chalice deploy`: handlers that moved, log groups that keep everything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from infra.deploy import aws, state
from infra.deploy.stage import ROOT, Stage


def handlers(stage: Stage) -> dict[str, str]:
    """Return the handler of each function that `app.py` declares for a rendered stage."""
    from chalice.cli.factory import CLIFactory
    from chalice.deploy import models
    from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder

    os.environ["AWS_CHALICE_CLI_MODE"] = "true"
    config = CLIFactory(str(ROOT), environ=os.environ).create_config_obj(stage.name)
    application = ApplicationGraphBuilder().build(config, stage.name)
    return {
        str(each.resource_name): str(each.handler)
        for each in DependencyBuilder().build_dependencies(application)
        if isinstance(each, models.LambdaFunction)
    }


def mend(stage: Stage, declared: Mapping[str, str]) -> list[str]:
    """Bring handlers and log groups up to what is wanted. Returns what was changed."""
    existing = dict(state.lambdas(stage))
    return [*_handlers(existing, declared), *_log_groups(stage, existing)]


def moved(existing: Mapping[str, Any], declared: Mapping[str, str]) -> dict[str, str]:
    """Return the right handler of each function that has another one."""
    return {
        name: handler
        for name, handler in declared.items()
        if name in existing and existing[name]["Handler"] != handler
    }


def _handlers(existing: Mapping[str, Any], declared: Mapping[str, str]) -> list[str]:
    done, client = list[str](), aws.client("lambda")
    for name, handler in moved(existing, declared).items():
        full, before = existing[name]["FunctionName"], existing[name]["Handler"]
        client.update_function_configuration(FunctionName=full, Handler=handler)
        wait_updated(full)
        done.append(f"{name}: handler {before} is now {handler}")
    return done


def wait_updated(full: str) -> None:
    """Wait until a change of a function has taken effect."""
    client = aws.client("lambda")

    def done() -> bool:
        found = client.get_function_configuration(FunctionName=full)
        return bool(found.get("LastUpdateStatus") != "InProgress")

    aws.wait(done, f"The update of {full}", 300)


def unkept(stage: Stage, existing: Mapping[str, Any]) -> list[str]:
    """Return the functions whose log group is not there, or keeps logs for another time."""
    there = _groups(stage)
    return [
        name
        for name, function in existing.items()
        if there.get(_group(function), {}).get("retentionInDays") != stage.log_retention_days
    ]


def _log_groups(stage: Stage, existing: Mapping[str, Any]) -> list[str]:
    done, client, there = list[str](), aws.client("logs"), _groups(stage)
    wrong = unkept(stage, existing)
    for name, function in existing.items():
        group = _group(function)
        if group not in there:
            client.create_log_group(logGroupName=group)
        if name in wrong:
            client.put_retention_policy(
                logGroupName=group, retentionInDays=stage.log_retention_days
            )
            done.append(f"{name}: logs are kept for {stage.log_retention_days} days")
        if stage.kms_key_arn and there.get(group, {}).get("kmsKeyId") != stage.kms_key_arn:
            client.associate_kms_key(logGroupName=group, kmsKeyId=stage.kms_key_arn)
    return done


def _group(function: Mapping[str, Any]) -> str:
    return f"/aws/lambda/{function['FunctionName']}"


def _groups(stage: Stage) -> dict[str, Any]:
    prefix = f"/aws/lambda/{stage.full_name}"
    found = aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
    return {str(each["logGroupName"]): each for each in found}
