"""Commands that run as Lambda functions of a stage: near the data, and in the graph's network.

Each invocation is a turn of some minutes that says where the next goes on:
`chalicelib.flows.turns`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from chalicelib.flows.turns import merged
from infra.ops.progress import Bar

ANSWER_S: Final = 930
"""Longer than a function may run."""


class NoTurnError(Exception):
    """The function did not answer as it should; the message is one sentence."""


def carry_out(stage: str, command: str, workspace: str | None, bar: Bar) -> dict[str, Any]:
    """Invoke a stage's function until nothing is left; return the whole report.

    Raises NoTurnError, with what is to be asked to go on.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    patient = Config(read_timeout=ANSWER_S, retries={"total_max_attempts": 1})
    client = boto3.client("lambda", config=patient)
    function = f"palimpsest-{stage}-{command.replace('-', '_')}"
    asked: dict[str, Any] | None = {} if workspace is None else {"workspace": workspace}
    report: dict[str, Any] = {}
    well = True
    while asked is not None:
        try:
            told = client.invoke(FunctionName=function, Payload=json.dumps(asked).encode())
        except (BotoCoreError, ClientError) as error:
            raise NoTurnError(f"{function} with {json.dumps(asked)}: {error}") from error
        answer = json.loads(told["Payload"].read())
        if "FunctionError" in told:
            why = answer.get("errorMessage", told["FunctionError"])
            raise NoTurnError(f"{function} with {json.dumps(asked)}: {why}")
        report = merged(report, answer["report"])
        well &= answer["ok"]
        bar((asked.get("part") or command), answer["done"], max(answer["of"], 1))
        asked = answer["next"]
    return {"ok": well, **report}
