"""What the app reads from the environment besides the names in `infra/core.yaml`."""

from __future__ import annotations

import os
from typing import Final

from infra import gremlin
from infra.local import control, keys, presigned, sockets

HEADS_KEY: Final = "local lists of heads: no secret at all"  # the same after a restart
LOCAL_USER: Final = "local"
LOCAL_WORKSPACE: Final = "demo"


def graph() -> str:
    """Return what GRAPH names, else the Gremlin Server of this machine if it is up, else `none`."""
    named = os.environ.get("GRAPH")
    return named or (gremlin.url() if gremlin.listening() else "none")


def settings(public_url: str) -> dict[str, str]:
    """Return the environment of an app that is served at `public_url` by the local system."""
    return {
        "STAGE": "local",
        "PUBLIC_URL": public_url,
        "CONTENT_ENDPOINT_URL": public_url + presigned.PREFIX.rstrip("/"),
        "SOCKETS_ENDPOINT_URL": public_url + sockets.PATH,
        "GRAPH": graph(),
        "JWT_ISSUER": keys.ISSUER,
        "JWT_AUDIENCE": keys.AUDIENCE,
        "JWT_ALGORITHMS": keys.ALGORITHM,
        "JWT_JWKS_URL": f"{public_url}{control.PREFIX}jwks.json",
        "HEADS_KEY": HEADS_KEY,
        "LOCAL_USER": LOCAL_USER,
        "LOCAL_WORKSPACE": LOCAL_WORKSPACE,
        "POWERTOOLS_SERVICE_NAME": "palimpsest",
        "POWERTOOLS_METRICS_NAMESPACE": "Palimpsest",
    }
