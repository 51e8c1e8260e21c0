"""The outlet of `chalicelib.metrics` on AWS: CloudWatch's embedded metric format, by Powertools.

All measurements of one request or batch are printed as one line; CloudWatch makes metrics of it in
the namespace Palimpsest, with the dimensions service and stage. The local system reads the same
lines.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from chalicelib.config import SERVICE, Config
from chalicelib.edge import logs, tracing
from chalicelib.metrics import Metrics, Unit

if TYPE_CHECKING:
    from chalicelib.system import System

NAMESPACE: Final = "Palimpsest"


class EmbeddedMetrics:
    """An outlet that gathers measurements and prints them when it is flushed."""

    def __init__(self, stage: str, service: str = SERVICE) -> None:
        self._stage = stage
        self._service = service
        self._gathered: list[tuple[str, float, Unit]] = []
        self._lock = threading.Lock()

    def __call__(self, name: str, value: float, unit: Unit) -> None:
        """Take one measurement."""
        with self._lock:
            self._gathered.append((name, value, unit))

    def flush(self) -> None:
        """Print what was gathered, if anything was. Powertools is loaded at the first time."""
        with self._lock:
            gathered, self._gathered = self._gathered, []
        if not gathered:
            return
        printer = self._printer()
        for name, value, unit in gathered:
            printer.add_metric(name=name, unit=unit, value=value)
        printer.flush_metrics()

    def _printer(self) -> Any:
        from aws_lambda_powertools.metrics import EphemeralMetrics

        printer = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
        printer.add_dimension(name="stage", value=self._stage)
        return printer


def attach(metrics: Metrics, stage: str, service: str = SERVICE) -> None:
    """Give metrics this outlet, unless they have one already."""
    if metrics.outlet is None:
        metrics.outlet = EmbeddedMetrics(stage, service)


def observe(config: Config, metrics: Metrics) -> None:
    """From now on, log and trace as the stage does, and gather what is measured."""
    logs.attach(config.stage, config.powertools_service_name)
    tracing.follow(config.tracing, config.powertools_service_name)
    attach(metrics, config.stage, config.powertools_service_name)


@contextmanager
def running(system: System) -> Iterator[None]:
    """Around what a function does: log and trace as the stage does, print what was measured."""
    observe(system.config, system.metrics)
    try:
        yield
    finally:
        flush(system.metrics)


def flush(metrics: Metrics) -> None:
    """Print what was measured since the last time: at the end of each request and batch."""
    if isinstance(metrics.outlet, EmbeddedMetrics):
        metrics.outlet.flush()
