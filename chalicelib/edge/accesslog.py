"""One JSON line per request on AWS, by Powertools' Logger. No tokens, no bodies, no queries.

Locally the gateway prints its own line, and this is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.config import LOCAL
from chalicelib.edge.metrics import SERVICE


class AccessLog:
    """Writes what was asked and how it ended."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._logger: Any = None

    def write(
        self,
        event: Mapping[str, Any],
        status: int,
        elapsed_ms: float,
        correlation: str,
        workspace: str | None,
    ) -> None:
        """Write one line: ``{"message": "request", "method": "GET", "status": 200, …}``."""
        if self._stage == LOCAL:
            return
        if self._logger is None:
            from aws_lambda_powertools.logging import Logger

            self._logger = Logger(service=SERVICE, level="INFO", stage=self._stage)
        request = event.get("requestContext") or {}
        self._logger.info(
            "request",
            extra={
                "method": request.get("httpMethod"),
                "route": request.get("resourcePath"),
                "path": request.get("path"),
                "status": status,
                "duration_ms": round(elapsed_ms, 1),
                "correlation": correlation,
                "workspace": workspace,
            },
        )
