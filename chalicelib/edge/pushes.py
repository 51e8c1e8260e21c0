"""The views' stream: which watermarks moved, and from where to where.

Every item of a view has its record; the ones that count are those of the resource itself. Stream
filters keep the others away on AWS, but that is a saving: this reads what it needs, and no more.

record: {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": "11",
         "Keys": {"pk": {"S": "demo/resource#0192f…"}, "sk": {"S": "resource"}},
         "OldImage": {"version": {"N": "7"}, …}, "NewImage": {"version": {"N": "9"}, …}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.domain.ids import Stream
from chalicelib.edge import sockets, sources
from chalicelib.errors import AppError
from chalicelib.flows import push
from chalicelib.flows.push import Move
from chalicelib.system import System
from chalicelib.views import RESOURCE


def of_views(system: System, event: Any) -> dict[str, list[dict[str, str]]]:
    """Push what a batch of the views' stream announces, and answer as Lambda expects."""
    payload: Mapping[str, Any] = event if isinstance(event, Mapping) else event.to_dict()
    records = [record for record in payload["Records"] if _moves(record)]
    moves: dict[Stream, list[Move]] = {}
    for record in records:
        move = _move(record["dynamodb"])
        moves.setdefault(move.stream, []).append(move)

    def batch(system: System, streams: Iterable[Stream]) -> Mapping[Stream, AppError]:
        wanted = [move for stream in streams for move in moves[stream]]
        return push.push(system, wanted, sockets.show(system))

    return sources.in_streams(system, {"Records": records}, batch)


def _moves(record: Mapping[str, Any]) -> bool:
    body = record["dynamodb"]
    return body["Keys"]["sk"].get("S") == RESOURCE and "NewImage" in body


def _move(body: Mapping[str, Any]) -> Move:
    old, new = body.get("OldImage"), body["NewImage"]
    return Move(
        Stream.parse(body["Keys"]["pk"]["S"]),
        None if old is None else int(old["version"]["N"]),
        int(new["version"]["N"]),
    )
