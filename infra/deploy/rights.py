"""What each function may do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# One policy for all, until each function has its own.
_POLICY = Path(__file__).with_name("policy.json")


def policy(function: str, *, stage: str, graph: bool) -> dict[str, Any]:
    """Return the IAM policy of a function of a stage, which has a graph or has none."""
    text = _POLICY.read_text("utf-8").replace("palimpsest-dev-", f"palimpsest-{stage}-")
    found: dict[str, Any] = json.loads(text)
    return found
