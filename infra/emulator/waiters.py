"""boto's waiters, quick: a directory for AWS_DATA_PATH, which boto reads before its own data.

A waiter looks every 5 s or more, which suits AWS and makes a deployment of 14 functions to an
emulator take a minute. Nothing of boto or Chalice is changed: the same files, with other delays.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

SERVICES: Final = ("lambda", "cloudformation", "dynamodb", "s3", "iam")
DELAY_S: Final = 0.1


def write(directory: Path) -> Path:
    """Write the waiters of `SERVICES` there and return the directory."""
    from botocore.loaders import Loader

    loader = Loader()
    for service in SERVICES:
        version = loader.determine_latest_version(service, "waiters-2")
        found: dict[str, Any] = loader.load_data(f"{service}/{version}/waiters-2")
        for waiter in found["waiters"].values():
            patience_s = waiter["delay"] * waiter["maxAttempts"]
            waiter["delay"], waiter["maxAttempts"] = DELAY_S, int(patience_s / DELAY_S)
        own = directory / service / version
        own.mkdir(parents=True, exist_ok=True)
        (own / "waiters-2.json").write_text(json.dumps(found))
    return directory
