"""`python -m infra.deploy`: the commands of a stage. Exit code 0: done; 1: something is wrong."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from infra.deploy import commands
from infra.deploy.errors import DeployError


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command."""
    asked = _parser().parse_args(arguments)
    if region := os.environ.get("AWS_REGION"):  # boto and Chalice read only the other one
        os.environ.setdefault("AWS_DEFAULT_REGION", region)
    # A build server that cancels, or a terminal that is closed, ends like Ctrl-C: what is held is
    # let go.
    for ends in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ends, lambda number, frame: sys.exit(128 + number))
    from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

    from infra.deploy import aws

    try:
        return int(asked.command(asked) or 0)
    except NoRegionError:
        print(f"{asked.name}: {aws.NO_REGION}", file=sys.stderr)
    except BrokenPipeError:  # whoever read what this prints, as `head` does, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (DeployError, BotoCoreError) as error:
        print(f"{asked.name}: {error}", file=sys.stderr)
    except ClientError as error:
        print(f"{asked.name}: {error.operation_name}: {aws.message(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{asked.name}: interrupted; it may be started again", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    made = parser.add_subparsers(dest="name", required=True)

    def command(name: str, do: commands.Command) -> argparse.ArgumentParser:
        told = (do.__doc__ or "").splitlines()[0]
        one = made.add_parser(name, help=told, description=told)
        one.set_defaults(command=do)
        one.add_argument("--stage", default="dev", help="which deployment (dev)")
        return one

    command("deploy", commands.deploy)
    command("preflight", commands.check)
    command("finish", commands.finish)
    render = command("render", commands.render)
    render.add_argument("--offline", action="store_true", help="of a stage without an account")
    command("diff", commands.diff)
    command("status", commands.status)
    logs = command("logs", commands.logs)
    logs.add_argument("--function", action="append", default=[], help="only this one; repeatable")
    logs.add_argument("--since", default="10m", help="30s, 10m, 2h, 1d (10m)")
    logs.add_argument("--filter", default="", help="a CloudWatch Logs filter pattern")
    logs.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    smoke = command("smoke", commands.smoke)
    smoke.add_argument("--token", default="", help="of a user, instead of one made for it")
    rollback = command("rollback", commands.rollback)
    rollback.add_argument("--to", default="", help="a release; the one before the last if not told")
    rollback.add_argument("--list", action="store_true", help="only list the releases")
    url = command("url", commands.url)
    url.add_argument("--sockets", action="store_true", help="of the websocket API")
    user = command("user", commands.user)
    token = command("token", commands.token)
    for one in (user, token):
        one.add_argument("--email", required=True)
        one.add_argument("--password", default="", help="also as PASSWORD in the environment")
    user.add_argument("--workspace", required=True)
    user.add_argument("--user-name", default="", help="the name to show")
    destroy = command("destroy", commands.destroy)
    destroy.add_argument("--data", action="store_true", help="also what was written, for ever")
    destroy.add_argument("--graph", action="store_true", help="only the graph, after GRAPH=none")
    destroy.add_argument("--yes", action="store_true", help="do not ask")
    command("unlock", commands.unlock)
    return parser


if __name__ == "__main__":
    sys.exit(main())
