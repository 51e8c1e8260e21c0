"""`python -m infra.emulator` runs the emulator until Ctrl-C, and prints how to speak to it."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from infra.emulator.installed import ROOT, CannotBeInstalled
from infra.emulator.running import running


def main(arguments: list[str] | None = None) -> int:
    """Run an emulator; 1 if it does not start."""
    parser = argparse.ArgumentParser(prog="python -m infra.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (the default)")
    parser.add_argument("--directory", type=Path, default=ROOT / "build" / "emulator")
    parser.add_argument("--no-iam", action="store_true", help="let every role do everything")
    asked = parser.parse_args(arguments)
    # `kill` ends like Ctrl-C: the emulator's own process is not left behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        with running(asked.directory, asked.port, enforce=not asked.no_iam) as emulator:
            for name, value in emulator.environ().items():
                print(f"export {name}={value}")
            print(f"# log: {emulator.log}, calls of roles: {emulator.calls_file}", flush=True)
            emulator.process.wait()
    except KeyboardInterrupt:
        return 0
    except (CannotBeInstalled, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
