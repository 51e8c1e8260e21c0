"""What runs in the emulator's process: its own main, with our patches on it.

They reach into private parts, so they hold for one version and refuse to start on another.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from infra.emulator.installed import VERSION


def main() -> None:
    """Patch the emulator and run it; the argument names the directory that it may write to."""
    found = version("ministack")
    if found != VERSION:
        sys.exit(f"The patches are for ministack {VERSION}, and this is {found}.")
    directory = Path(sys.argv.pop(1))

    from infra.emulator.inside import calls, rest, streams, workers

    calls.write_to(directory / "calls.jsonl")
    rest.apply()
    workers.apply(directory)
    streams.apply()

    from ministack import app

    app.main()
