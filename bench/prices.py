"""What do a thousand operations cost, and what costs a system that nobody uses?

    python -m bench.prices [--write]

Computed from the units that `bench.cost` counts (`bench/results/cost.md`), at list prices. Nothing
was measured on AWS: how long a function runs there is assumed, and said so. Free tiers, data that
leaves AWS, models and taxes are left out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chalicelib.jobs.table import SHARDS
from infra.deploy.functions import FUNCTIONS
from infra.deploy.preflight import ENDPOINT_HOUR_USD, ENDPOINTS, HOURS, NCU_HOUR_USD

RESULTS: Final = Path(__file__).parent / "results"
PRICED: Final = "us-east-1, on demand, as published in November 2026"

# USD. AWS's price pages: DynamoDB (on demand, standard), S3, Lambda (x86), API Gateway, SQS,
# CloudWatch, KMS; read 2026-11.
READ_UNIT: Final = 0.125e-6
WRITE_UNIT: Final = 0.625e-6
S3_WRITE: Final = 5e-6
INVOCATION: Final = 0.20e-6
GB_SECOND: Final = 16.6667e-6
REST_REQUEST: Final = 3.50e-6
FRAME: Final = 1.00e-6
CONNECTED_MINUTE: Final = 0.25e-6
QUEUE_REQUEST: Final = 0.40e-6
LOGGED_GB: Final = 0.50
ALARM_MONTH: Final = 0.10
METRIC_MONTH: Final = 0.30
STORED_GB_MONTH: Final = {"DynamoDB": 0.25, "its backups (35 days)": 0.20, "S3": 0.023}

# Assumed, not measured.
ASSUMED_S: Final = 0.050
"""How long a warm function runs for one request, batch or tick."""
LOGGED_BYTES: Final = 1500
"""What one invocation prints: its line, its measurements, and Lambda's own."""
POLLS_PER_MINUTE: Final = 15
"""Lambda asks each queue with five pollers, for 20 s at a time. AWS, "Using Lambda with Amazon
SQS", read 2026-11."""

EVERY_MINUTE: Final = ("push_sweep", "sweep_jobs")
EVERY_FIVE: Final = ("reconcile", "witness_heads")
WITH_GRAPH: Final = ("mend_graph",)
OWN_METRICS: Final = 30
ALARMS: Final = 23


@dataclass(frozen=True, slots=True)
class Units:
    """What an operation asks of tables and bucket."""

    read: float
    write: float
    content: int

    @property
    def price(self) -> float:
        """USD of one. Every call of S3 is taken for a write, which is the dearer."""
        return self.read * READ_UNIT + self.write * WRITE_UNIT + self.content * S3_WRITE


def counted(text: str) -> dict[str, Units]:
    """Return the units of each operation, from `bench/results/cost.md`."""
    found: dict[str, Units] = {}
    whole = ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split("|")]
        if len(cells) < 6 or not cells[1].isdecimal():
            continue
        name, _, read, write, index, content = cells[:6]
        if name.startswith("…"):
            name = f"{whole}, {name.removeprefix('…').strip()}"
        else:
            whole = "materialize" if name.startswith("materialize") else name.partition(",")[0]
        found[name] = Units(float(read), float(write) + float(index), int(content))
    return found


def invocation(function: str, seconds: float = ASSUMED_S) -> float:
    """USD of running a function once."""
    memory_gb = FUNCTIONS[function].memory_mb / 1024
    return INVOCATION + seconds * memory_gb * GB_SECOND + LOGGED_BYTES / 1e9 * LOGGED_GB


def request(units: Units, seconds: float = ASSUMED_S) -> float:
    """USD of a request by REST."""
    return REST_REQUEST + invocation("api_handler", seconds) + units.price


def idle(graph: bool) -> dict[str, float]:
    """USD a month of a system that nobody uses, by what for."""
    minutes = HOURS * 60
    ticks = sum(invocation(name) for name in EVERY_MINUTE) * minutes
    ticks += sum(invocation(name) for name in EVERY_FIVE) * minutes / 5
    if graph:
        ticks += sum(invocation(name) for name in WITH_GRAPH) * minutes
    # A sweep asks each shard of the open jobs, and who is behind.
    reads = minutes * (SHARDS * 0.5 + 1) * READ_UNIT
    told = {
        "schedules": ticks,
        "their reads": reads,
        "Lambda polling two queues": 2 * POLLS_PER_MINUTE * minutes * QUEUE_REQUEST,
        "alarms": ALARMS * ALARM_MONTH,
        "metrics, once all have been seen": OWN_METRICS * METRIC_MONTH,
    }
    if graph:
        told["Neptune Serverless, 1 NCU"] = NCU_HOUR_USD * HOURS
        told["VPC endpoints"] = ENDPOINTS * ENDPOINT_HOUR_USD * HOURS
    return told


def report(text: str) -> str:
    """Return the results as Markdown."""
    units = counted(text)
    lines = [
        "# What it costs in money",
        "",
        "Made by `python -m bench.prices` from the units in `cost.md`, at list prices of "
        f"{PRICED}.",
        f"Assumed: {ASSUMED_S * 1000:.0f} ms for a warm invocation, {LOGGED_BYTES:,} bytes printed "
        "by each. Without free tiers,",
        "data out of AWS, and models. USD.",
        "",
        "| 1,000 × | tables and bucket | with the request |",
        "|---|--:|--:|",
    ]
    for name, each in units.items():
        waits = re.match(r"wait (\d+) s", name)
        seconds = float(waits[1]) if waits else ASSUMED_S
        behind = name.startswith(("materialize", "find", "push"))
        whole = "–" if behind else f"{request(each, seconds) * 1000:.4f}"
        lines.append(f"| {name} | {each.price * 1000:.4f} | {whole} |")
    lines += ["", "| 1,000 × from the request to whoever watches | USD |", "|---|--:|"]
    lines += [f"| {name} | {each * 1000:.4f} |" for name, each in journeys(units).items()]
    lines += ["", "| a month, with nobody there | without a graph | with one |", "|---|--:|--:|"]
    without, with_one = idle(graph=False), idle(graph=True)
    for name, price in with_one.items():
        told = f"{without[name]:.2f}" if name in without else "–"
        lines.append(f"| {name} | {told} | {price:.2f} |")
    sums = sum(without.values()), sum(with_one.values())
    lines.append(f"| **all** | **{sums[0]:.2f}** | **{sums[1]:.2f}** |")
    kept = ", ".join(f"{name} {price:g}" for name, price in STORED_GB_MONTH.items())
    lines += ["", f"What is kept costs, per GB and month: {kept}."]
    return "\n".join(lines) + "\n"


def journeys(units: Mapping[str, Units]) -> dict[str, float]:
    """USD of one change, all the way: request, view, and a frame for each of ten watchers."""
    pushed = units["push a move to 10 watchers, without the posts"]
    watched = pushed.price + 10 * FRAME + invocation("pusher")
    seen = invocation("view_materializer")
    one = request(units["add an annotation, warm"])
    shown = units["materialize 1 annotation"].price + seen
    many = request(units["add 100 annotations in one POST"])
    all_shown = units["materialize, 100 annotations of one commit"].price + seen
    worker = units["find 100 entities: the worker"].price + invocation("job_worker", 2.0)
    ask = request(Units(3, 3, 0)) + 3 * QUEUE_REQUEST
    return {
        "an annotation, ten watchers": one + shown + watched,
        "a hundred annotations in one POST, ten watchers": many + all_shown + watched,
        "a job that finds 100 entities by rules (2 s assumed), ten watchers": ask
        + worker
        + all_shown
        + watched * 3,
        "a watcher's hour by websocket": 60 * CONNECTED_MINUTE,
        "a watcher's hour by SSE, 180 waits": 180 * request(units["wait 20 s by SSE"], 20),
    }


def main() -> None:
    """Compute and print."""
    text = report((RESULTS / "cost.md").read_text("utf-8"))
    print(text, end="")
    if "--write" in sys.argv:
        (RESULTS / "prices.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
