"""Both APIs after `chalice deploy`: gateway responses, throttling, the websocket's deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from chalicelib.edge.gateway_answers import responses
from infra.deploy import aws
from infra.deploy.apis import Apis
from infra.deploy.functions import API_STAGE
from infra.deploy.stage import Stage

KEPT: Final = 20
"""Deployments of an API that stay, to go back to; AWS has room for 300."""


def mend(stage: Stage, apis: Apis) -> list[str]:
    """Bring both APIs up to what is wanted. Returns what was changed."""
    return [*_rest(stage, apis), *_sockets(stage, apis)]


def differences(stage: Stage, apis: Apis) -> list[str]:
    """Return the gateway responses that are not as they should be."""
    there = {
        str(each["responseType"]): each
        for each in aws.pages("apigateway", "get_gateway_responses", "items", restApiId=apis.rest)
    }
    return [
        kind
        for kind, wanted in responses(apis.public_url, stage.cors_origins).items()
        if not _same(there.get(kind, {}), wanted)
    ]


def _rest(stage: Stage, apis: Apis) -> list[str]:
    done, client = list[str](), aws.client("apigateway")
    different = differences(stage, apis)
    wanted = responses(apis.public_url, stage.cors_origins)
    for kind in different:
        client.put_gateway_response(restApiId=apis.rest, responseType=kind, **wanted[kind])
    if different:
        client.create_deployment(restApiId=apis.rest, stageName=API_STAGE)
        done.append(f"REST API: {len(different)} gateway responses, deployed")
    there = client.get_stage(restApiId=apis.rest, stageName=API_STAGE)
    settings: Mapping[str, Any] = (there.get("methodSettings") or {}).get("*/*", {})
    if (settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")) != (
        stage.requests_per_s,
        stage.burst,
    ):
        client.update_stage(
            restApiId=apis.rest,
            stageName=API_STAGE,
            patchOperations=[
                {"op": "replace", "path": f"/*/*/throttling/{name}", "value": value}
                for name, value in (
                    ("rateLimit", f"{stage.requests_per_s:g}"),
                    ("burstLimit", str(stage.burst)),
                )
            ],
        )
        done.append(f"REST API: {stage.requests_per_s:g} requests/s, {stage.burst} at once")
    _prune(apis, str(there["deploymentId"]))
    return done


def _prune(apis: Apis, in_use: str) -> None:
    client = aws.client("apigateway")
    found = sorted(
        aws.pages("apigateway", "get_deployments", "items", restApiId=apis.rest),
        key=lambda each: each["createdDate"],
    )
    for each in found[:-KEPT]:
        if each["id"] != in_use:
            client.delete_deployment(restApiId=apis.rest, deploymentId=each["id"])


def _sockets(stage: Stage, apis: Apis) -> list[str]:
    """Deploy the websocket API. Chalice makes its routes anew each time, and deploys them once."""
    client = aws.client("apigatewayv2")
    throttling = {
        "ThrottlingRateLimit": stage.requests_per_s,
        "ThrottlingBurstLimit": stage.burst,
    }
    deployment = client.create_deployment(ApiId=apis.sockets)["DeploymentId"]
    settings = {
        "ApiId": apis.sockets,
        "StageName": API_STAGE,
        "DeploymentId": deployment,
        "DefaultRouteSettings": throttling,
    }
    stages = [each["StageName"] for each in client.get_stages(ApiId=apis.sockets)["Items"]]
    if API_STAGE in stages:
        client.update_stage(**settings)
    else:
        client.create_stage(**settings)
    found = sorted(
        aws.pages("apigatewayv2", "get_deployments", "Items", ApiId=apis.sockets),
        key=lambda each: each["CreatedDate"],
    )
    for each in found[:-KEPT]:
        if each["DeploymentId"] != deployment:
            client.delete_deployment(ApiId=apis.sockets, DeploymentId=each["DeploymentId"])
    return [f"websocket API: deployment {deployment}"]


def _same(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(there.get(key) == value for key, value in wanted.items())
