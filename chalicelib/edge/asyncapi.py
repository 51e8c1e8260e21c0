"""The AsyncAPI 3 document: what goes over the websocket, from the schemas that it is checked by."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from chalicelib.edge.schemas.components import COMPONENTS
from chalicelib.edge.schemas.live import SOCKET_SCHEMAS

Json = dict[str, Any]

_CLIENT: Final = "ClientMessage"
_FRAME: Final = "Frame"


def document(public_url: str, sockets_url: str, version: str) -> Json:
    """Return the whole document. `sockets_url` is where websockets are opened, if that is known."""
    server = urlsplit(sockets_url or public_url)
    frames = [name for name in SOCKET_SCHEMAS if name.endswith(_FRAME)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Palimpsest, live",
            "version": version,
            "description": "Events of resources, and the progress of jobs, as they come. Frames "
            "are JSON texts of less than 32 KB. Each event comes at least once, and frames may "
            "overtake one another; versions of a resource have no holes, so apply v + 1 only.",
            "license": {"name": "Apache 2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "live": {
                "host": server.netloc,
                "pathname": server.path or "/",
                "protocol": "wss" if server.scheme in ("https", "wss") else "ws",
                "security": [
                    {"$ref": "#/components/securitySchemes/bearer"},
                    {"$ref": "#/components/securitySchemes/ticket"},
                ],
            }
        },
        "channels": {
            "socket": {
                "address": "/",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in [_CLIENT, *frames]
                },
            }
        },
        "operations": {
            "say": {
                "action": "receive",
                "summary": "What a client says: subscribe, unsubscribe, ping.",
                "channel": {"$ref": "#/channels/socket"},
                "messages": [{"$ref": f"#/channels/socket/messages/{_CLIENT}"}],
            },
            "hear": {
                "action": "send",
                "summary": "What a client hears.",
                "channel": {"$ref": "#/channels/socket"},
                "messages": [{"$ref": f"#/channels/socket/messages/{name}"} for name in frames],
            },
        },
        "components": {
            "messages": {name: _message(name) for name in [_CLIENT, *frames]},
            "schemas": _schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "ticket": {
                    "type": "httpApiKey",
                    "name": "ticket",
                    "in": "query",
                    "description": "From `POST /tickets`; good once, for 30 s.",
                },
            },
        },
    }


def _message(name: str) -> Json:
    schema = SOCKET_SCHEMAS[name]
    return {
        "name": name,
        "summary": schema.get("description", ""),
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }


def _schemas() -> Mapping[str, Any]:
    """Return the websocket's schemas, and those that they refer to."""
    found: dict[str, Any] = {}
    wanted = list(SOCKET_SCHEMAS)
    known = COMPONENTS
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = known[name]
            wanted += re.findall(r'"#/components/schemas/(\w+)"', json.dumps(known[name]))
    return dict(sorted(found.items()))
