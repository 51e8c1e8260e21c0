"""The steps of a deploy, in their order. Each may be run again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from infra.deploy import (
    apis,
    aws,
    chalice,
    gateway,
    lambdas,
    lock,
    mappings,
    preflight,
    releases,
    render,
    secret,
    stacks,
    state,
)
from infra.deploy.errors import DeployError
from infra.deploy.stage import NEPTUNE, ROOT, Stage

BUCKET: Final = "DEPLOY_BUCKET"
_TABLES: Final = {
    "LOG_STREAM_ARN": "LOG_TABLE",
    "VIEWS_STREAM_ARN": "VIEWS_TABLE",
    "JOBS_STREAM_ARN": "JOBS_TABLE",
}


def deploy(stage: Stage) -> apis.Apis:
    """Bring a stage up to this source, from whatever is there."""
    with step("preflight") as say:
        for doubt in preflight.require(stage):
            say(doubt)
        say(f"account {aws.account()}, region {aws.region()}, source {releases.here()}")
        if price := preflight.idle_price(stage):
            say(price)
    bucket = (stacks.outputs(stage, "core") or {}).get(BUCKET)
    with nullcontext() if bucket is None else lock.held(bucket):
        for name in stacks.of(stage):
            with step(f"stack {stacks.stack_name(stage, name)}") as say:
                say(stacks.deploy(stage, name))
        names = names_of(stage)
        # What the first deploy is made with has just been made.
        with lock.held(names[BUCKET]) if bucket is None else nullcontext():
            found = _functions(stage, names)
    if stage.graph != NEPTUNE and stacks.outputs(stage, "graph") is not None:
        print(
            "The graph's stack is still there, and costs: "
            f"`python -m infra.deploy destroy --graph --stage {stage.name}` deletes it."
        )
    return found


def _functions(stage: Stage, names: Mapping[str, str]) -> apis.Apis:
    """Bring up what the stacks do not make."""
    with step("APIs") as say:
        found = apis.find_or_make(stage)
        say(found.public_url)
    with step("configuration") as say:
        if faults := [each.sentence for each in preflight.start(stage, names, found)]:
            raise DeployError("\n".join(faults))
        say(f"{configure(stage, names, found).relative_to(ROOT)}, stage {stage.name}")
    with step("package") as say:
        say(package(stage))
    with step("what is there") as say:
        for told in mappings.retire(stage, names):
            say(told)
        say(f"{remember(stage, names, found)} resources")
        state.upload(stage, names[BUCKET])  # from here on, a deploy that breaks off is remembered
    chalice.deploy(stage)
    with step("what Chalice cannot do") as say:
        for told in finish(stage, names, found):
            say(told)
    with step("release") as say:
        say(releases.keep(stage, names[BUCKET], found, releases.here()))
    return found


def configure(stage: Stage, names: Mapping[str, str], found: apis.Apis) -> Path:
    """Write what Chalice reads, and return where."""
    return render.write(stage, names, found, secret.reference(stage))


def finish(stage: Stage, names: Mapping[str, str], found: apis.Apis) -> list[str]:
    """Do what is left after `chalice deploy`. Returns what was changed."""
    done = [
        *lambdas.mend(stage, lambdas.handlers(stage)),
        *mappings.mend(stage, names),
        *gateway.mend(stage, found),
    ]
    remember(stage, names, found)
    state.upload(stage, names[BUCKET])
    return done


def names_of(stage: Stage) -> dict[str, str]:
    """Return what the stacks put out, as environment variables. Raises DeployError if not there.

    Streams are asked for: CloudFormation tells the ARN that it made, also when the stream was
    switched off and on since, and so is another one.
    """
    names: dict[str, str] = {}
    for name in stacks.of(stage):
        found = stacks.outputs(stage, name)
        if found is None:
            raise state.absent(stage)
        names |= found
    for variable, table in _TABLES.items():
        described = _described(names[table])
        stream = described.get("LatestStreamArn")
        if stream is None or not described.get("StreamSpecification", {}).get("StreamEnabled"):
            raise DeployError(f"The table {names[table]} has no stream: switch it on again.")
        names[variable] = stream
    return names


def _described(table: str) -> Mapping[str, Any]:
    client = aws.client("dynamodb")
    try:
        return dict(client.describe_table(TableName=table)["Table"])
    except client.exceptions.ResourceNotFoundException:
        raise DeployError(
            f"The table {table} is gone, and its stack does not know: restore it "
            "(docs/operations.md), or destroy the stage."
        ) from None


def remember(stage: Stage, names: Mapping[str, str], found: apis.Apis) -> int:
    """Write Chalice's file anew from what exists; returns how many resources that are."""
    reached = apis.Listed([found.rest], [found.sockets])
    existing = state.found(stage, reached, mappings.sources(stage, names))
    remembered = [*state.download(names[BUCKET]), *state.read(stage)]
    resources = state.merged(existing, remembered, state.domain_exists)
    state.write(stage, resources)
    return len(resources)


def package(stage: Stage) -> str:
    """Build what is uploaded. Returns what was done."""
    from infra import package as packages

    return "; ".join(packages.told(built) for built in packages.build(stage.name))


@contextmanager
def step(title: str) -> Iterator[Callable[[str], None]]:
    """Tell what is being done, what came of it, and how long it took."""
    began = time.monotonic()
    told = 0

    def say(line: str) -> None:
        nonlocal told
        told += 1
        print(f"{title}: {line}", flush=True)

    yield say
    took = time.monotonic() - began
    if not told:
        say("nothing to do")
    if took > 5:
        say(f"took {took:.0f} s")
