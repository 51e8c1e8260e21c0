"""`python -m infra.ops`: the operator's commands. Exit code 0: all is well; 1: something is wrong
with the data; 2: the command could not be carried out.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

from chalicelib.domain.ids import WORKSPACE
from chalicelib.errors import AppError
from infra.ops import commands
from infra.ops.commands import Answer, Command, UsageError
from infra.ops.connect import CannotConnectError, connect
from infra.ops.onaws import NoTurnError, carry_out
from infra.ops.progress import Bar

COLLECTOR: Final = (200_000, 50, 1000)
ON_AWS: Final = ("rebuild-views", "rebuild-graph", "verify", "recover")
_AGE = re.compile(r"(\d+)([hd])\Z")


def main(arguments: list[str] | None = None) -> int:
    """Carry out one command."""
    asked = _parser().parse_args(arguments)
    # A fold makes millions of objects and drops few: collecting would look at them over and over.
    gc.set_threshold(*COLLECTOR)
    bar = Bar()
    try:
        if asked.on_aws is not None:
            report, words, well = _on_aws(asked, bar)
        else:
            system = connect(asked.local, asked.stack)
            report, words, well = asked.command(system, asked, bar)
    except (AppError, UsageError, CannotConnectError, NoTurnError, OSError) as error:
        bar.close()
        print(f"{asked.name}: {getattr(error, 'detail', None) or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        bar.close()
        print(f"{asked.name}: interrupted; it may be started again", file=sys.stderr)
        return 2
    print(json.dumps(report, indent=2, ensure_ascii=False) if asked.json else words)
    return 0 if well else 1


def _on_aws(asked: argparse.Namespace, bar: Bar) -> Answer:
    if asked.name not in ON_AWS:
        raise UsageError(f"on AWS there are {', '.join(ON_AWS)}")
    if getattr(asked, "stream", None) or getattr(asked, "resume", None):
        raise UsageError("on AWS it is one --workspace or all")
    report = carry_out(asked.on_aws, asked.name, asked.workspace, bar)
    return report, json.dumps(report, indent=2, ensure_ascii=False), report["ok"]


# -- commands -------------------------------------------------------------------------------------


def _age(text: str) -> float:
    match = _AGE.match(text)
    if match is None:
        raise argparse.ArgumentTypeError("say hours or days, as 36h or 30d")
    return int(match[1]) * (3600.0 if match[2] == "h" else 86400.0)


def _workspace(text: str) -> str:
    if not WORKSPACE.match(text):
        raise argparse.ArgumentTypeError("a workspace is 1 to 40 of a-z, 0-9 and -")
    return text


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    where = common.add_argument_group("which system").add_mutually_exclusive_group()
    where.add_argument("--local", metavar="URL", help="a running local one, http://127.0.0.1:8000")
    where.add_argument("--stack", metavar="NAME", help="a deployed CloudFormation stack")
    where.add_argument("--on-aws", metavar="STAGE", help="let the functions of a stage do it")
    common.add_argument("--json", action="store_true", help="print the whole report as JSON")
    some = argparse.ArgumentParser(add_help=False)
    some.add_argument("--workspace", type=_workspace, help="only this workspace; default: all")
    one = argparse.ArgumentParser(add_help=False)
    one.add_argument("--workspace", type=_workspace, required=True, help="which workspace")

    parser = argparse.ArgumentParser(
        prog="python -m infra.ops",
        description="Keep Palimpsest whole. All but accept-loss may be done while it is in use.",
        epilog="Exit code 0: all is well; 1: something is wrong with the data; 2: not carried out.",
    )
    named = parser.add_subparsers(dest="name", metavar="COMMAND", required=True)

    def command(name: str, run: Command, help: str, *more: Any) -> argparse.ArgumentParser:
        made = named.add_parser(name, help=help, description=help, parents=[common, *more])
        made.set_defaults(command=run)
        return made

    rebuild = command("rebuild-views", commands.rebuild_views, "make views anew from the log", some)
    rebuild.add_argument("stream", nargs="*", help="demo/<resource id> …; default: all")
    rebuild.add_argument("--resume", metavar="TIME", help="go on with the one that began then")
    rebuild.add_argument("--at-once", type=int, default=8, help="streams side by side (8)")
    again = command(
        "rebuild-graph",
        commands.rebuild_graph,
        "make the graph equal the log, where there is one",
        some,
    )
    again.add_argument("stream", nargs="*", help="demo/<resource id> …; default: all")
    again.add_argument("--at-once", type=int, default=8, help="streams side by side (8)")
    look = command(
        "verify",
        commands.verify_all,
        "name every fault in log, content, views, graph and heads",
        some,
    )
    look.add_argument("--no-content", action="store_true", help="do not read the contents' bytes")
    command(
        "recover",
        commands.recover_all,
        "rebuild the views and the graph, then verify everything",
        some,
    )
    sweep = command(
        "reconcile", commands.reconcile_some, "mend what lost stream records left behind"
    )
    sweep.add_argument("--megabytes", type=int, help="of the log to look at; default: 20 or more")
    command(
        "witness-heads",
        commands.witness_heads,
        "write the signed list of heads of these five minutes",
    )
    back = command(
        "restore-log",
        commands.restore_log,
        "put back what the log has lost, from a restored table",
        some,
    )
    back.add_argument(
        "--from", dest="table", required=True, metavar="TABLE", help="restored beside the log's"
    )
    back.add_argument(
        "--dry-run", action="store_true", help="tell what it would do, and do nothing"
    )
    loss = command(
        "accept-loss",
        commands.accept_loss,
        "tell what views and heads have seen beyond a restored log",
    )
    loss.add_argument("--yes", action="store_true", help="and make them see what the log has")
    command(
        "mend-tables",
        commands.mend_tables,
        "give restored tables their streams, tags and protection",
    )
    bytes_ = command(
        "remove-unnamed", commands.remove_unnamed, "move bytes aside that no commit names", some
    )
    bytes_.add_argument("--older-than", type=_age, required=True, metavar="AGE", help="30d, 36h")
    bytes_.add_argument(
        "--purge", action="store_true", help="delete what was moved aside a day ago or earlier"
    )
    out = command("export", commands.export_workspace, "write a workspace as a BagIt archive", one)
    out.add_argument("target", type=Path, help="a new folder, or a file NAME.tar.gz")
    into = command("import", commands.import_archive, "bring an archive into a workspace", one)
    into.add_argument("source", type=Path, help="the folder or file that `export` wrote")
    into.add_argument(
        "--from", dest="of", choices=("semiont",), help="of whom the folder is; default: ours"
    )
    into.add_argument(
        "--keep-vocabulary", action="store_true", help="leave the workspace's own as it is"
    )
    files = command("load", commands.load_folder, "make resources of a folder's files", one)
    files.add_argument("folder", type=Path, help="files, and annotations in FILE.jsonld beside")
    files.add_argument("--actor", default="operator", help="who is named as their creator")
    return parser


if __name__ == "__main__":
    sys.exit(main())
