"""The commands: each reads its arguments, does one thing, and prints what came of it."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import warnings
from collections.abc import Callable

from infra.deploy import (
    apis,
    drift,
    lambdas,
    lock,
    look,
    people,
    preflight,
    releases,
    secret,
    stacks,
    stage,
    state,
    steps,
)
from infra.deploy import destroy as destroying
from infra.deploy import (
    render as rendering,
)
from infra.deploy import smoke as smoking
from infra.deploy.errors import DeployError

Command = Callable[[argparse.Namespace], int]


def deploy(asked: argparse.Namespace) -> int:
    """Make everything, or bring it up to this source."""
    found = steps.deploy(stage.read(asked.stage))
    print(f"\nREST API       {found.public_url}\nwebsocket API  {found.sockets_url}")
    return 0


def check(asked: argparse.Namespace) -> int:
    """Tell what must be mended before a deploy."""
    found = preflight.check(stage.read(asked.stage))
    for each in found:
        print(each.sentence)
    return int(any(isinstance(each, preflight.Fault) for each in found))


def finish(asked: argparse.Namespace) -> int:
    """Do only what comes after `chalice deploy`."""
    it, names, found = _configured(*_there(asked))
    with lock.held(names[steps.BUCKET]):
        for told in steps.finish(it, names, found):
            print(told)
    return 0


def render(asked: argparse.Namespace) -> int:
    """Write only .chalice/config.json and the policies."""
    if asked.offline:
        rendering.write_offline()
        return 0
    it = _stage(asked)
    steps.configure(it, steps.names_of(it), apis.find_or_make(it))
    return 0


def diff(asked: argparse.Namespace) -> int:
    """Tell what a deploy would change, and change nothing."""
    it = _stage(asked)
    found = [told for name in stacks.of(it) for told in drift.stack_changes(it, name)]
    reached = apis.find(it)
    if stacks.outputs(it, "core") is None or reached is None:
        found.append("functions and APIs: would be made")
    else:
        names = steps.names_of(it)
        config = rendering.of_stage(it, names, reached, secret.reference(it))
        steps.configure(it, names, reached)
        handlers = lambdas.handlers(it)
        found += drift.function_changes(it, config, handlers)
        found += drift.policy_changes(it, names, reached)
        found += drift.drift(it, names, reached)
        if changed := drift.source_change(names[steps.BUCKET]):
            found.append(changed)
    print("\n".join(dict.fromkeys(found)) or "nothing would change")
    return 0


def status(asked: argparse.Namespace) -> int:
    """Tell how a stage is; 1 if something is wrong."""
    lines, wrong = look.status(*_configured(*_there(asked)))
    print("\n".join(lines))
    for each in wrong:
        print(f"WRONG      {each}")
    return int(bool(wrong))


def logs(asked: argparse.Namespace) -> int:
    """Print what the functions logged."""
    it = _stage(asked)
    printed = 0
    for line in look.logs(it, asked.function, asked.since, asked.filter, asked.follow):
        print(line, flush=True)
        printed += 1
    if not printed:
        if not look.log_groups(it):
            raise state.absent(it)
        said = f"nothing that matches {asked.filter}" if asked.filter else "nothing"
        print(f"{it.name} logged {said} in the last {asked.since}.", file=sys.stderr)
    return 0


def smoke(asked: argparse.Namespace) -> int:
    """Walk through the system from outside, as a client would."""
    it, _, found = _there(asked)
    for told in smoking.walk(it, found, asked.token or os.environ.get("TOKEN", "")):
        print(told, flush=True)
    return 0


def rollback(asked: argparse.Namespace) -> int:
    """Go back to an earlier release; data stay as they are."""
    it, names, found = _there(asked)
    bucket = names[steps.BUCKET]
    if asked.list:
        for told in releases.listed(bucket, found):
            print(told)
        return 0
    with lock.held(bucket, "rolling back"):
        to = asked.to or releases.before(it, bucket)
        for told in releases.go_back(it, bucket, found, to):
            print(told)
        steps.remember(it, names, found)
    print(f"`make deploy STAGE={it.name}` goes forward again.")
    return 0


def url(asked: argparse.Namespace) -> int:
    """Print where clients reach a stage."""
    _, _, found = _there(asked)
    print(found.sockets_url if asked.sockets else found.public_url)
    return 0


def user(asked: argparse.Namespace) -> int:
    """Make a user, or move one to another workspace."""
    password = asked.password or os.environ.get("PASSWORD", "")
    it = _stage(asked)
    print(people.put(it, asked.email, asked.workspace, asked.user_name, password))
    return 0


def token(asked: argparse.Namespace) -> int:
    """Print a token of a user, good for an hour."""

    def ask(prompt: str) -> str:
        try:
            with warnings.catch_warnings():  # it would go on, and show what is typed
                warnings.simplefilter("error", getpass.GetPassWarning)
                return getpass.getpass(prompt, sys.stderr)
        except (EOFError, getpass.GetPassWarning):
            raise DeployError(
                f"nobody is there to be asked for the password of {asked.email}: set PASSWORD in "
                "the environment."
            ) from None

    it = _stage(asked)
    people.require_address(asked.email)
    password = asked.password or os.environ.get("PASSWORD", "") or ask("Password: ")
    print(people.token(it, asked.email, password, ask))
    return 0


def destroy(asked: argparse.Namespace) -> int:
    """Take a stage down; what was written stays, unless --data says otherwise."""
    it = _stage(asked)
    what = "EVERYTHING EVER WRITTEN" if asked.data else "functions, APIs and the graph"
    if asked.graph:
        what = "the graph"
    if not asked.yes:
        try:
            said = input(f"This deletes {what} of the stage {it.name}. Its name, to go on: ")
        except (EOFError, RuntimeError):  # the latter where there is no standard input at all
            print()
            raise DeployError(
                "nothing was deleted, as nobody answered. Where nobody is there to be asked, "
                f"`echo {it.name} |` before the command does."
            ) from None
        if not sys.stdin.isatty():  # which would have shown the line
            print(said)
        if said.strip() != it.name:
            raise DeployError(f"nothing was deleted: {said.strip()!r} is not {it.name!r}.")
    if asked.graph:
        destroying.destroy_graph(it, print)
    else:
        destroying.destroy(it, asked.data, print)
    return 0


def unlock(asked: argparse.Namespace) -> int:
    """Take away the lock of a deploy or a destroy that was killed."""
    it = _stage(asked)
    bucket = (stacks.outputs(it, "core") or {}).get(steps.BUCKET)
    there = None if bucket is None else lock.holder(bucket)
    if bucket is not None and there is not None:
        lock.release(bucket)
    print(f"{there}: let go" if there else f"nobody holds the stage {it.name}")
    return 0


def _stage(asked: argparse.Namespace) -> stage.Stage:
    """Return the stage that is asked for, in the account that it belongs to. Raises DeployError."""
    it = stage.read(asked.stage)
    preflight.require_place(it)
    return it


def _there(asked: argparse.Namespace) -> tuple[stage.Stage, dict[str, str], apis.Apis]:
    """Return a stage that is deployed, with its names and its APIs. Raises DeployError."""
    it = _stage(asked)
    names, found = steps.names_of(it), apis.find(it)
    if found is None:
        raise state.absent(it)
    return it, names, found


def _configured(
    it: stage.Stage, names: dict[str, str], found: apis.Apis
) -> tuple[stage.Stage, dict[str, str], apis.Apis]:
    """Return the same, rendered: for `app.py` is asked what it declares."""
    if not rendering.rendered(it):
        steps.configure(it, names, found)
    return it, names, found
