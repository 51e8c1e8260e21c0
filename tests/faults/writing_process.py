"""One process of writers: ``python -m tests.faults.writing_process`` with its work on stdin.

Reads one line of JSON, makes a `System` for each thread, says ``ready``, waits for a line, writes,
and prints what it was told: for each thread the ids or ``refused``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from chalicelib.config import Config
from chalicelib.domain.actor import Actor
from chalicelib.errors import Contended, StaleVersion
from chalicelib.flows.write import Request
from chalicelib.system import System
from tests.flows.scene import annotated, renamed

T = TypeVar("T")


def main() -> None:
    """Do the work that stands on stdin."""
    work = json.loads(sys.stdin.readline())
    systems = [System(Config.from_env(work["settings"])) for _ in range(work["threads"])]
    for system in systems:
        system.log.ping()
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(len(systems)) as pool:
        told = list(pool.map(lambda system: write(system, work), systems))
    print(json.dumps(told), flush=True)


def write(system: System, work: dict[str, Any]) -> list[str]:
    """Annotate so many times; with a version, rename once at that version."""
    request = Request("demo", Actor("ada", "Person", "Ada"), "request-1")
    if work["version"] is not None:
        try:
            renamed(system, request, work["resource"], system.mint(), work["version"])
        except StaleVersion:
            return ["refused"]
        return ["renamed"]
    ids = []
    for _ in range(work["each"]):
        ids += _until_not_contended(
            lambda: annotated(system, request, work["resource"], "by a process")
        )
    return ids


def _until_not_contended(attempt: Callable[[], T]) -> T:
    """Try again what lost for ten seconds: nothing was written then, and the answer says so."""
    for _ in range(30):
        try:
            return attempt()
        except Contended:
            continue
    return attempt()


if __name__ == "__main__":
    main()
