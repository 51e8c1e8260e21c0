"""The two APIs of a stage: found, or made empty before `chalice deploy` fills them.

Their ids stand in every address that the system hands out, so they must be known before the
functions are configured. Chalice calls the REST API of every stage by the prefix alone; which stage
one belongs to is told by a tag, or, where that was lost, by the function that it calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from infra.deploy import aws, stacks
from infra.deploy.errors import DeployError
from infra.deploy.functions import API_STAGE
from infra.deploy.stage import Stage

TAG: Final = "stage"


class Listed(NamedTuple):
    """The ids of a stage's APIs. There is to be one of each: none, or more, is something broken."""

    rest: list[str]
    sockets: list[str]


@dataclass(frozen=True, slots=True)
class Apis:
    """The ids, and where clients reach them, without a trailing slash."""

    rest: str
    sockets: str
    public_url: str
    sockets_url: str


def find(stage: Stage) -> Apis | None:
    """Return the APIs of a stage, None unless both are there. Raises DeployError for two of one."""
    rest, sockets = _only(stage)
    return _apis(stage, rest, sockets) if rest and sockets else None


def listed(stage: Stage) -> Listed:
    """Return all APIs of a stage that are there."""
    return Listed(_rest(stage), _sockets(stage))


def find_or_make(stage: Stage) -> Apis:
    """Return the APIs of a stage; those that are not there are made, empty."""
    tags = stacks.tags(stage)
    rest, sockets = _only(stage)
    if rest is None:
        made = aws.client("apigateway").create_rest_api(
            name=stage.prefix, endpointConfiguration={"types": ["REGIONAL"]}, tags=tags
        )
        rest = str(made["id"])
    if sockets is None:
        made = aws.client("apigatewayv2").create_api(
            Name=_sockets_name(stage),
            ProtocolType="WEBSOCKET",
            RouteSelectionExpression="$request.body.action",  # as Chalice makes it
            Tags=tags,
        )
        sockets = str(made["ApiId"])
    return _apis(stage, rest, sockets)


def _apis(stage: Stage, rest: str, sockets: str) -> Apis:
    def at_aws(api: str, scheme: str) -> str:
        suffix = "amazonaws.com.cn" if aws.partition() == "aws-cn" else "amazonaws.com"
        return f"{scheme}://{api}.execute-api.{aws.region()}.{suffix}/{API_STAGE}"

    emulator = aws.endpoint()
    if emulator is not None:
        base = f"{emulator}/_aws/execute-api"
        public_url = f"{base}/{rest}/{API_STAGE}"
        sockets_url = f"{base}/{sockets}/{API_STAGE}".replace("http", "ws", 1)
    else:
        public_url, sockets_url = at_aws(rest, "https"), at_aws(sockets, "wss")
    if stage.domain is not None:
        public_url = f"https://{stage.domain.name}"
    if stage.sockets_domain is not None:
        sockets_url = f"wss://{stage.sockets_domain.name}"
    return Apis(rest, sockets, public_url, sockets_url)


def _rest(stage: Stage) -> list[str]:
    named = [
        each
        for each in aws.pages("apigateway", "get_rest_apis", "items")
        if each["name"] == stage.prefix and _may_be_of(each.get("tags"), stage)
    ]
    tagged = [each for each in named if (each.get("tags") or {}).get(TAG) == stage.name]
    ours = tagged or [each for each in named if _calls(each["id"], stage)]
    return [str(each["id"]) for each in ours]


def _sockets(stage: Stage) -> list[str]:
    return [
        str(each["ApiId"])
        for each in aws.pages("apigatewayv2", "get_apis", "Items")
        if each["Name"] == _sockets_name(stage)
    ]


def _sockets_name(stage: Stage) -> str:
    return stage.named("websocket-api")


def _may_be_of(tags: Mapping[str, str] | None, stage: Stage) -> bool:
    return (tags or {}).get(TAG, stage.name) == stage.name


def _calls(api: str, stage: Stage) -> bool:
    """Tell whether an API calls this stage's function."""
    wanted = f":function:{stage.function('api_handler')}/"
    resources = aws.pages("apigateway", "get_resources", "items", restApiId=api, embed=["methods"])
    for resource in resources:
        for method in (resource.get("resourceMethods") or {}).values():
            integration: Any = method.get("methodIntegration") or {}
            if wanted in str(integration.get("uri", "")):
                return True
    return False


def _only(stage: Stage) -> tuple[str | None, str | None]:
    there = listed(stage)
    for kind, found in (("REST", there.rest), ("websocket", there.sockets)):
        if len(found) > 1:
            raise DeployError(
                f"The stage {stage.name} has {len(found)} {kind} APIs ({', '.join(found)}): "
                "delete those that no client uses, then deploy again."
            )
    return next(iter(there.rest), None), next(iter(there.sockets), None)
