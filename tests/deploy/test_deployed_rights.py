"""The policies as deployed: nothing is refused, and what is taken away is missed at once."""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.deploy.deployed import Deployed
from tests.deploy.walk import SCHEDULED, SCHEDULES, annotated, created, until

pytestmark = [pytest.mark.deploy, pytest.mark.ministack]

TAKEN_AWAY = int(os.environ.get("TAKEN_AWAY", "5"))
STIRS, STIR_S = 8, 40.0  # more than five minutes
# Of the statements, those that no call of the functions themselves is behind.
BY_LAMBDA = {"Logs", "ReadStream", "ListStreams", "SetAside", "TakeJobs"}
Json = dict[str, Any]


def test_nothing_is_refused_and_each_statement_that_is_taken_away_is_missed(
    deployed: Deployed,
) -> None:
    emulator = deployed.emulator
    ever = [each for each in deployed.seen() if not each["allowed"]]
    assert ever == [], "refused, by what ran before"
    # Twice, for some things are done by whoever comes first, or once in five minutes.
    before, used = asked(deployed), asked(deployed)
    used = [each for each in used if each in before]
    assert len(used) > 30, "the run reaches too little"
    seed = random.randrange(10**6)
    chosen = random.Random(seed).sample(used, min(TAKEN_AWAY, len(used)))

    for role, statement in chosen:
        deployed.forget_calls()
        with without(deployed, role, statement):

            def missed(role: str = role, statement: Json = statement) -> bool:
                calls = [each for each in emulator.calls() if not each["allowed"]]
                return any(covers(role, statement, each) for each in calls)

            for _ in range(STIRS):
                stir(deployed)
                with contextlib.suppress(AssertionError):
                    until(missed, "a refusal", STIR_S)
                    break
            else:
                pytest.fail(f"not missed: {role} {statement['Sid']} (seed {seed})")


def test_what_lambda_does_in_a_roles_name_is_what_its_policy_says_of_it(
    deployed: Deployed,
) -> None:
    deployed.forget_calls()
    stir(deployed)
    until(lambda: settled(deployed), "rest")
    now = [each for each in deployed.emulator.calls() if each["by"] == "lambda"]
    by_lambda = [each for each in deployed.seen() if each["by"] == "lambda"]
    statements = [
        (role, statement)
        for role, document in policies(deployed).items()
        for statement in document["Statement"]
        if statement["Sid"] in BY_LAMBDA
    ]

    useless = [
        (role, statement["Sid"], action)
        for role, statement in statements
        if statement["Sid"] != "Logs"  # the deployment makes the groups, and not everything ran
        for action in _many(statement["Action"])
        if not any(call["action"] == action and covers(role, statement, call) for call in by_lambda)
    ]
    assert useless == []
    assert [call for call in now if not any(covers(*each, call) for each in statements)] == []


def asked(deployed: Deployed) -> list[tuple[str, Json]]:
    """Set every function to work, started anew; return the statements that its calls are under."""
    deployed.forget_calls()
    start_anew(deployed)
    stir(deployed)
    seen = until(lambda: settled(deployed), "rest")
    assert [each for each in seen if not each["allowed"]] == []
    return [
        (role, statement)
        for role, document in policies(deployed).items()
        for statement in document["Statement"]
        if any(covers(role, statement, call) for call in seen)
    ]


def stir(deployed: Deployed) -> None:
    """Set every function to work. What fails is not looked at: a role may be crippled."""
    quietly = contextlib.suppress(Exception)
    with deployed.api() as api:
        with quietly:
            api.get("/api/health")
        with quietly:
            resource = created(api)["id"]
            with quietly:
                watch_an_annotation(deployed, api, resource)
            with quietly:
                api.get(f"/resources/{resource}")
            asked = {"entityTypes": ["Person"]}
            job = {"kind": "detection", "resource": resource, "params": asked}
            with quietly:
                api.post("/jobs", json=job)
        with quietly:
            api.post("/jobs", json={"kind": "generation", "params": {"prompt": "Heiberg"}})
    fire(deployed)


def watch_an_annotation(deployed: Deployed, api: httpx.Client, resource: str) -> None:
    """Open a websocket, watch, annotate, stay until that is told, and leave."""
    ticket = api.post("/tickets").json()["ticket"]
    with connect(f"{deployed.sockets_url}?ticket={ticket}", open_timeout=30) as socket:
        topics = [{"resource": resource, "from": 0}]
        socket.send(json.dumps({"action": "subscribe", "topics": topics}))
        annotated(api, resource, "Heiberg")
        with contextlib.suppress(TimeoutError):
            while "annotation.added" not in str(socket.recv(timeout=15)):
                pass


def fire(deployed: Deployed) -> None:
    """Have every schedule's function run, and do not wait for it."""
    for name in SCHEDULES:
        deployed.emulator.client("lambda").invoke(
            FunctionName=f"{deployed.prefix}-{name}",
            InvocationType="Event",
            Payload=json.dumps(SCHEDULED).encode(),
        )


def settled(deployed: Deployed, quiet_s: float = 3.0) -> list[Json]:
    """Return the calls once none has come for a while, nothing before."""
    before = deployed.emulator.calls()
    time.sleep(quiet_s)
    after = deployed.emulator.calls()
    return after if len(after) == len(before) else []


def policies(deployed: Deployed) -> dict[str, Json]:
    """Return the policy of each role of the stage."""
    iam = deployed.emulator.client("iam")
    found = {}
    for role in iam.list_roles(MaxItems=1000)["Roles"]:
        if role["RoleName"].startswith(f"{deployed.prefix}-"):
            (name,) = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
            policy = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)
            found[role["RoleName"]] = policy["PolicyDocument"]
    return found


def covers(role: str, statement: Json, call: Json) -> bool:
    """Tell whether a statement of a role speaks of a call."""
    return (
        call["role"] == role
        and call["action"] in _many(statement["Action"])
        and any(fnmatchcase(call["resource"], each) for each in _many(statement["Resource"]))
    )


@contextlib.contextmanager
def without(deployed: Deployed, role: str, statement: Json) -> Iterator[None]:
    """Take a statement from a role's policy until the block ends."""
    iam = deployed.emulator.client("iam")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole = policies(deployed)[role]
    less = {**whole, "Statement": [each for each in whole["Statement"] if each != statement]}
    assert len(less["Statement"]) == len(whole["Statement"]) - 1
    for_role = {"RoleName": role, "PolicyName": name}
    iam.put_role_policy(**for_role, PolicyDocument=json.dumps(less))
    start_anew(deployed, role)
    try:
        yield
    finally:
        iam.put_role_policy(**for_role, PolicyDocument=json.dumps(whole))


def start_anew(deployed: Deployed, role: str = "") -> None:
    """Have a role's functions start cold, or all: some ask for a thing once, and remember it."""
    functions = deployed.emulator.client("lambda")
    for page in functions.get_paginator("list_functions").paginate():
        for each in page["Functions"]:
            if role in ("", each["Role"].rpartition("/")[2]):
                name, timeout = each["FunctionName"], each["Timeout"]
                functions.update_function_configuration(FunctionName=name, Timeout=timeout)


def _many(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
