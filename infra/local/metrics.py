"""Sums the metrics that functions print, as CloudWatch would.

On AWS a function prints a line of JSON in the embedded metric format (EMF) and CloudWatch reads it
from the log. Here `Tap` stands before stdout: such lines go to `Metrics`, all others pass.

line: {"_aws": {"CloudWatchMetrics": [{"Namespace": "Palimpsest", "Dimensions": [["service"]],
       "Metrics": [{"Name": "AppendLatency", "Unit": "Milliseconds"}]}]}, "AppendLatency": [3.2]}
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, TextIO

KEPT: Final = 10_000  # values per metric that percentiles are taken from: the latest


@dataclass(slots=True)
class Series:
    """All values of one metric: sums for ever, percentiles of the latest."""

    namespace: str
    unit: str
    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, value: float) -> None:
        """Take one value."""
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)
        self.latest.append(value)

    def summary(self) -> dict[str, Any]:
        """Return the numbers, as JSON."""
        ordered = sorted(self.latest)
        return {
            "namespace": self.namespace,
            "unit": self.unit,
            "count": self.count,
            "sum": self.total,
            "min": self.least,
            "max": self.most,
            "p50": ordered[(len(ordered) - 1) // 2],
            "p99": ordered[-(-len(ordered) * 99 // 100) - 1],
        }


class Metrics:
    """Every metric so far, by name; dimensions are summed over."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._lock = threading.Lock()

    def take(self, line: str) -> bool:
        """Add a line's metrics; False if it is no line of EMF."""
        if not (line.startswith("{") and '"_aws"' in line):
            return False
        try:
            values = json.loads(line)
            groups = values["_aws"]["CloudWatchMetrics"]
            with self._lock:
                for group in groups:
                    for metric in group["Metrics"]:
                        self._add(group["Namespace"], metric, values[metric["Name"]])
        except (ValueError, TypeError, KeyError):
            return False
        return True

    def summary(self) -> dict[str, dict[str, Any]]:
        """Return each metric's numbers, by name."""
        with self._lock:
            return {name: self._series[name].summary() for name in sorted(self._series)}

    def _add(self, namespace: str, metric: dict[str, Any], values: Any) -> None:
        unit = metric.get("Unit", "None")
        series = self._series.setdefault(metric["Name"], Series(namespace, unit))
        for value in values if isinstance(values, list) else [values]:
            series.add(float(value))


class Tap:
    """Stands in for stdout. Lines are put together per thread, as `print` writes in pieces."""

    def __init__(self, out: TextIO, metrics: Metrics) -> None:
        self._out = out
        self._metrics = metrics
        self._lock = threading.Lock()
        self._thread = threading.local()

    def write(self, text: str) -> int:
        """Pass whole lines on; keep the rest until its end comes."""
        *lines, rest = (getattr(self._thread, "rest", "") + text).split("\n")
        self._thread.rest = rest
        passing = [line for line in lines if not self._metrics.take(line)]
        if passing:
            with self._lock:
                self._out.write("".join(f"{line}\n" for line in passing))
        return len(text)

    def flush(self) -> None:
        """Flush what has passed."""
        self._out.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name)
