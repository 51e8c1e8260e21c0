"""`python -m infra.demo [--url http://127.0.0.1:8000] [--aws-endpoint URL] [--token TOKEN]`.

Exit code 0 when everything was as documented, 1 otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Final

import httpx

from infra.demo import change, load, look
from infra.demo.api import Api, Surprise
from infra.demo.layers import Layers
from infra.demo.voice import Voice
from infra.demo.walk import Walk
from infra.library import library

STEPS: Final[tuple[Callable[[Walk], None], ...]] = (
    load.put_documents,
    load.put_annotations,
    look.read_content,
    look.read_annotations,
    look.read_history,
    look.read_lists,
    look.read_own_write,
    change.bring_second_edition,
    look.read_past,
    change.be_refused,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk through the system; return the exit code."""
    asked = _parser().parse_args(arguments)
    api, voice = Api(asked.url, asked.token), Voice()
    try:
        walk = _greet(api, voice, asked.aws_endpoint)
        for step in STEPS:
            step(walk)
        _totals(walk)
    except Surprise as surprise:
        sentence = str(surprise)
        end = "" if sentence.endswith((".", "?", "!")) else "."
        print(f"\nThe demo stopped: {sentence}{end}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.demo",
        description="Load the library into a running Palimpsest, and show what happens.",
        epilog="Running it again within a day makes nothing twice: each POST has its own key.",
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the API (%(default)s)")
    parser.add_argument("--aws-endpoint", help="where the layers are (a local system: found)")
    parser.add_argument("--token", help="a bearer token; without it, the local user")
    return parser


def _greet(api: Api, voice: Voice, endpoint: str | None) -> Walk:
    """Say where we are and who we are, and find the way to the layers."""
    home = api.get("/")
    if home["caller"] is None:
        raise Surprise(f"{api.url} does not know who we are; give a --token")
    name, workspace = home["caller"]["actor"]["name"], home["caller"]["workspace"]
    health = api.get("/api/health")
    local = _is_local(api)
    endpoint = endpoint or (_beside(api.url) if local else None)
    layers = Layers(endpoint, workspace) if endpoint else None
    print(f"{home['name']} {home['version']} at {api.url}, as {name} in workspace {workspace}")
    print("health   " + ", ".join(f"{part} {told['status']}" for part, told in health.items()))
    if layers is None:
        print("layers   not shown: there is no AWS endpoint (--aws-endpoint)")
    else:
        print(f"layers   by AWS's protocol at {endpoint}")
        print(f"         S3 bucket {layers.bucket}")
        print(f"         DynamoDB tables {layers.log_table} and {layers.views_table}")
    return Walk(api, voice, layers, workspace, local, library())


def _is_local(api: Api) -> bool:
    """Tell whether this is `infra.local`: it has pumps to pause."""
    try:
        return httpx.get(f"{api.url}/_local/pumps", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def _beside(url: str) -> str:
    """Return the local system's AWS endpoint: the next port."""
    here = httpx.URL(url)
    return str(here.copy_with(port=(here.port or 80) + 1))


def _totals(walk: Walk) -> None:
    if walk.layers is not None:
        objects, size = walk.layers.objects()
        commits = [c for id_ in walk.ids.values() for c in walk.layers.commits(id_)]
        events, stored = sum(c.count for c in commits), sum(c.stored_bytes for c in commits)
        walk.voice.end("In the end")
        walk.voice.layer("content", f"{objects} objects, {size:,} B")
        walk.voice.layer(
            "log", f"{events} events in {len(commits)} commits, {stored:,} B of bodies"
        )
    walk.voice.end(f"All was as documented. To look around: {walk.api.url}/docs")


if __name__ == "__main__":
    sys.exit(main())
