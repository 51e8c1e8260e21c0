"""Tickets, and what goes over a websocket, both ways: `edge.asyncapi` tells when each is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chalicelib.edge.schemas.common import ID, TIME, VERSION, Schema

MAX_TOPICS: Final = 50
"""Topics of one message: each has a replay, and API Gateway gives up after 29 s."""

_SEEN: Final[Schema] = {"type": "integer", "minimum": 0}
_MESSAGE_ID: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 100,
    "description": "The client's name for this message; the answer carries it.",
}
_CURSOR: Final[Schema] = {"type": "string", "description": "`<id>:<version>`"}


def _object(required: list[str], properties: Mapping[str, Schema], **more: object) -> Schema:
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
        **more,
    }


def _frame(kind: str, description: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": ["type", *(name for name in properties if name != "id")],
        "properties": {"type": {"const": kind}, **properties},
    }


_TOPICS: Final[Schema] = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_TOPICS,
    "items": {"$ref": "#/components/schemas/Topic"},
}

LIVE_SCHEMAS: Final[Mapping[str, Schema]] = {
    "Ticket": {
        "type": "object",
        "required": ["ticket", "expires"],
        "properties": {
            "ticket": {"type": "string", "description": "Good once, for `?ticket=`."},
            "expires": TIME,
        },
    },
}

SOCKET_SCHEMAS: Final[Mapping[str, Schema]] = {
    "Topic": {
        "type": "object",
        "description": "What to watch: one resource, from what was seen of it or from now on; one "
        "job; or all resources of the workspace, from now on.",
        "properties": {
            "resource": ID,
            "from": _SEEN,
            "job": ID,
            "all": {"const": True},
        },
        "additionalProperties": False,
        "oneOf": [
            {"required": ["resource"], "not": {"anyOf": [{"required": ["job"]}]}},
            {"required": ["job"]},
            {"required": ["all"]},
        ],
        "examples": [{"resource": "0192f0c1-0000-7000-8000-000000000001", "from": 7}],
    },
    "ClientMessage": _object(
        ["action"],
        {
            "action": {"enum": ["subscribe", "unsubscribe", "ping"]},
            "id": _MESSAGE_ID,
            "topics": _TOPICS,
        },
        description="What a client says over the websocket.",
        allOf=[
            {
                "if": {"properties": {"action": {"const": "ping"}}},
                "then": {"not": {"required": ["topics"]}},
                "else": {"required": ["topics"]},
            }
        ],
        examples=[{"action": "subscribe", "id": "1", "topics": [{"all": True}]}],
    ),
    "LiveEvent": {
        "type": "object",
        "description": "An event, as in `GET /resources/{id}/events`. Of one that is too large for "
        "a frame, `href` stands for `data`: where to get it.",
        "required": ["id", "type", "version", "resource", "at", "actor", "correlation", "commit"],
        "properties": {
            "id": _CURSOR,
            "type": {"type": "string"},
            "version": VERSION,
            "resource": ID,
            "data": {"type": "object"},
            "href": {"type": "string"},
        },
        "oneOf": [{"required": ["data"]}, {"required": ["href"]}],
    },
    "SubscribedFrame": _frame(
        "subscribed",
        "The subscription stands; each topic with where it starts.",
        id=_MESSAGE_ID,
        topics={"type": "array", "items": {"type": "object"}},
    ),
    "UnsubscribedFrame": _frame(
        "unsubscribed",
        "Nothing more will come of these.",
        id=_MESSAGE_ID,
        topics={"type": "array", "items": {"type": "object"}},
    ),
    "LiveFrame": _frame(
        "live",
        "What came before the subscription has been sent. Also sent where a view was made anew: "
        "who has less than the cursor says subscribes again from what he has.",
        cursor=_CURSOR,
    ),
    "EventFrame": _frame(
        "event",
        "One event.",
        cursor=_CURSOR,
        event={"$ref": "#/components/schemas/LiveEvent"},
    ),
    "EventsFrame": _frame(
        "events",
        "Several events of one resource, in order; `cursor` is that of the last.",
        cursor=_CURSOR,
        events={
            "type": "array",
            "minItems": 2,
            "items": {"$ref": "#/components/schemas/LiveEvent"},
        },
    ),
    "GapFrame": _frame(
        "gap",
        "The events `from` to `to`, both included, are not sent: get them by "
        "`GET /resources/{id}/events?cursor=<from - 1>`.",
        resource=ID,
        **{"from": VERSION, "to": VERSION},
    ),
    "JobFrame": _frame(
        "job",
        "The state of a job.",
        cursor=_CURSOR,
        job={"type": "object"},
    ),
    "PongFrame": _frame("pong", "The answer to a ping.", id=_MESSAGE_ID),
    "ErrorFrame": _frame(
        "error",
        "A message could not be carried out, wholly or for one topic.",
        id=_MESSAGE_ID,
        problem={"$ref": "#/components/schemas/Problem"},
    ),
}
