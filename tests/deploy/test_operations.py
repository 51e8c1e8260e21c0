"""What tells an operator: each alarm has its entry, each metric is emitted, and all names are right."""

from __future__ import annotations

import ast
import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from bench import prices
from infra.deploy.functions import FUNCTIONS
from infra.deploy.stacks import parameters
from infra.deploy.stage import Stage
from infra.local.template import load
from infra.ops import __main__ as ops

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "infra" / "operations.yaml"
RUNBOOK = (ROOT / "docs" / "operations.md").read_text("utf-8")
OWN = "Palimpsest"
COUNTING = {"count", "milliseconds", "timed"}


@cache
def alarms() -> dict[str, dict[str, Any]]:
    """Return the alarms by their name, the stage left out."""
    found = {}
    for resource in load(TEMPLATE).resources.values():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            name = _text(resource["Properties"]["AlarmName"])
            found[name.removeprefix("palimpsest-dev-")] = resource["Properties"]
    return found


def widgets() -> list[dict[str, Any]]:
    body = _text(load(TEMPLATE).resources["Dashboard"]["Properties"]["DashboardBody"])
    return [each["properties"] for each in json.loads(body)["widgets"]]


@cache
def emitted() -> set[str]:
    """Return the names of all metrics that the code counts or times."""
    return {
        name.value
        for path in (ROOT / "chalicelib").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        if call.func.attr in COUNTING and "metrics" in ast.unparse(call.func.value)
        for name in ast.walk(call.args[0])
        if isinstance(name, ast.Constant) and isinstance(name.value, str)
    }


@cache
def watched() -> list[list[str]]:
    """Return each metric of alarms and dashboard: namespace, name, and dimensions in turns."""
    found = []
    for alarm in alarms().values():
        dimensions = alarm.get("Dimensions", ())
        pairs = [part for each in dimensions for part in (each["Name"], _text(each["Value"]))]
        found.append([alarm["Namespace"], alarm["MetricName"], *pairs])
    for widget in widgets():
        metrics = [[part for part in each if isinstance(part, str)] for each in widget["metrics"]]
        found += [metric for metric in metrics if metric]
    return found


def _text(value: Any) -> str:
    """Return a value of the template as it is in the stage dev."""
    told = value if isinstance(value, str) else next(iter(value.values()))
    for parameter, given in (("Stage", "dev"), ("Prefix", "palimpsest")):
        told = given if told == parameter else told.replace(f"${{{parameter}}}", given)
    return str(told)


def entry(name: str) -> str:
    """Return what the runbook says of an alarm."""
    found = re.search(rf"^### {re.escape(name)}\n(.*?)(?=^##|\Z)", RUNBOOK, re.M | re.S)
    assert found, f"{name} has no entry in docs/operations.md"
    return found[1]


@pytest.mark.parametrize("name", sorted(alarms()))
def test_an_alarm_says_where_its_entry_is_and_the_entry_what_to_do(name: str) -> None:
    assert f"See docs/operations.md, {name}." in alarms()[name]["AlarmDescription"]
    told = entry(name)
    assert all(part in told for part in ("**Means.**", "**Look at**", "**Do.**"))


@pytest.mark.parametrize("name", sorted(alarms()))
def test_an_alarm_goes_to_the_topic_and_says_what_silence_means(name: str) -> None:
    alarm = alarms()[name]
    assert alarm["AlarmActions"] == alarm["OKActions"] != []
    assert alarm["TreatMissingData"] in ("notBreaching", "breaching")


def test_no_entry_is_about_an_alarm_that_is_not_there() -> None:
    told = RUNBOOK.partition("## Alarms")[2].partition("\n## ")[0]
    assert set(re.findall(r"^### (.+)$", told, re.M)) == set(alarms())


def test_what_is_watched_of_ours_is_emitted_with_these_dimensions() -> None:
    for namespace, name, *dimensions in watched():
        if namespace == OWN:
            assert name in emitted()
            assert dimensions == ["service", "palimpsest", "stage", "dev"]


def test_every_metric_stands_in_the_runbook() -> None:
    table = RUNBOOK.partition("## Metrics")[2].partition("## Alarms")[0]
    assert (
        set(re.findall(r"`([A-Z][A-Za-z]+)`", table)) - {"Palimpsest", "IteratorAge"} == emitted()
    )


def test_functions_queues_and_tables_are_called_as_they_are() -> None:
    core = load(ROOT / "infra" / "core.yaml").resources.values()
    names = {
        _text(resource["Properties"][key])
        for resource in core
        for key in ("TableName", "QueueName")
        if key in resource["Properties"]
    } | {Stage(name="dev").function(name) for name in FUNCTIONS}
    for namespace, _, *dimensions in watched():
        if namespace != OWN and dimensions:
            assert dimensions[1] in names


def test_the_dashboard_shows_all_that_is_asked_for() -> None:
    shown = {metric[1] for metric in watched()}
    assert {"AppendLatency", "ViewMaterialization", "GraphLag", "JobsCompleted"} <= shown
    assert {"ViewCacheHit", "AppendConflicts", "IteratorAge", "ReplayGaps"} <= shown
    assert {"ApproximateNumberOfMessagesVisible", "NotTold", "HealthFailed"} <= shown


def test_a_stage_knows_what_the_template_asks_for() -> None:
    topic = "arn:aws:sns:eu-central-1:123456789012:alarms"
    told = parameters(Stage(name="dev", alarm_topic_arn=topic), "operations")
    assert told == {
        "Prefix": "palimpsest",
        "Stage": "dev",
        "Graph": "false",
        "AlarmTopicArn": topic,
    }


def test_the_prices_are_those_of_todays_units() -> None:
    results = ROOT / "bench" / "results"
    cost = (results / "cost.md").read_text("utf-8")
    told = (results / "prices.md").read_text("utf-8")
    assert told == prices.report(cost), "python -m bench.prices --write"
    assert len(prices.counted(cost)) == cost.count("\n| ") - 1
    assert len(alarms()) == prices.ALARMS
    assert abs(len(emitted()) - prices.OWN_METRICS) <= 10
    idle = {graph: f"{sum(prices.idle(graph).values()):.0f} USD" for graph in (False, True)}
    assert f"**{idle[False]} a month** without a graph" in RUNBOOK
    assert f"**{idle[True]}** with Neptune" in RUNBOOK


def typed(section: str) -> list[list[str]]:
    """Return the commands in the shell blocks of a section of the runbook, as words."""
    text = RUNBOOK.split(f"\n## {section}\n")[1].split("\n## ")[0]
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)).replace("\\\n", " ")
    # What is put into a variable is a command too.
    lines = re.sub(r"\b[A-Z]+=\$\((.*)\)$", r"\1", blocks, flags=re.M).splitlines()
    return [shlex.split(line) for line in lines]


def test_each_command_of_the_restore_drill_can_be_typed() -> None:
    """Ours are parsed as they stand, AWS's compared with botocore's model; `make` has its targets."""
    seen = set()
    for words in typed("Backup and restore"):
        match words:
            case ["python", "-m", "infra.ops", *arguments]:
                seen.add(ops._parser().parse_args(arguments).name)
            case ["aws", service, *rest]:
                seen.add(known_to_aws(service, rest))
            case ["make", "-s", target, *_] | ["make", target, *_]:
                assert f"\n{target}: " in (ROOT / "Makefile").read_text("utf-8")
    assert seen >= {"restore-log", "accept-loss", "mend-tables", "verify", "recover"}
    assert seen >= {"RestoreTableToPointInTime", "RestoreTableFromBackup", "table_exists"}


def known_to_aws(service: str, words: list[str]) -> str:
    """Return the operation, or the waiter, of an aws command line that has only known options."""
    session = botocore.session.get_session()
    model = session.get_service_model(service)
    name, waiter = words[0], ""
    if name == "wait":
        waiter = words[1].replace("-", "_")
        waiters = session.get_waiter_model(service)
        operations = {xform_name(each): waiters.get_waiter(each) for each in waiters.waiter_names}
        name = xform_name(operations[waiter].operation, "-")
    operation = next(o for o in model.operation_names if xform_name(o, "-") == name)
    members = model.operation_model(operation).input_shape.members
    known = {f"--{xform_name(member, '-')}" for member in members} | {"--query", "--output"}
    assert {word for word in words if word.startswith("--")} <= known, words
    return waiter or operation
