"""Both APIs after `chalice deploy`: gateway responses, throttling, the websocket's deployment."""

from __future__ import annotations

import hashlib
import json
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
    """Throttle the websocket API, and deploy it where other routes than its own are deployed."""
    done, client = list[str](), aws.client("apigatewayv2")
    stages = client.get_stages(ApiId=apis.sockets)["Items"]
    there = next((each for each in stages if each["StageName"] == API_STAGE), None)
    deployed = str((there or {}).get("DeploymentId") or "")
    routes = _described(apis)
    listed = list(aws.pages("apigatewayv2", "get_deployments", "Items", ApiId=apis.sockets))
    described = {str(each["DeploymentId"]): each.get("Description") for each in listed}
    if described.get(deployed) != routes:
        made = client.create_deployment(ApiId=apis.sockets, Description=routes)
        deployed = str(made["DeploymentId"])
        done.append(f"websocket API: deployment {deployed}")
    throttling = {
        "ThrottlingRateLimit": stage.requests_per_s,
        "ThrottlingBurstLimit": stage.burst,
    }
    if there is None or not _same(there.get("DefaultRouteSettings") or {}, throttling):
        done.append(f"websocket API: {stage.requests_per_s:g} messages/s, {stage.burst} at once")
    if done:
        put = client.create_stage if there is None else client.update_stage
        put(
            ApiId=apis.sockets,
            StageName=API_STAGE,
            DeploymentId=deployed,
            DefaultRouteSettings=throttling,
        )
    for each in sorted(listed, key=lambda each: each["CreatedDate"])[:-KEPT]:
        if each["DeploymentId"] != deployed:
            client.delete_deployment(ApiId=apis.sockets, DeploymentId=each["DeploymentId"])
    return done


def _described(apis: Apis) -> str:
    """Return what tells one set of routes from another, for the description of their deployment.

    API Gateway does not tell which routes a deployment has. Chalice makes them anew each time, so
    that their ids differ.
    """
    routes = [
        [each["RouteKey"], each["RouteId"], each.get("Target")]
        for each in aws.pages("apigatewayv2", "get_routes", "Items", ApiId=apis.sockets)
    ]
    integrations = [
        [each["IntegrationId"], each.get("IntegrationUri")]
        for each in aws.pages("apigatewayv2", "get_integrations", "Items", ApiId=apis.sockets)
    ]
    told = json.dumps([sorted(routes), sorted(integrations)])
    return f"routes {hashlib.sha256(told.encode()).hexdigest()}"


def _same(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(there.get(key) == value for key, value in wanted.items())
