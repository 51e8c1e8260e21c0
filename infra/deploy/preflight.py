"""What must hold before anything is made: each thing that does not is one sentence.

`Fault` stops the deploy; `Doubt` is told and goes on: it could not be checked, or matters later.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.config import bedrock_model
from infra.deploy import aws, render, stacks
from infra.deploy.apis import Apis
from infra.deploy.errors import DeployError
from infra.deploy.functions import deployed
from infra.deploy.stage import NEPTUNE, Stage
from infra.local.template import load, variable

CHALICE: Final = "1.34."
"""Whose state file and names `state.py` knows."""
UNRESERVED: Final = 100
"""AWS keeps so many concurrent executions that no function may reserve."""
HOURS: Final = 730  # of a month
# List prices in us-east-1, 2026-11: https://aws.amazon.com/neptune/pricing/ and
# https://aws.amazon.com/privatelink/pricing/
NCU_HOUR_USD: Final = 0.1608
ENDPOINT_HOUR_USD: Final = 0.01
ENDPOINTS: Final = 3 * 2  # SQS, the user pool and Parameter Store, each in two zones

RIGHTS: Final = (
    "cloudformation:CreateStack",
    "cloudformation:UpdateStack",
    "dynamodb:CreateTable",
    "dynamodb:DescribeTable",
    "s3:CreateBucket",
    "s3:PutObject",
    "sqs:CreateQueue",
    "ssm:PutParameter",
    "iam:CreateRole",
    "iam:PutRolePolicy",
    "iam:PassRole",
    "lambda:CreateFunction",
    "lambda:PublishLayerVersion",
    "lambda:CreateEventSourceMapping",
    "apigateway:POST",
    "apigateway:PUT",
    "events:PutRule",
    "events:PutTargets",
    "logs:CreateLogGroup",
    "logs:PutRetentionPolicy",
    "cognito-idp:CreateUserPool",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why this cannot be deployed."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is worth knowing before this is deployed."""

    sentence: str


Finding = Fault | Doubt


def check(stage: Stage) -> list[Finding]:
    """Return everything found, tools and credentials first: without them, nothing else is asked."""
    found: list[Finding] = [*_tools(), *_start(stage), *_whereto(stage)]
    if any(isinstance(each, Fault) for each in found):
        return found
    for ask in (_rights, _concurrency, _model, _network):
        found += _asked(ask, stage)
    return found


def require(stage: Stage) -> list[str]:
    """Return the doubts; raise DeployError with every fault."""
    found = check(stage)
    faults = [each.sentence for each in found if isinstance(each, Fault)]
    if faults:
        raise DeployError("\n".join(faults))
    return [each.sentence for each in found]


def require_place(stage: Stage) -> None:
    """Raise DeployError unless this is the account and region that the settings name, if any."""
    if not stage.region and not stage.account:
        return
    faults = [each.sentence for each in _whereto(stage) if isinstance(each, Fault)]
    if faults:
        raise DeployError("\n".join(faults))


def start(stage: Stage, names: Mapping[str, str], reached: Apis) -> Iterator[Fault]:
    """Have the functions' own code read what they are to be given; `names` as the stacks put out.

    What it refuses, it would refuse at every request.
    """
    from chalicelib.config import Config, Misconfigured
    from chalicelib.edge.auth import Authenticator
    from chalicelib.inference import chosen

    try:
        config = Config.from_env(render.environment(stage, names, reached))
        Authenticator(config)
        chosen(config.inference)
    except (Misconfigured, ValueError) as error:
        yield Fault(f"The functions of {stage.name} would not start: {error}.")


def elsewhere(stage: Stage, region: str) -> Iterator[Fault]:
    """Tell what the settings name that is in another region; a stage uses all of it in its own."""
    named = {"kms_key_arn": stage.kms_key_arn, "alarm_topic_arn": stage.alarm_topic_arn}
    for key, domain in (("domain", stage.domain), ("sockets_domain", stage.sockets_domain)):
        if domain is not None:
            named[f"[{key}] certificate_arn"] = domain.certificate_arn
    for setting, arn in named.items():
        # arn:aws:kms:eu-central-1:123456789012:key/…
        if arn and (its := arn.split(":")[3]) != region:
            yield Fault(f"{setting} = {arn!r} is in {its}, this is {region}.")


def idle_price(stage: Stage) -> str | None:
    """Return what the graph costs while nobody asks it anything; None without one of ours."""
    if stage.graph != NEPTUNE:
        return None
    neptune = stage.graph_min_ncu * NCU_HOUR_USD * HOURS
    endpoints = ENDPOINTS * ENDPOINT_HOUR_USD * HOURS
    return (
        f"idle, the graph costs about {neptune + endpoints:.0f} USD a month at list prices in "
        f"us-east-1 ({neptune:.0f} for {stage.graph_min_ncu:g} NCU, {endpoints:.0f} for VPC "
        "endpoints); GRAPH=none costs nothing"
    )


def _tools() -> Iterator[Finding]:
    import chalice

    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        yield Fault(
            f"Python {sys.version_info[0]}.{sys.version_info[1]} runs this, and would run the "
            "functions: it takes 3.11, 3.12 or 3.13 (`make setup PYTHON=python3.13`)."
        )
    elif sys.version_info[:2] != (3, 13):
        yield Doubt(
            f"The functions will run on Python {sys.version_info[0]}.{sys.version_info[1]}, as "
            "this does; 3.13 starts quickest (`make setup PYTHON=python3.13`)."
        )
    if not chalice.__version__.startswith(CHALICE):
        yield Fault(
            f"Chalice is {chalice.__version__}; this knows {CHALICE}x (`make setup` installs it)."
        )


def _start(stage: Stage) -> Iterator[Finding]:
    """Ask that before anything is made: with what the settings say, and made up what AWS will."""
    outputs = (each for name in stacks.of(stage) for each in load(stacks.template(name)).outputs)
    names = {variable(each): "wss://unknown.invalid" for each in outputs}
    reached = Apis("unknown", "unknown", "https://unknown.invalid", "wss://unknown.invalid")
    yield from start(stage, names, reached)


def _whereto(stage: Stage) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        region = aws.region()
    except DeployError as error:
        yield Fault(str(error))
        return
    if stage.region and stage.region != region:
        yield Fault(f"The stage {stage.name} belongs to {stage.region}, this is {region}.")
    yield from elsewhere(stage, region)
    try:
        account = aws.account()
    except ClientError as error:
        yield Fault(f"AWS does not take these credentials: {aws.message(error)}.")
    except HTTPClientError as error:
        at = f" at {aws.endpoint()}, which AWS_ENDPOINT_URL names" if aws.endpoint() else ""
        yield Fault(f"AWS does not answer{at}: {error}")
    except BotoCoreError as error:
        yield Fault(
            f"There are no AWS credentials that work ({error}): `aws configure`, `aws sso login`, "
            "or set AWS_PROFILE."
        )
    else:
        if stage.account and stage.account != account:
            yield Fault(f"The stage {stage.name} belongs to {stage.account}, this is {account}.")


def _asked(ask: Callable[[Stage], Iterator[Finding]], stage: Stage) -> list[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return list(ask(stage))
    except (BotoCoreError, ClientError) as error:
        what = ask.__name__.lstrip("_")
        return [Doubt(f"Could not be checked: {what} ({error}).")]


def _rights(stage: Stage) -> Iterator[Finding]:
    """Ask IAM whether the caller may do what a deploy does. It knows no organisation's policies."""
    if aws.endpoint() is not None:
        return
    arn = str(aws.client("sts").get_caller_identity()["Arn"])
    if arn.endswith(":root"):
        yield Doubt("These are the account's root credentials: make a role for deploying.")
        return
    if ":assumed-role/" in arn:
        role = arn.split("/")[1]
        arn = str(aws.client("iam").get_role(RoleName=role)["Role"]["Arn"])
    answers = aws.pages(
        "iam",
        "simulate_principal_policy",
        "EvaluationResults",
        PolicySourceArn=arn,
        ActionNames=list(RIGHTS),
    )
    refused = [each["EvalActionName"] for each in answers if each["EvalDecision"] != "allowed"]
    if refused:
        yield Fault(f"{arn} may not {', '.join(refused)}: ask who keeps the account.")


def _concurrency(stage: Stage) -> Iterator[Finding]:
    limits = aws.client("lambda").get_account_settings()["AccountLimit"]
    limit = int(limits["ConcurrentExecutions"])
    reserved = sum(stage.reserved_concurrency.values())
    if reserved and reserved > limit - UNRESERVED:
        yield Fault(
            f"reserved_concurrency adds up to {reserved}, but this account runs {limit} functions "
            f"at once, of which {UNRESERVED} cannot be reserved: reserve less, or ask AWS for more."
        )
    least = len(deployed(stage.has_graph))
    if limit < 10 * least:
        yield Doubt(
            f"This account runs {limit} functions at once, for requests, streams and jobs "
            "together: before there is load, ask for more (Service Quotas, Lambda, concurrent "
            "executions)."
        )
    left = int(limits["TotalCodeSize"]) - int(
        aws.client("lambda").get_account_settings()["AccountUsage"]["TotalCodeSize"]
    )
    if left < 500_000_000:
        yield Fault(f"Lambda has room for {left // 1_000_000} MB more code: delete old functions.")


def _model(stage: Stage) -> Iterator[Finding]:
    model = bedrock_model(stage.inference)
    if not model:
        return
    bedrock: Any = aws.client("bedrock")
    told = bedrock.get_foundation_model_availability(modelId=_foundation(model))
    if told.get("authorizationStatus") != "AUTHORIZED" or (
        told.get("entitlementAvailability") != "AVAILABLE"
    ):
        yield Fault(
            f"This account has no access to {model} in {aws.region()}: ask for it in the Bedrock "
            "console (Model access), or set INFERENCE=rules."
        )


def _foundation(model: str) -> str:
    """Return the model behind an inference profile: `eu.anthropic.…` is `anthropic.…`."""
    first, _, rest = model.partition(".")
    return rest if first in ("us", "eu", "apac", "global", "us-gov") else model


def _network(stage: Stage) -> Iterator[Finding]:
    if stage.graph != NEPTUNE:
        return
    if stage.identity is not None:
        yield Fault(
            f"Beside Neptune there is no way to {stage.identity.issuer}: its functions stand in a "
            "network without internet. Take the user pool, or a graph outside."
        )
    if stacks.outputs(stage, "graph") is not None:
        return
    vpcs = len(aws.client("ec2").describe_vpcs()["Vpcs"])
    if vpcs >= 5:
        yield Doubt(f"There are {vpcs} VPCs in {aws.region()}; an account has 5 unless it asked.")
    if os.environ.get("AWS_ENDPOINT_URL"):
        yield Fault("An emulator has no Neptune: GRAPH=none, or the address of a Gremlin Server.")
