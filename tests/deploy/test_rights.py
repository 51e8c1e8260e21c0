"""What each function may do is what it does: its calls, recorded, beside its policy, both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import pytest

from app import app
from chalicelib import aws as clients
from infra.deploy import functions
from infra.deploy.rights import FUNCTIONS, Deployment, policy
from infra.deploy.stage import Stage
from infra.local.aws import ACCOUNT, aws, names
from tests.deploy.apart import Functions
from tests.deploy.apart import functions as apart
from tests.deploy.everything import do_all
from tests.deploy.recording import Need, Recorder

# The statements that no call of ours is behind, and why.
WHY_NOT_SEEN = {
    "Logs": "Lambda writes what a function prints",
    "ReadStream": "Lambda reads the stream, as the function",
    "ListStreams": "Lambda reads the stream, as the function",
    "SetAside": "Lambda sends word of a record that was given up, as the function",
    "TakeJobs": "Lambda takes the messages, as the function",
}
STAGE = "local"  # whose ARNs `app.py` was imported with
DEPLOYMENT = partial(Deployment, sockets="sockets")


@pytest.fixture(scope="module")
def done() -> Iterator[Functions]:
    """Everything has been done, with a graph, and was recorded."""
    with aws(stage=STAGE) as environment:
        recorder = Recorder()
        known = {
            **environment,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "JWT_ISSUER": "https://issuer.test",
            "JWT_AUDIENCE": "palimpsest",
            "JWT_JWKS_URL": "https://issuer.test/jwks.json",
        }
        with apart(known, recorder) as all:
            do_all(all)
        yield all


def deployed(**more: Any) -> Deployment:
    """Return a deployment with a Neptune graph."""
    graph = {"GRAPH_RESOURCE_ID": "cluster-GRAPH", "GRAPH_SUBNETS": "subnet-1,subnet-2"}
    stage = Stage(name=STAGE, graph="neptune", **more)
    return DEPLOYMENT(stage=stage, names={**names(STAGE), **graph})


def rights(function: str, deployment: Deployment) -> list[tuple[str, Need]]:
    """Return each action on each resource that a policy allows, with the statement's name."""
    return [
        (statement["Sid"], (action, resource))
        for statement in policy(function, deployment)["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]


def allows(right: Need, need: Need) -> bool:
    return right[0] == need[0] and fnmatchcase(need[1], right[1])


def unmet(needed: set[Need], allowed: list[tuple[str, Need]]) -> set[Need]:
    return {need for need in needed if not any(allows(right, need) for _, right in allowed)}


def sids(document: dict[str, Any]) -> list[str]:
    return [statement["Sid"] for statement in document["Statement"]]


# -- both ways -----------------------------------------------------------------------------------


def test_the_run_reaches_every_function_and_every_route(done: Functions) -> None:
    assert set(FUNCTIONS) == set(functions.FUNCTIONS)
    assert set(done.recorder.needed) == set(FUNCTIONS)
    called = {
        (method, route)
        for method, path in done.called
        for route in app.routes
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", route), path)
    }
    offered = {(method, route) for route, methods in app.routes.items() for method in methods}
    # HEAD is answered as GET is, and OPTIONS without a look at anything.
    assert {each for each in offered - called if each[0] not in ("HEAD", "OPTIONS")} == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_what_it_does(done: Functions, function: str) -> None:
    assert not unmet(done.recorder.needed[function], rights(function, deployed()))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_does_what_it_may_do(done: Functions, function: str) -> None:
    needed = done.recorder.needed[function]
    idle = [
        (sid, right)
        for sid, right in rights(function, deployed())
        if sid not in WHY_NOT_SEEN and not any(allows(right, need) for need in needed)
    ]
    assert [each for each in idle if each[0] != "StandInNetwork"] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_whichever_right_is_taken_away_is_missed(done: Functions, function: str) -> None:
    needed, allowed = done.recorder.needed[function], rights(function, deployed())
    for taken in allowed:
        if taken[0] not in {*WHY_NOT_SEEN, "StandInNetwork"}:
            left = [each for each in allowed if each != taken]
            assert unmet(needed, left), taken


def test_clients_are_made_of_the_services_that_are_known(done: Functions) -> None:
    assert done.recorder.services <= set(clients.SERVICES)


# -- what depends on the deployment --------------------------------------------------------------


def test_nothing_is_allowed_on_everything_of_a_service(done: Functions) -> None:
    wide = {
        sid
        for function in FUNCTIONS
        for sid, (_, resource) in rights(function, deployed(tracing=True, inference="comprehend"))
        if resource == "*"
    }
    assert wide == {"StandInNetwork", "Trace", "Entities"}  # which know no narrower resource


def test_a_log_group_is_ones_own() -> None:
    def groups(function: str) -> list[str]:
        return [right[1] for sid, right in rights(function, deployed()) if sid == "Logs"]

    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/palimpsest-local"
    assert set(groups("api_handler")) == {f"{group}:*"}
    assert set(groups("pusher")) == {f"{group}-pusher:*"}


def test_without_a_graph_nobody_may_reach_one_or_its_network() -> None:
    none = DEPLOYMENT(stage=Stage(name=STAGE), names=names(STAGE))
    for function in FUNCTIONS:
        document = policy(function, none)
        assert not {"AskGraph", "WriteGraph", "StandInNetwork"} & set(sids(document))


def test_who_is_in_the_network_of_the_graph_is_who_asks_it() -> None:
    for function in FUNCTIONS:
        found = set(sids(policy(function, deployed())))
        assert ("StandInNetwork" in found) == bool({"AskGraph", "WriteGraph"} & found)


def test_only_workers_may_ask_models_and_only_the_configured_one() -> None:
    def may(inference: str) -> dict[str, list[str]]:
        return {
            function: statement["Resource"]
            for function in FUNCTIONS
            for statement in policy(function, deployed(inference=inference))["Statement"]
            if statement["Sid"] in ("Models", "Entities")
        }

    def workers(*on: str) -> dict[str, list[str]]:
        return {each: list(on) for each in ("job_worker", "slow_job_worker")}

    assert may("rules") == {}
    assert may("comprehend") == workers("*")
    model = "anthropic.claude-haiku-4-5-v1:0"
    base = f"foundation-model/{model}"
    for kind in ("bedrock", "bedrock-tool"):
        assert may(f"{kind}:{model}") == workers(f"arn:aws:bedrock:us-east-1::{base}")
    profile = f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/eu.{model}"
    for name in (f"eu.{model}", profile):
        assert may(f"bedrock:{name}") == workers(profile, f"arn:aws:bedrock:*::{base}")


def test_traces_may_be_sent_where_they_are_switched_on() -> None:
    assert "Trace" not in sids(policy("pusher", deployed()))
    assert "Trace" in sids(policy("pusher", deployed(tracing=True)))


def test_a_key_of_ones_own_may_be_used_through_the_services_alone() -> None:
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"

    *_, key = policy("api_handler", deployed(kms_key_arn=arn))["Statement"]

    assert key["Resource"] == [arn]
    services = key["Condition"]["StringEquals"]["kms:ViaService"]
    assert services == [
        f"{each}.us-east-1.amazonaws.com" for each in ("dynamodb", "s3", "sqs", "ssm")
    ]


def test_a_statement_has_a_name_of_its_own() -> None:
    for function in FUNCTIONS:
        document = policy(function, deployed(tracing=True, inference="bedrock:a.b"))
        assert len(set(sids(document))) == len(document["Statement"])
