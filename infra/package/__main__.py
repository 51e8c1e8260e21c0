"""`python -m infra.package`: build what is uploaded, and say how large it is."""

from __future__ import annotations

import sys

from infra.deploy import render
from infra.package import build, told


def main() -> None:
    """Build for a stage, or for none."""
    stage = sys.argv[1] if len(sys.argv) > 1 else render.OFFLINE
    print("\n".join(told(each) for each in build(stage)))


if __name__ == "__main__":
    main()
