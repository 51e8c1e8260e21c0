"""The meter's units, held against AWS's own rules on items of known size."""

from __future__ import annotations

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from bench.meter import Meter
from infra.local.aws import aws

TABLE, INDEX = "leaves", "by-kind"


@pytest.fixture
def client():
    """A client of a table with an index (keys only) on `kind` and `when`."""
    with aws(stage="meter"):
        made = boto3.client("dynamodb")
        made.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "kind", "when")
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": INDEX,
                    "KeySchema": [
                        {"AttributeName": "kind", "KeyType": "HASH"},
                        {"AttributeName": "when", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
        yield made


@pytest.fixture
def meter(client):
    return Meter(client)


def put(client, pk="a", size=100, **more):
    """Put an item of exactly `size` bytes, keys and names included."""
    fixed = 2 + len(pk) + sum(len(name) + len(value) for name, value in more.items())
    item = {"pk": {"S": pk}, "x": {"S": "x" * (size - fixed - 1)}}
    client.put_item(TableName=TABLE, Item=item | {k: {"S": v} for k, v in more.items()})


@pytest.mark.parametrize(("size", "units"), [(100, 1), (1024, 1), (1025, 2), (5000, 5)])
def test_a_put_costs_a_unit_per_kilobyte_begun(client, meter, size, units):
    with meter.counting() as bill:
        put(client, size=size)
    assert (bill.database, bill.write_units, bill.read_units) == (1, units, 0)


def test_a_put_over_a_larger_item_costs_the_larger_one(client, meter):
    put(client, size=3000)
    with meter.counting() as bill:
        put(client, size=100)
    assert bill.write_units == 3


def test_a_refused_put_costs_the_item_that_is_there(client, meter):
    put(client, size=3000)
    with meter.counting() as bill, pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.put_item(
            TableName=TABLE,
            Item={"pk": {"S": "a"}},
            ConditionExpression="attribute_not_exists(pk)",
        )
    assert (bill.write_units, bill.calls[0].refused) == (3, True)


def test_a_deletion_costs_what_was_deleted_and_nothing_costs_one_unit(client, meter):
    put(client, size=3000)
    with meter.counting() as bill:
        client.delete_item(TableName=TABLE, Key={"pk": {"S": "a"}})
        client.delete_item(TableName=TABLE, Key={"pk": {"S": "a"}})
    assert [call.write_units for call in bill.calls] == [3, 1]


def test_an_update_costs_the_larger_of_before_and_after(client, meter):
    put(client, size=100)
    with meter.counting() as bill:
        client.update_item(
            TableName=TABLE,
            Key={"pk": {"S": "a"}},
            UpdateExpression="SET y = :y",
            ExpressionAttributeValues={":y": {"S": "y" * 2000}},
        )
    assert bill.write_units == 3


def test_an_index_is_billed_when_its_entry_changes_and_twice_when_it_moves(client, meter):
    with meter.counting() as bill:
        put(client)
        put(client, kind="k", when="1")
        put(client, kind="k", when="1", size=200)
        put(client, kind="k", when="2")
        client.delete_item(TableName=TABLE, Key={"pk": {"S": "a"}})
    assert [call.index_units for call in bill.calls] == [0, 1, 0, 2, 1]


@pytest.mark.parametrize(("strong", "units"), [(True, 2), (False, 1)])
def test_a_get_costs_a_unit_per_four_kilobytes_and_half_when_eventual(client, meter, strong, units):
    put(client, size=4097)
    with meter.counting() as bill:
        client.get_item(TableName=TABLE, Key={"pk": {"S": "a"}}, ConsistentRead=strong)
    assert bill.read_units == units


def test_what_is_not_there_costs_one_unit(client, meter):
    with meter.counting() as bill:
        client.get_item(TableName=TABLE, Key={"pk": {"S": "a"}}, ConsistentRead=True)
        client.query(
            TableName=TABLE,
            ConsistentRead=True,
            KeyConditionExpression="pk = :a",
            ExpressionAttributeValues={":a": {"S": "a"}},
        )
    assert [call.read_units for call in bill.calls] == [1, 1]


def test_a_batch_is_billed_item_by_item_and_a_query_as_a_whole(client, meter):
    keys = [{"pk": {"S": pk}} for pk in "abc"]
    for pk in "ab":
        put(client, pk=pk, kind="k", when=pk)
    with meter.counting() as bill:
        client.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
        client.query(
            TableName=TABLE,
            IndexName=INDEX,
            KeyConditionExpression="kind = :k",
            ExpressionAttributeValues={":k": {"S": "k"}},
        )
    assert [call.read_units for call in bill.calls] == [3, 0.5]


def test_a_request_that_the_client_sends_again_is_counted_again(client, meter):
    class Body:
        def stream(self):
            return [b"{}"]

    failures = iter([AWSResponse("", 500, {}, Body())])
    client.meta.events.register_last("before-send.dynamodb", lambda **_: next(failures, None))
    with meter.counting() as bill:
        client.get_item(TableName=TABLE, Key={"pk": {"S": "a"}})
    assert (bill.database, bill.sent, bill.retries) == (1, 2, 1)


def test_what_the_meter_reads_itself_is_not_counted(client, meter):
    with meter.counting() as bill:
        put(client)
        put(client)
    assert (bill.sent, bill.database, bill.reads) == (2, 2, 0)
