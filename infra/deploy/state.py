"""What Chalice keeps in `.chalice/deployed/<stage>.json`, made from what exists on AWS.

Chalice knows what it has made by this file alone and writes it only when a deploy has succeeded:
without it, a second REST API, a second websocket API and second mappings are made. So it is never
trusted: before each deploy it is written anew from what is found by name, and a copy lies in the
stage's own bucket. What is in the file or the copy and exists, is kept, so that Chalice can delete
what `app.py` no longer declares.

::

    {"resources": [{"name": "pusher", "resource_type": "lambda_function", "lambda_arn": "…"}, …],
     "schema_version": "2.0", "backend": "api"}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from infra.deploy import aws
from infra.deploy.apis import Listed
from infra.deploy.errors import DeployError
from infra.deploy.functions import API_STAGE
from infra.deploy.stage import ROOT, Stage

Resource = Mapping[str, Any]
KEY: Final = "state/deployed.json"
LAMBDA: Final = "lambda_function"
LAYER: Final = "managed-layer"
"""Chalice's name of the one that holds the dependencies."""


def path(stage: Stage) -> Path:
    """Return where Chalice looks for the file."""
    return ROOT / ".chalice" / "deployed" / f"{stage.name}.json"


def write(stage: Stage, resources: list[Resource]) -> None:
    """Write the file."""
    where = path(stage)
    where.parent.mkdir(parents=True, exist_ok=True)
    document = {"resources": resources, "schema_version": "2.0", "backend": "api"}
    where.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", "utf-8")


def read(stage: Stage) -> list[Resource]:
    """Return what the file holds, nothing if there is none.

    A file that was written under another prefix is about another system: it counts as none.
    """
    where = path(stage)
    found = list(json.loads(where.read_text("utf-8"))["resources"]) if where.exists() else []
    functions = [each["lambda_arn"] for each in found if each["resource_type"] == LAMBDA]
    of_others = [arn for arn in functions if short(stage, arn.rpartition(":")[2]) is None]
    return [] if of_others else found


def forget(stage: Stage) -> None:
    """Delete the file, if there is one."""
    path(stage).unlink(missing_ok=True)


def upload(stage: Stage, bucket: str) -> None:
    """Keep a copy of the file in the stage's bucket, which keeps the ones before too."""
    aws.client("s3").put_object(
        Bucket=bucket, Key=KEY, Body=path(stage).read_bytes(), ContentType="application/json"
    )


def download(bucket: str) -> list[Resource]:
    """Return what the copy holds, nothing if there is none."""
    from botocore.exceptions import ClientError

    try:
        answer = aws.client("s3").get_object(Bucket=bucket, Key=KEY)
    except ClientError as error:
        if aws.code(error) in ("NoSuchKey", "404"):
            return []
        raise
    return list(json.loads(answer["Body"].read())["resources"])


def found(stage: Stage, apis: Listed, streams: Mapping[str, str]) -> list[Resource]:
    """Return what exists of a stage, as Chalice records it; of several APIs of a kind, the first.

    `streams` has the stream that each function is to read. A mapping that reads another one is not
    named: it is stale (see `mappings.retire`), and Chalice would keep it for ever. Of a function
    that is not in `streams`, every mapping is named.
    """
    return [
        *_roles(stage),
        *_layers(stage),
        *_functions_and_mappings(stage, streams),
        *_rules(stage),
        *_domains(stage),
        *of_apis(apis, aws.region(), aws.partition()),
    ]


def merged(
    existing: list[Resource], remembered: list[Resource], there: Callable[[str], bool]
) -> list[Resource]:
    """Return what exists, and of what is remembered the custom domains that are still `there`.

    Domains have no stage in their name: one that the settings name no longer is found only so, and
    Chalice is to delete it.
    """
    by_name = {str(each["name"]): each for each in existing}
    for each in remembered:
        if each["resource_type"] == "domain_name" and there(str(each["domain_name"])):
            by_name.setdefault(str(each["name"]), each)
    return list(by_name.values())


def domain_exists(name: str) -> bool:
    """Tell whether there is a custom domain of that name."""
    client = aws.client("apigatewayv2")
    try:
        client.get_domain_name(DomainName=name)
    except client.exceptions.NotFoundException:
        return False
    return True


def short(stage: Stage, full: str) -> str | None:
    """Return Chalice's name of a function of the stage, None for another stage's."""
    if full == stage.function("api_handler"):
        return "api_handler"
    prefix = stage.named("")
    return full.removeprefix(prefix) if full.startswith(prefix) else None


def lambdas(stage: Stage) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the functions of the stage that exist: Chalice's name, and the configuration."""
    for each in aws.pages("lambda", "list_functions", "Functions"):
        name = short(stage, each["FunctionName"])
        if name is not None:
            yield name, each


def absent(stage: Stage) -> DeployError:
    """Return what there is to say where a stage is asked for that is not there, or only in part."""
    if functions := sum(1 for _ in lambdas(stage)):
        return DeployError(
            f"The stage {stage.name} has {functions} functions and lacks what they need: "
            f"`make deploy STAGE={stage.name}` makes it whole, `make destroy STAGE={stage.name}` "
            "takes them away."
        )
    return DeployError(
        f"The stage {stage.name} is not there: run `make deploy STAGE={stage.name}`."
    )


def _roles(stage: Stage) -> Iterator[Resource]:
    prefix = stage.named("")
    for each in aws.pages("iam", "list_roles", "Roles"):
        name = str(each["RoleName"])
        trusted = json.dumps(each.get("AssumeRolePolicyDocument", ""))
        if name.startswith(prefix) and "lambda.amazonaws.com" in trusted:
            yield {
                "name": f"{name.removeprefix(prefix)}_role",
                "resource_type": "iam_role",
                "role_arn": each["Arn"],
                "role_name": name,
            }


def layer_versions(stage: Stage) -> list[Mapping[str, Any]]:
    """Return the versions of the stage's layer that exist."""
    name = stage.named(LAYER)
    return list(aws.pages("lambda", "list_layer_versions", "LayerVersions", LayerName=name))


def _layers(stage: Stage) -> Iterator[Resource]:
    if versions := layer_versions(stage):
        newest = max(versions, key=lambda each: int(each["Version"]))
        yield {
            "name": LAYER,
            "resource_type": "lambda_layer",
            "layer_version_arn": newest["LayerVersionArn"],
        }


def _functions_and_mappings(stage: Stage, streams: Mapping[str, str]) -> Iterator[Resource]:
    for name, function in lambdas(stage):
        arn = function["FunctionArn"]
        yield {"name": name, "resource_type": LAMBDA, "lambda_arn": arn}
        for mapping in mappings_of(function["FunctionName"]):
            source = str(mapping["EventSourceArn"])
            common = {"event_uuid": mapping["UUID"], "lambda_arn": arn}
            if ":dynamodb:" in source and streams.get(name, source) == source:
                yield {
                    "name": f"{name}-dynamodb-event-source",
                    "resource_type": "dynamodb_event",
                    "stream_arn": source,
                    **common,
                }
            elif ":sqs:" in source:
                yield {
                    "name": f"{name}-sqs-event-source",
                    "resource_type": "sqs_event",
                    "queue_arn": source,
                    "queue": source.rsplit(":", 1)[1],
                    **common,
                }


def mappings_of(function: str) -> list[Mapping[str, Any]]:
    """Return the event source mappings of a function that are not being deleted."""
    listed = aws.pages(
        "lambda", "list_event_source_mappings", "EventSourceMappings", FunctionName=function
    )
    return [each for each in listed if each.get("State") != "Deleting"]


def _rules(stage: Stage) -> Iterator[Resource]:
    prefix = stage.named("")
    for each in aws.pages("events", "list_rules", "Rules", NamePrefix=prefix):
        name = str(each["Name"])
        if name.endswith("-event"):
            yield {
                "name": name.removeprefix(prefix),
                "resource_type": "cloudwatch_event",
                "rule_name": name,
            }


def _domains(stage: Stage) -> Iterator[Resource]:
    client = aws.client("apigatewayv2")
    for name, domain in (
        ("api_gateway_custom_domain", stage.domain),
        ("websocket_api_custom_domain", stage.sockets_domain),
    ):
        if domain is None:
            continue
        try:
            (found, *_) = client.get_domain_name(DomainName=domain.name)["DomainNameConfigurations"]
        except client.exceptions.NotFoundException:
            continue
        mappings = client.get_api_mappings(DomainName=domain.name)["Items"]
        yield {
            "name": name,
            "resource_type": "domain_name",
            "domain_name": domain.name,
            "hosted_zone_id": found.get("HostedZoneId", ""),
            "alias_domain_name": found.get("ApiGatewayDomainName", ""),
            "certificate_arn": found.get("CertificateArn", ""),
            "security_policy": found.get("SecurityPolicy", ""),
            "api_mapping": [{"key": f"/{each.get('ApiMappingKey') or ''}"} for each in mappings],
        }


def of_apis(apis: Listed, region: str, partition: str) -> Iterator[Resource]:
    """Yield the first API of each kind: Chalice fills these, and makes no others."""
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    host = f"execute-api.{region}.{suffix}/{API_STAGE}/"
    for api in apis.rest[:1]:
        yield {
            "name": "rest_api",
            "resource_type": "rest_api",
            "rest_api_id": api,
            "rest_api_url": f"https://{api}.{host}",
        }
    for api in apis.sockets[:1]:
        yield {
            "name": "websocket_api",
            "resource_type": "websocket_api",
            "websocket_api_id": api,
            "websocket_api_url": f"wss://{api}.{host}",
        }
