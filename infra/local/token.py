"""`python -m infra.local.token USER WORKSPACE` prints a token for the local system."""

from __future__ import annotations

import argparse
import re
import sys

from infra.local import keys


def main(arguments: list[str] | None = None) -> int:
    """Print a token; 2 if the workspace cannot be one."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.token", description=__doc__)
    parser.add_argument("user", nargs="?", default="ada", help="who (default: %(default)s)")
    parser.add_argument("workspace", nargs="?", default="demo", help="where (default: %(default)s)")
    asked = parser.parse_args(arguments)
    if not re.fullmatch(r"[a-z0-9-]{1,40}", asked.workspace):
        print("A workspace is 1 to 40 of a-z, 0-9 and -.", file=sys.stderr)
        return 2
    print(keys.token(keys.key(), asked.user, asked.workspace))
    return 0


if __name__ == "__main__":
    sys.exit(main())
