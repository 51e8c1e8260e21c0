r"""Idempotency-Key on POST: the same request again gives the same answer, for 24 hours.

Powertools' idempotency with its DynamoDB layer keeps who is first, what he asked, and what is
needed to answer again. It replays answers; that nothing is *done* twice is the flow's own care:
the key is on the commit, and a flow that finds it there does not append again. So an exception
between the effect and the record, after which Powertools forgets the request, does no harm.

::

    item: {"id": "request#<sha256>", "status": "COMPLETED", "expiration": 1795507200,
           "validation": "<sha256 of the decoded request>", "data": "{\"status\": 201, …}"}
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from chalicelib.edge.answer import Answer
from chalicelib.edge.call import Call
from chalicelib.errors import AppError, InFlight, KeyReused, Unavailable

_LOGGER: Final = logging.getLogger(__name__)

KEPT_S: Final = 24 * 3600
REQUEST_LIVES_MS: Final = 29_000  # API Gateway's longest integration, where no Lambda tells
REPLAYED: Final = "Idempotency-Replayed"


@dataclass(frozen=True, slots=True)
class _Deadline:
    """The part of a Lambda context that Powertools reads, for where there is no Lambda."""

    def get_remaining_time_in_millis(self) -> int:
        return REQUEST_LIVES_MS


class Idempotency:
    """Runs keyed requests once. One per `System`."""

    def __init__(self, table: str, client: Callable[[], Any]) -> None:
        self._table = table
        self._client = client  # returns a DynamoDB client
        self._store: Any = None
        self._lock = threading.Lock()

    def once(
        self, call: Call, run: Callable[[], Answer], again: Callable[[Any], Answer] | None
    ) -> Answer:
        """Return what `run` answers, the first time; later what `again` makes of `Answer.again`.

        Without `again`, `run` runs again: for what is the same however often it is done. An error
        is not kept: the request may be repeated. Raises `KeyReused`, `InFlight`, `Unavailable`.
        """
        from aws_lambda_powertools.utilities.idempotency import (
            IdempotencyConfig,
            idempotent_function,
        )
        from aws_lambda_powertools.utilities.idempotency import exceptions as powertools

        outcome: list[Answer | AppError] = []

        def first(*, request: Mapping[str, Any]) -> dict[str, Any]:
            try:
                answer = run()
            except AppError as error:
                outcome.append(error)
                raise
            outcome.append(answer)
            return {"status": answer.status, "again": answer.again}

        config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath="said",
            raise_on_no_idempotency_key=True,
            expires_after_seconds=KEPT_S,
            use_local_cache=False,
            hash_function="sha256",
            lambda_context=_context(call),
        )
        keyed = idempotent_function(
            first,
            data_keyword_argument="request",
            persistence_store=self._persistence(),
            config=config,
            key_prefix="request",
        )
        request = {"key": call.request_key, "said": call.said}
        try:
            told = keyed(request=request)
        except powertools.IdempotencyValidationError:
            raise KeyReused("This Idempotency-Key came before with another request") from None
        except (
            powertools.IdempotencyAlreadyInProgressError,
            powertools.IdempotencyInconsistentStateError,
        ):
            raise InFlight(
                "A request with this Idempotency-Key is still running", retry_after=1
            ) from None
        except powertools.IdempotencyPersistenceLayerError as error:
            # Before `run`: nothing happened. After it: what happened, happened; only the record of
            # it is missing, so a repetition runs again and finds its own commit by the key.
            _LOGGER.warning("Idempotency record not kept [%s]", call.correlation, exc_info=error)
            match outcome:
                case [Answer() as answer]:
                    return answer
                case [AppError() as failure]:
                    raise failure from None
            raise Unavailable(
                "Requests with an Idempotency-Key cannot be kept now", dependency="idempotency"
            ) from error
        match outcome:
            case [Answer() as answer]:
                return answer
        answer = run() if again is None else again(told["again"])
        headers = {**answer.headers, REPLAYED: "true"}
        # A stream may have come to its end since: 204, or have been told from its beginning.
        ended = 204 in (answer.status, told["status"])
        return replace(answer, status=answer.status if ended else told["status"], headers=headers)

    def _persistence(self) -> Any:
        from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

        with self._lock:
            if self._store is None:
                self._store = DynamoDBPersistenceLayer(
                    table_name=self._table, boto3_client=self._client()
                )
            return self._store


def _context(call: Call) -> Any:
    """Return what tells how long this request may run: after that, its key is free again."""
    if hasattr(call.context, "get_remaining_time_in_millis"):
        return call.context
    return _Deadline()
