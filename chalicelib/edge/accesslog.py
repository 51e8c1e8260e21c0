"""One line per request on AWS. No tokens, no bodies, no queries.

Locally the gateway prints its own line, and this is silent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from chalicelib.config import LOCAL

_LOGGER: Final = logging.getLogger(__name__)


class AccessLog:
    """Writes what was asked and how it ended."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

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
        request = event.get("requestContext") or {}
        _LOGGER.info(
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
