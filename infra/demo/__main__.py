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
    change.bring_second_edition,
    look.read_past,
    change.be_refused,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk through the system; return the exit code."""
    asked = _parser().parse_args(arguments)
    api, voice = Api(asked.url, asked.token), Voice()
    try:
        walk = Walk(api, voice, _greet(api, asked.aws_endpoint), library())
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
    parser.add_argument("--aws-endpoint", help="where the layers are; else asked of GET /_local/")
    parser.add_argument("--token", help="a bearer token; without it, the local user")
    return parser


def _greet(api: Api, endpoint: str | None) -> Layers | None:
    """Say where we are and who we are, and find the way to the layers."""
    home = api.get("/")
    caller = home["caller"]
    if caller is None:
        raise Surprise(f"{api.url} does not know who we are; give a --token")
    health = api.get("/api/health")
    print(f"{home['name']} {home['version']} at {api.url}")
    print(f"caller    {caller['actor']['name']}, workspace {caller['workspace']}")
    print("health    " + ", ".join(f"{name} {part['status']}" for name, part in health.items()))
    endpoint = endpoint or _local_endpoint(api)
    if endpoint is None:
        print("layers    not shown: there is no AWS endpoint (--aws-endpoint)")
        return None
    layers = Layers(endpoint, caller["workspace"])
    print(f"layers    {endpoint}: s3 {layers.bucket}, dynamodb {layers.log_table} and", end=" ")
    print(layers.views_table)
    return layers


def _local_endpoint(api: Api) -> str | None:
    """Return the AWS endpoint that the local system tells, None on another system."""
    try:
        told = httpx.get(f"{api.url}/_local/", timeout=10).json()
    except (httpx.HTTPError, ValueError):
        return None
    found = told.get("aws_endpoint_url") or told.get("AWS_ENDPOINT_URL")
    return str(found) if found else None


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
