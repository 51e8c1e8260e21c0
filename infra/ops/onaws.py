"""Commands that run as Lambda functions of a stage: near the data, and in the graph's network.

Each invocation is a turn of some minutes that says where the next goes on:
`chalicelib.flows.turns`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from chalicelib.flows.turns import merged
from infra.deploy.errors import DeployError
from infra.deploy.stage import read
from infra.ops.progress import Bar

ANSWER_S: Final = 930
"""Longer than a function may run."""

Invoke = Callable[[dict[str, Any]], dict[str, Any]]
"""Carries out one turn: what is asked in, the function's answer out."""


class NoTurnError(Exception):
    """The function did not answer as it should; the message says what was asked, to go on."""


def carry_out(stage: str, command: str, workspace: str | None, bar: Bar) -> dict[str, Any]:
    """Invoke a stage's function until nothing is left; return the whole report."""
    return in_turns(_function(stage, command.replace("-", "_")), command, workspace, bar)


def in_turns(invoke: Invoke, command: str, workspace: str | None, bar: Bar) -> dict[str, Any]:
    """Take turns until nothing is left; return the whole report. Raises NoTurnError."""
    asked: dict[str, Any] | None = {} if workspace is None else {"workspace": workspace}
    report: dict[str, Any] = {}
    well = True
    while asked is not None:
        answer = invoke(asked)
        report = merged(report, answer["report"])
        well &= answer["ok"]
        bar(asked.get("part") or command, answer["done"], max(answer["of"], 1))
        asked = answer["next"]
    return {"ok": well, **report}


def _function(stage: str, name: str) -> Invoke:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    patient = Config(read_timeout=ANSWER_S, retries={"total_max_attempts": 1})
    client = boto3.client("lambda", config=patient)
    try:
        function = read(stage).function(name)
    except DeployError as error:
        raise NoTurnError(str(error)) from error

    def invoke(asked: dict[str, Any]) -> dict[str, Any]:
        payload = json.dumps(asked)
        try:
            told = client.invoke(FunctionName=function, Payload=payload.encode())
        except (BotoCoreError, ClientError) as error:
            raise NoTurnError(f"{function} with {payload}: {error}") from error
        answer: dict[str, Any] = json.loads(told["Payload"].read())
        if "FunctionError" in told:
            why = answer.get("errorMessage", told["FunctionError"])
            raise NoTurnError(f"{function} with {payload}: {why}")
        return answer

    return invoke
