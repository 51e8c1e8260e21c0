"""The query parameters of the API, by name."""

from __future__ import annotations

from typing import Final

from chalicelib.domain.annotation.model import MOTIVATIONS
from chalicelib.domain.job import STATES
from chalicelib.domain.links import MAX_DEPTH, MAX_PATH_DEPTH
from chalicelib.edge.query import Parameter
from chalicelib.edge.schemas.common import DEFAULT_PAGE, ENTITY_TYPE, ID, MAX_PAGE, TIME, VERSION

_NUMBER: Final = "[1-9][0-9]{0,14}"

# What is no UTF-8 has become this character before it comes here, so nobody can send it.
_DECODED: Final = {"not": {"pattern": "\ufffd"}}

LIMIT: Final = Parameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
    "The most items on a page. A page may be short; only `next` says that there is no more.",
)
CURSOR: Final = Parameter(
    "cursor",
    {"type": "string", "minLength": 1, "maxLength": 500},
    "The `next` of the page before, of the same list with the same filters.",
    bound=True,
)
AFTER_ID: Final = Parameter("cursor", ID, "The `next` of the page before.")
AFTER_VERSION: Final = Parameter(
    "cursor",
    {"type": "string", "pattern": f"^(0|{_NUMBER})$", "title": "a version, or 0"},
    "The `next` of the page before: a version. 0 is before the first.",
)
ENTITY_TYPES: Final = Parameter(
    "entityType",
    {**ENTITY_TYPE, **_DECODED},
    "Resources of this type; of all of them, if several.",
    many=True,
)
WORDS: Final = Parameter(
    "q",
    {"type": "string", "minLength": 1, "maxLength": 200, **_DECODED},
    "Words, or beginnings of words, that the name has. Without a letter or digit it finds none.",
)
ARCHIVED: Final = Parameter("archived", {"type": "boolean"}, "Only archived resources, or none.")
CHANGED_SINCE: Final = Parameter(
    "changedSince",
    TIME,
    "Resources whose change was shown at this time or later, the earliest first.",
)
AFTER: Final = Parameter(
    "after",
    {
        "type": "string",
        "pattern": f"{ID['pattern'].removesuffix('$')}:{_NUMBER}$",
        "title": "<resource id>:<version>",
    },
    "A cursor of your own write: that resource is shown as it is, however far the views are.",
)
AT_VERSION: Final = Parameter(
    "version", {**VERSION, "maximum": 10**15 - 1}, "As it was after this version."
)
AT_TIME: Final = Parameter("at", TIME, "As it was at this time.")
MOTIVATION: Final = Parameter(
    "motivation", {"type": "string", "enum": list(MOTIVATIONS)}, "Annotations of this motivation."
)
OFFSETS: Final = Parameter(
    "offsets",
    {"type": "string", "enum": ["codepoint", "utf16"], "default": "codepoint"},
    "What positions count: Unicode code points, as W3C says, or UTF-16 units, as JavaScript does.",
)
SEEN: Final = Parameter(
    "from",
    {"type": "string", "minLength": 1, "maxLength": 1100},
    "What was seen so far: a version, or the `id` of the last event. Else: from now on.",
)
WATCHED: Final = Parameter("resource", ID, "A resource to watch; up to 20 of them.", many=True)
TICKET: Final = Parameter(
    "ticket",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$", "title": "a ticket of POST /tickets"},
    "In place of a token, for who cannot send headers. It is good for one request.",
)
DEPTH: Final = Parameter(
    "depth",
    {"type": "integer", "minimum": 1, "maximum": MAX_DEPTH, "default": 1},
    "How many steps away; a step is an annotation on one resource that refers to the other.",
)
MAX_PATH: Final = Parameter(
    "maxDepth",
    {"type": "integer", "minimum": 1, "maximum": MAX_PATH_DEPTH, "default": MAX_PATH_DEPTH},
    "The most steps of a path.",
)
PATH_FROM: Final = Parameter("from", ID, "The resource that paths begin at.", required=True)
PATH_TO: Final = Parameter("to", ID, "The resource that they lead to.", required=True)
ORDER: Final = Parameter(
    "order",
    {"type": "string", "enum": ["oldest", "newest"], "default": "oldest"},
    "Which events come first.",
)
JOB_SEEN: Final = Parameter(
    "from",
    {"type": "string", "minLength": 1, "maxLength": 60},
    "What was seen so far: the `id` of the last event. Else: from the job's state now.",
)
JOB_STATE: Final = Parameter(
    "state", {"type": "string", "enum": list(STATES)}, "Jobs that are in this state."
)
JOBS_ON: Final = Parameter(
    "resource", ID, "Jobs on this resource, whoever began them; without it, your own."
)
