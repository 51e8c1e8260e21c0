"""What the streams of views and jobs announce: watermarks that moved, jobs that changed.

Every item of a view has its record; the ones that count are those of the resource itself. Stream
filters keep the others away on AWS, but that is a saving: this reads what it needs, and no more.

record: {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": "11",
         "Keys": {"pk": {"S": "demo/resource#0192f…"}, "sk": {"S": "resource"}},
         "OldImage": {"version": {"N": "7"}, …}, "NewImage": {"version": {"N": "9"}, …}}}
job:    {"eventName": "MODIFY", "dynamodb": {"Keys": {"pk": {"S": "demo/job#0192f…"},
         "sk": {"S": "job"}}, …}}
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from chalicelib.domain.ids import Stream
from chalicelib.edge import metrics, sockets, sources
from chalicelib.errors import AppError
from chalicelib.flows import push
from chalicelib.flows.push import Move
from chalicelib.system import System
from chalicelib.views import RESOURCE

_LOGGER: Final = logging.getLogger(__name__)


def of_views(system: System, event: Any) -> dict[str, list[dict[str, str]]]:
    """Push what a batch of the views' stream announces, and answer as Lambda expects."""
    payload: Mapping[str, Any] = event if isinstance(event, Mapping) else event.to_dict()
    records: list[Any] = []
    moves: dict[Stream, list[Move]] = {}
    for record in filter(_moves, payload["Records"]):
        move = _move(record["dynamodb"])
        if move is not None:
            records.append(record)
            moves.setdefault(move.stream, []).append(move)

    def batch(system: System, streams: Iterable[Stream]) -> Mapping[Stream, AppError]:
        wanted = [move for stream in streams for move in moves[stream]]
        return push.push(system, wanted, sockets.show(system))

    return sources.in_streams(system, {"Records": records}, batch)


def of_jobs(system: System, event: Any) -> None:
    """Push the state of each job that a batch of the jobs' stream names, as it is now.

    Raises Unavailable; the batch then comes again, which announces the same states or newer ones.
    """
    payload: Mapping[str, Any] = event if isinstance(event, Mapping) else event.to_dict()
    keys = [record["dynamodb"]["Keys"] for record in payload["Records"]]
    changed = dict.fromkeys(key["pk"]["S"] for key in keys if key["sk"]["S"] == "job")
    with metrics.running(system):
        for pk in changed:
            workspace, _, job_id = pk.partition("/job#")
            push.push_job(system, workspace, job_id, lambda job: sockets.job_frame(system, job))


def _moves(record: Mapping[str, Any]) -> bool:
    body = record["dynamodb"]
    return body["Keys"]["sk"].get("S") == RESOURCE and "NewImage" in body


def _move(body: Mapping[str, Any]) -> Move | None:
    """Return what a record announces; None, and told, for an item that was not written by us."""
    key, old, new = body["Keys"]["pk"]["S"], body.get("OldImage"), body["NewImage"]
    try:
        return Move(
            Stream.parse(key),
            None if old is None else int(old["version"]["N"]),
            int(new["version"]["N"]),
        )
    except (ValueError, KeyError):
        _LOGGER.error("The views' table has an item that is no watermark: %r", key)
        return None
