"""`python -m infra.deploy`: the commands of a stage. Exit code 0: done; 1: something is wrong."""

from __future__ import annotations

import argparse
import sys

from infra.deploy import render, stage, steps
from infra.deploy.errors import DeployError


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command."""
    asked = _parser().parse_args(arguments)
    from botocore.exceptions import BotoCoreError, ClientError

    from infra.deploy import aws

    try:
        return int(asked.command(asked) or 0)
    except (DeployError, BotoCoreError) as error:
        print(f"{asked.name}: {error}", file=sys.stderr)
    except ClientError as error:
        print(f"{asked.name}: {error.operation_name}: {aws.message(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{asked.name}: interrupted; it may be started again", file=sys.stderr)
    return 1


def _deploy(asked: argparse.Namespace) -> int:
    found = steps.deploy(stage.read(asked.stage))
    print(f"\nREST API       {found.public_url}\nwebsocket API  {found.sockets_url}")
    return 0


def _finish(asked: argparse.Namespace) -> int:
    from infra.deploy import apis

    it = stage.read(asked.stage)
    found = apis.find_or_make(it)
    for told in steps.finish(it, steps.names_of(it), found):
        print(told)
    return 0


def _render(asked: argparse.Namespace) -> int:
    if asked.offline:
        render.write_offline()
        return 0
    from infra.deploy import apis, secret

    it = stage.read(asked.stage)
    render.write(it, steps.names_of(it), apis.find_or_make(it), secret.heads_key(it))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True)

    def command(name: str, do: object, help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help)
        made.set_defaults(command=do)
        made.add_argument("--stage", default="dev", help="which deployment (dev)")
        return made

    command("deploy", _deploy, "make everything, or bring it up to this source")
    command("finish", _finish, "only what comes after `chalice deploy`")
    offline = command("render", _render, "only write the configuration")
    offline.add_argument("--offline", action="store_true", help="of a stage without an account")
    return parser


if __name__ == "__main__":
    sys.exit(main())
