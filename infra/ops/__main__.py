"""`python -m infra.ops`: the operator's commands. Exit code 0: all is well; 1: something is wrong
with the data; 2: the command could not be carried out.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from chalicelib.domain.actor import Actor
from chalicelib.domain.ids import UUID, WORKSPACE, Stream
from chalicelib.errors import AppError
from chalicelib.flows import (
    accept,
    archive,
    graph_check,
    graph_rebuild,
    heads,
    load,
    recover,
    restore,
    semiont,
    unnamed,
)
from chalicelib.flows.verify import Verified, summary, verify
from chalicelib.system import System
from infra.ops import tables
from infra.ops.connect import CannotConnectError, connect
from infra.ops.onaws import NoTurnError, carry_out
from infra.ops.progress import Bar

Answer = tuple[dict[str, Any], str, bool]
"""The report as JSON, the same in words, and whether all is well."""
Command = Callable[[System, argparse.Namespace, Bar], Answer]

COLLECTOR: Final = (200_000, 50, 1000)
ON_AWS: Final = ("rebuild-views", "rebuild-graph", "verify", "recover")
SHOWN: Final = 50
"""Lines of a kind that are shown to a person; --json has them all."""
_AGE = re.compile(r"(\d+)([hd])\Z")


class UsageError(Exception):
    """The command cannot be carried out as it was given; the message is one sentence."""


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


def _rebuild_views(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    streams = [_stream(text) for text in asked.stream] or None
    since_ms = None if asked.resume is None else _moment_ms(asked.resume)
    done = recover.rebuild_views(
        system,
        streams,
        workspace=asked.workspace,
        since_ms=since_ms,
        at_once=asked.at_once,
        progress=bar,
    )
    return done.to_json(), _of_rebuild(done), not (done.failed or done.stopped)


def _rebuild_graph(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    streams = [_stream(text) for text in asked.stream]
    if streams:
        done = graph_rebuild.rebuild_graph(system, streams, at_once=asked.at_once, progress=bar)
    else:
        every = recover.streams_of(system, asked.workspace)
        done = graph_rebuild.rebuild_whole_graph(
            system, every, asked.workspace, at_once=asked.at_once, progress=bar
        )
    report = done.to_json()
    return report, _of_graph(done), report["ok"]


def _verify(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    found = verify(
        system,
        workspace=asked.workspace,
        content=not asked.no_content,
        heads=heads.check,
        graph=graph_check.faults,
        progress=bar,
    )
    return summary(found), _of_verify(system, found), not found.faults


def _recover(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    done = recover.recover(system, workspace=asked.workspace, progress=bar)
    words = [_of_rebuild(done.views)]
    words += [] if done.graph is None else [_of_graph(done.graph)]
    words.append(_of_verify(system, done.verified))
    return done.to_json(), "\n".join(words), done.ok


def _reconcile(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    done = recover.reconcile(system, pages=asked.megabytes)
    words = (
        f"Looked at {done.looked_at} stream(s): {done.behind} behind, {done.mended} mended, "
        f"{done.unparked} unparked; deleted {done.items_deleted} item(s) that were due."
    )
    return done.to_json(), words, done.mended == done.behind


def _witness(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    if not heads.configured(system):
        raise UsageError("HEADS_BUCKET and HEADS_KEY are not set")
    name = heads.witness(system)
    words = f"Wrote {name}." if name else "The list of these five minutes is there already."
    return {"name": name}, words, True


def _restore_log(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    done = restore.restore_log(
        system, asked.table, workspace=asked.workspace, try_only=asked.dry_run, progress=bar
    )
    words = (
        f"{'Would put' if asked.dry_run else 'Put'} back {done.commits} commit(s) of "
        f"{len(done.mended)} stream(s); {done.present} were there already, {done.newer} are in the "
        f"log alone. Looked at {done.streams} stream(s)."
    )
    refused = [
        f"{key}{'' if version is None else f' at {version}'}: {why}"
        for key, version, why in sorted(done.refused, key=lambda each: each[0])
    ]
    return done.to_json(), words + _listed("Left as they are:", refused), not done.refused


def _accept_loss(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    lost = (accept.accept_loss if asked.yes else accept.loss)(system, progress=bar)
    lines = [
        f"{key}: the view showed {lost.views[key][0]}, the log ends at {lost.views[key][1]}"
        if key in lost.views
        else f"{key}: {lost.heads[key][0]} was witnessed, and is gone"
        for key in lost.streams
    ]
    words = f"{len(lines) or 'No'} stream(s) have been further than the log is"
    words += "." if asked.yes or not lines else "; nothing was changed (--yes accepts that)."
    if lost.list_name is not None:
        words += f" {lost.list_name} witnesses from here on."
    if lost.answers:
        words += (
            f" {lost.answers} kept answer(s) were forgotten: clients may repeat their requests."
        )
    if not heads.configured(system):
        words += "\nNo lists of heads are configured: what only they have seen is not told."
    words += _listed("Accepted:" if asked.yes else "Lost:", lines)
    return lost.to_json(), words, asked.yes or not lines


def _mend_tables(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    if asked.stack is None:
        raise UsageError("a deployed stage has such tables: say --stack NAME")
    done = tables.mend(asked.stack)
    words = f"{len(done.changed) or 'No'} setting(s) were changed."
    words += _listed("Changed:", done.changed) + _listed("Not right yet:", done.wrong)
    return done.to_json(), words, not done.wrong


def _remove_unnamed(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    swept = unnamed.remove_unnamed(
        system, age_s=asked.older_than, workspace=asked.workspace, purge=asked.purge, progress=bar
    )
    words = (
        f"Moved {len(swept.removed)} object(s) aside, {len(swept.restored)} back; deleted "
        f"{len(swept.purged)} for good; {swept.left} lie in _removed/."
    )
    return swept.to_json(), words, True


def _export(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    packed = asked.target.name.endswith((".tar.gz", ".tgz", ".tar"))
    if packed and asked.target.exists():
        raise UsageError(f"{asked.target} exists already")
    if not packed:
        moved = archive.export(system, asked.workspace, asked.target, bar)
    else:
        with tempfile.TemporaryDirectory(dir=asked.target.absolute().parent) as folder:
            bag = Path(folder) / "bag"
            moved = archive.export(system, asked.workspace, bag, bar)
            mode: Any = "w" if asked.target.name.endswith(".tar") else "w:gz"
            with tarfile.open(asked.target, mode) as tar:
                tar.add(bag, arcname=f"palimpsest-{asked.workspace}")
    words = (
        f"Wrote {moved.streams} stream(s), {moved.commits} commit(s) and {moved.contents} "
        f"content(s) of {asked.workspace} to {asked.target}."
    )
    return moved.to_json(), words, True


def _import(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    if asked.of == "semiont":
        return _from_semiont(system, asked, bar)
    with _bag(asked.source) as folder:
        moved = archive.restore(
            system,
            asked.workspace,
            folder,
            keep_vocabulary=asked.keep_vocabulary,
            progress=bar,
        )
    words = (
        f"Imported {moved.commits} commit(s) of {moved.streams} stream(s) and {moved.contents} "
        f"content(s) into {asked.workspace}; {moved.present} commit(s) were there already."
    )
    return moved.to_json(), words, True


def _from_semiont(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    if not asked.source.is_dir():
        raise UsageError(f"{asked.source} is not a folder")
    done = semiont.bring(system, asked.workspace, asked.source, bar)
    words = (
        f"Imported {done.commits} event(s) of {done.streams} stream(s) and {done.contents} "
        f"content(s) into {asked.workspace}; {done.present} event(s) were there already."
    )
    left = [f"{count} {kind}" for kind, count in sorted(done.left_out.items())]
    words += f"\nNo facts, and left out: {', '.join(left)}." if left else ""
    words += _listed("Broken there:", [f"{where}: {what}" for where, what in done.faults])
    return done.to_json(), words, not done.faults


def _load(system: System, asked: argparse.Namespace, bar: Bar) -> Answer:
    actor = Actor(asked.actor, "Person", asked.actor)
    done = load.load(system, asked.workspace, asked.folder, actor, bar)
    words = (
        f"Loaded {done.resources} file(s) and {done.annotations} annotation(s) into "
        f"{asked.workspace}; {done.known} file(s) were there already."
    )
    words += _listed("Not loaded:", [f"{name}: {why}" for name, why in done.failed])
    return done.to_json(), words, not done.failed


# -- words ----------------------------------------------------------------------------------------


def _of_rebuild(done: recover.Rebuild) -> str:
    began = done.to_json()["began"]
    words = (
        f"Rebuilt {done.rebuilt} view(s) from {done.events} event(s), with {done.annotations} "
        f"annotation(s); {done.skipped} left out. (Go on after a break: --resume {began})"
    )
    words += _listed("Not rebuilt:", [f"{key}: {why}" for key, why in done.failed])
    words += _listed("Rebuilt in part:", [f"{key}: {why}" for key, why in done.stopped])
    return words + _listed("Views of streams that the log does not have:", done.strays)


def _of_graph(done: graph_rebuild.GraphRebuild) -> str:
    words = f"Compared {done.streams} stream(s) of the graph with the log"
    words += " after filling it" if done.filled else ""
    words += f": {done.vertices or 'no'} vertex/vertices mended."
    words += _listed("Not rebuilt:", [f"{key}: {why}" for key, why in done.failed])
    words += _listed("Rebuilt in part:", [f"{key}: {why}" for key, why in done.stopped])
    return words + _listed("Vertices of no stream:", done.strays)


def _of_verify(system: System, found: Verified) -> str:
    words = (
        f"Looked at {found.streams} stream(s), {found.commits} commit(s), {found.events} event(s), "
        f"{found.items} view item(s), {found.contents} content(s), {found.lists} list(s) of heads: "
        f"{len(found.faults) or 'no'} fault(s)."
    )
    if not heads.configured(system):
        words += "\nNo lists of heads are configured: a cut tail would not be found."
    if system.graph is None:
        words += "\nNo graph is known here (GRAPH): if there is one, nobody has looked at it."
    words += _listed("Faults:", [str(fault) for fault in found.faults])
    names = [f"{each.workspace}/{each.checksum}  {each.size} bytes" for each in found.unnamed]
    return (
        words
        + _listed("Bytes that no commit names:", names)
        + "".join(f"\n{note}" for note in found.notes)
    )


def _listed(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    more = [f"  … and {len(lines) - SHOWN} more (--json)"] if len(lines) > SHOWN else []
    return "\n".join(["", title, *(f"  {line}" for line in lines[:SHOWN]), *more])


# -- arguments ------------------------------------------------------------------------------------


@contextmanager
def _bag(source: Path) -> Iterator[Path]:
    """Give the folder of a bag that may be packed."""
    if source.is_dir():
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(source) as tar:
                tar.extractall(folder, filter="data")
        except tarfile.TarError as error:
            raise UsageError(f"{source} is neither a folder nor an archive ({error})") from error
        bags = [path.parent for path in Path(folder).glob("*/bagit.txt")]
        if len(bags) != 1:
            raise UsageError(f"{source} holds {len(bags) or 'no'} bags")
        yield bags[0]


def _stream(text: str) -> Stream:
    """Read ``demo/resource#<id>``, ``demo/<id>`` or ``demo/system``."""
    workspace, _, name = text.partition("/")
    if UUID.match(name):
        name = f"resource#{name}"
    try:
        return Stream.parse(f"{workspace}/{name}")
    except ValueError:
        raise UsageError(f"{text!r} names no stream; one is demo/<resource id>") from None


def _moment_ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise UsageError(f"{text!r} is no time, as 2026-11-23T09:35:00.000Z is") from None


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
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True)

    def command(name: str, run: Command, help: str, *more: Any) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help, parents=[common, *more])
        made.set_defaults(command=run)
        return made

    rebuild = command("rebuild-views", _rebuild_views, "make views anew from the log", some)
    rebuild.add_argument("stream", nargs="*", help="demo/<resource id> …; default: all")
    rebuild.add_argument("--resume", metavar="TIME", help="go on with the one that began then")
    rebuild.add_argument("--at-once", type=int, default=8, help="streams side by side (8)")
    again = command(
        "rebuild-graph", _rebuild_graph, "make the graph equal the log, where there is one", some
    )
    again.add_argument("stream", nargs="*", help="demo/<resource id> …; default: all")
    again.add_argument("--at-once", type=int, default=8, help="streams side by side (8)")
    look = command(
        "verify", _verify, "name every fault in log, content, views, graph and heads", some
    )
    look.add_argument("--no-content", action="store_true", help="do not read the contents' bytes")
    command("recover", _recover, "rebuild the views and the graph, then verify everything", some)
    sweep = command("reconcile", _reconcile, "mend what lost stream records left behind")
    sweep.add_argument("--megabytes", type=int, help="of the log to look at; default: 20 or more")
    command("witness-heads", _witness, "write the signed list of heads of these five minutes")
    back = command(
        "restore-log", _restore_log, "put back what the log has lost, from a restored table", some
    )
    back.add_argument(
        "--from", dest="table", required=True, metavar="TABLE", help="restored beside the log's"
    )
    back.add_argument(
        "--dry-run", action="store_true", help="tell what it would do, and do nothing"
    )
    loss = command(
        "accept-loss", _accept_loss, "tell what views and heads have seen beyond a restored log"
    )
    loss.add_argument("--yes", action="store_true", help="and make them see what the log has")
    command("mend-tables", _mend_tables, "give restored tables their streams, tags and protection")
    bytes_ = command(
        "remove-unnamed", _remove_unnamed, "move bytes aside that no commit names", some
    )
    bytes_.add_argument("--older-than", type=_age, required=True, metavar="AGE", help="30d, 36h")
    bytes_.add_argument(
        "--purge", action="store_true", help="delete what was moved aside a day ago or earlier"
    )
    out = command("export", _export, "write a workspace as a BagIt archive", one)
    out.add_argument("target", type=Path, help="a new folder, or a file NAME.tar.gz")
    into = command("import", _import, "bring an archive into a workspace", one)
    into.add_argument("source", type=Path, help="the folder or file that `export` wrote")
    into.add_argument(
        "--from", dest="of", choices=("semiont",), help="of whom the folder is; default: ours"
    )
    into.add_argument(
        "--keep-vocabulary", action="store_true", help="leave the workspace's own as it is"
    )
    files = command("load", _load, "make resources of a folder's files", one)
    files.add_argument("folder", type=Path, help="files, and annotations in FILE.jsonld beside")
    files.add_argument("--actor", default="operator", help="who is named as their creator")
    return parser


if __name__ == "__main__":
    sys.exit(main())
