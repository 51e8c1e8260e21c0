"""Idempotency-Key, by Powertools on DynamoDB (moto): replayed, refused, and safe to fail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chalicelib.domain.actor import Actor
from chalicelib.edge.answer import Answer
from chalicelib.edge.call import Call, Caller
from chalicelib.edge.idempotency import KEPT_S, Idempotency
from chalicelib.errors import Conflict, InFlight, KeyReused, Unavailable

ADA = Caller(Actor("ada", "Person", "Ada"), "demo")


class Context:
    """A Lambda context with so much time left."""

    def __init__(self, remaining_ms: int) -> None:
        self.remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def call(
    content: Any = None, key: str = "k", context: Any = None, query: Any = None, who: Caller = ADA
) -> Call:
    event = {
        "requestContext": {"httpMethod": "POST", "resourcePath": "/resources"},
        "headers": {"Idempotency-Key": key},
        "multiValueQueryStringParameters": query,
        "body": None if content is None else json.dumps(content),
    }
    return Call.of_event(event, context, lambda _: who)


class Work:
    """Something to be done once; counts how often it was."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done = 0
        self.error = error
        self.during: Callable[[], object] = lambda: None

    def __call__(self) -> Answer:
        self.done += 1
        self.during()
        if self.error is not None:
            raise self.error
        return Answer(201, {"n": self.done}, {"Location": "/x"}, "1", again={"n": self.done})


def again(told: Any) -> Answer:
    return Answer(200, told, {"Location": "/x"}, "1")


class Client:
    """A DynamoDB client whose calls of some kinds fail."""

    def __init__(self, client: Any, *broken: str) -> None:
        self._client = client
        self.broken = set(broken)

    def __getattr__(self, name: str) -> Any:
        if name in self.broken:

            def fail(**_: Any) -> Any:
                raise ConnectionError("no route to host")

            return fail
        return getattr(self._client, name)


@pytest.fixture
def table(environment: dict[str, str]) -> str:
    name = environment["IDEMPOTENCY_TABLE"]
    table = boto3.resource("dynamodb").Table(name)
    for item in table.scan()["Items"]:
        table.delete_item(Key={"id": item["id"]})
    return name


@pytest.fixture
def client(environment: dict[str, str]) -> Client:
    return Client(boto3.client("dynamodb"))


@pytest.fixture
def kept(table: str, client: Client) -> Idempotency:
    return Idempotency(table, lambda: client)


def test_the_first_request_is_done_and_its_answer_returned(kept: Idempotency) -> None:
    work = Work()

    answer = kept.once(call({"a": 1}), work, again)

    assert (answer.status, answer.body, work.done) == (201, {"n": 1}, 1)
    assert "Idempotency-Replayed" not in answer.headers


def test_the_same_request_gets_the_same_answer_made_anew(kept: Idempotency) -> None:
    work = Work()
    kept.once(call({"a": 1, "b": 2}), work, again)

    answer = kept.once(call({"b": 2, "a": 1}), work, again)

    assert (answer.status, answer.body, work.done) == (201, {"n": 1}, 1)
    assert answer.headers == {"Location": "/x", "Idempotency-Replayed": "true"}
    assert answer.etag == "1"


def test_without_a_way_to_make_it_anew_it_is_done_again(kept: Idempotency) -> None:
    work = Work()
    kept.once(call(), work, None)

    assert kept.once(call(), work, None).body == {"n": 2}


@pytest.mark.parametrize(
    "other", [call({"a": 2}), call(None), call({"a": 1}, query={"offsets": ["utf16"]})]
)
def test_the_same_key_for_another_request_is_refused(kept: Idempotency, other: Call) -> None:
    work = Work()
    kept.once(call({"a": 1}), work, again)

    with pytest.raises(KeyReused):
        kept.once(other, work, again)

    assert work.done == 1


def test_another_key_or_caller_is_another_request(kept: Idempotency) -> None:
    work = Work()
    for who in (ADA, Caller(Actor("bob", "Person", "Bob"), "demo"), Caller(ADA.actor, "acme")):
        for key in ("k", "k2"):
            kept.once(call(key=key, who=who), work, again)

    assert work.done == 6


def test_a_request_that_is_still_running_is_409(kept: Idempotency) -> None:
    work = Work()
    refusals: list[InFlight] = []

    def meanwhile() -> None:
        with pytest.raises(InFlight) as refused:
            kept.once(call(), Work(), again)
        refusals.append(refused.value)

    work.during = meanwhile
    kept.once(call(), work, again)

    assert work.done == 1
    assert refusals[0].extra["retry_after"] == 1


def test_another_body_is_refused_also_while_the_first_is_running(kept: Idempotency) -> None:
    work = Work()

    def meanwhile() -> None:
        with pytest.raises(KeyReused):
            kept.once(call({"a": 2}), Work(), again)

    work.during = meanwhile
    kept.once(call({"a": 1}), work, again)


def test_when_its_time_is_up_a_request_that_died_may_be_repeated(kept: Idempotency) -> None:
    class Died(BaseException):
        pass

    dying = Work()

    def die() -> None:
        raise Died

    dying.during = die
    with pytest.raises(Died):
        kept.once(call(context=Context(remaining_ms=2000)), dying, again)
    with pytest.raises(InFlight):
        kept.once(call(), Work(), again)
    time.sleep(2.1)

    assert kept.once(call(), Work(), again).status == 201


def test_an_error_is_not_kept(kept: Idempotency) -> None:
    with pytest.raises(Conflict):
        kept.once(call(), Work(Conflict("archived")), again)
    with pytest.raises(ZeroDivisionError):
        kept.once(call(), Work(ZeroDivisionError()), again)

    assert kept.once(call(), Work(), again).status == 201


def test_what_was_done_is_told_even_if_it_cannot_be_recorded(
    kept: Idempotency, client: Client
) -> None:
    client.broken = {"update_item"}
    work = Work()

    assert kept.once(call(context=Context(20)), work, again).status == 201

    client.broken = set()
    time.sleep(0.03)
    assert kept.once(call(), work, again).status == 201
    assert work.done == 2  # and the flow finds its own commit by the key


def test_an_error_is_told_even_if_the_record_cannot_be_removed(
    kept: Idempotency, client: Client
) -> None:
    client.broken = {"delete_item"}

    with pytest.raises(Conflict, match="archived"):
        kept.once(call(), Work(Conflict("archived")), again)


def test_without_the_table_nothing_is_done(kept: Idempotency, client: Client) -> None:
    client.broken = {"put_item"}
    work = Work()

    with pytest.raises(Unavailable) as refused:
        kept.once(call(), work, again)

    assert (work.done, refused.value.extra["dependency"]) == (0, "idempotency")


def test_a_record_holds_no_answer_and_lives_for_a_day(
    kept: Idempotency, client: Client, table: str
) -> None:
    kept.once(call({"secret": "x" * 1000}), Work(), again)

    (item,) = client.scan(TableName=table)["Items"]

    assert json.loads(item["data"]["S"]) == {"status": 201, "again": {"n": 1}}
    assert abs(int(item["expiration"]["N"]) - time.time() - KEPT_S) < 5
    assert item["id"]["S"].startswith("request#")
    assert "secret" not in str(item)


def test_nothing_is_loaded_before_a_key_comes() -> None:
    import subprocess
    import sys

    program = (
        "import sys, chalicelib.edge.idempotency as i; i.Idempotency('t', lambda: None); "
        "sys.exit(any('powertools' in m or m == 'boto3' for m in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
