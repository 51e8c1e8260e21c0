"""How fast does the app start? Ratios of fresh interpreters, run in turns.

    python -m bench.cold_import [rounds]

Three scripts, each in an interpreter of its own: the *floor* is what no Chalice app with three AWS
clients can do without; *app* imports ours, which loads no SDK; *serving* imports it and makes the
clients that it serves with. Wanted: serving within 1.25 × of the floor.

CPU time of the process is what other work on the machine disturbs least; the wall's is printed too.
Byte-code is there. A package from `chalice package` has none: that comes on top, once per Lambda.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

ROOT: Final = Path(__file__).parent.parent
ROUNDS: Final = 21
LIMIT: Final = 1.25
IMPORTED: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(app|chalicelib\S*)")

FLOOR: Final = """
import chalice, boto3
for service in ("dynamodb", "s3", "sqs"):
    boto3.client(service)
"""
APP: Final = "import app"
SERVING: Final = """
import app
from chalicelib import aws
from chalicelib.system import system
made = system()
made.tables.connection.client
made.content._s3
aws.client("sqs")
"""

ENVIRONMENT: Final = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "LOG_TABLE": "log",
    "VIEWS_TABLE": "views",
    "IDEMPOTENCY_TABLE": "idempotency",
    "JOBS_TABLE": "jobs",
    "CONNECTIONS_TABLE": "connections",
    "CONTENT_BUCKET": "content",
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "JWT_ISSUER": "https://issuer.test",
    "JWT_AUDIENCE": "palimpsest",
    "JWT_JWKS_URL": "https://issuer.test/jwks.json",
}


SCRIPTS: Final = {
    "floor": ("Chalice, boto3 and its three clients (DynamoDB, S3, SQS)", FLOOR),
    "app": ("`import app`", APP),
    "serving": ("`import app`, and its three clients", SERVING),
}


def measured(script: str, environ: Mapping[str, str]) -> tuple[float, float]:
    """Run a script in a fresh interpreter; return its CPU and wall time in milliseconds."""
    start = perf_counter()
    child = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=environ)
    _, status, usage = os.wait4(child.pid, 0)
    took = perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"this failed in a fresh interpreter:\n{script}")
    return (usage.ru_utime + usage.ru_stime) * 1000, took * 1000


def rounds(count: int) -> dict[str, list[tuple[float, float]]]:
    """Run each script `count` times, in turns; each round begins with another one."""
    environ = ENVIRONMENT | {"PATH": os.environ.get("PATH", "")}
    names = list(SCRIPTS)
    for name in names:  # byte-code and the page cache
        measured(SCRIPTS[name][1], environ)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for number in range(count):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].append(measured(SCRIPTS[name][1], environ))
    return found


def table(found: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return the results as Markdown."""
    floor = [cpu for cpu, _ in found["floor"]]
    lines = [
        "# How long the app takes to start",
        "",
        f"Made by `python -m bench.cold_import`: {len(floor)} rounds of fresh interpreters, Python "
        f"{sys.version_info.major}.{sys.version_info.minor}, in turns. Ratios of CPU time within "
        "each round: median (quartiles).",
        "",
        "| | CPU ms, median | wall ms, median | × floor, CPU | × floor, wall |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, (meaning, _) in SCRIPTS.items():
        cpu, wall = zip(*found[name], strict=True)
        walls = [one for _, one in found["floor"]]
        lines.append(
            f"| {meaning} | {statistics.median(cpu):.0f} | {statistics.median(wall):.0f} | "
            f"{_spread(cpu, floor)} | {_spread(wall, walls)} |"
        )
    return "\n".join(lines) + "\n"


def parts(rounds: int) -> dict[str, float]:
    """Return the milliseconds that each part of ours takes to import: the least of some rounds."""
    environ = ENVIRONMENT | {"PATH": os.environ.get("PATH", "")}
    least: dict[str, int] = {}
    for _ in range(rounds):
        run = subprocess.run(
            [sys.executable, "-X", "importtime", "-c", APP],
            cwd=ROOT,
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        )
        for micros, module in IMPORTED.findall(run.stderr):
            least[module] = min(int(micros), least.get(module, 10**9))
    found: dict[str, float] = {}
    for module, micros in least.items():
        part = ".".join(module.split(".")[:2])
        found[part] = found.get(part, 0) + micros / 1000
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def ratio(found: Mapping[str, Sequence[tuple[float, float]]]) -> float:
    """Return how much longer serving takes than the floor: the median of the rounds' ratios."""
    pairs = zip(found["serving"], found["floor"], strict=True)
    return statistics.median(ours[0] / floor[0] for ours, floor in pairs)


def _spread(ours: Sequence[float], floor: Sequence[float]) -> str:
    low, middle, high = statistics.quantiles(
        [one / other for one, other in zip(ours, floor, strict=True)], n=4
    )
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def main() -> None:
    """Measure and print; fails beyond the limit."""
    found = rounds(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
    print(table(found))
    print("Milliseconds to import each part of ours, itself alone (least of ten):\n")
    print(", ".join(f"{part} {took:.1f}" for part, took in parts(10).items()))
    if ratio(found) > LIMIT:
        raise SystemExit(f"serving takes more than {LIMIT} × the floor")


if __name__ == "__main__":
    main()
