"""`python -m infra.gremlin`: a Gremlin Server until Ctrl-C. `make gremlin` starts it."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

from infra import gremlin


def main(arguments: list[str] | None = None) -> int:
    """Run until interrupted; 2 and one sentence if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m infra.gremlin", description=__doc__)
    parser.add_argument("--port", type=int, default=gremlin.PORT, help="default: %(default)s")
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    began = time.monotonic()
    try:
        with gremlin.running(asked.port) as server:
            took_s = time.monotonic() - began
            print(
                f"Gremlin Server   {server.url}\n"
                f"Ready in {took_s:.1f} s; in memory only. `make run` uses it. Ctrl-C ends it.",
                flush=True,
            )
            code = server.process.wait()
            print(f"Gremlin Server ended by itself ({code}).", file=sys.stderr)
            return 1
    except gremlin.NoGremlinError as error:
        print(f"No Gremlin Server: {error}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def _leave(signum: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
