"""The log's table behind the adapter's back: items in wire form, as a stranger may change them."""

from __future__ import annotations

from typing import Any

from chalicelib.domain.ids import Stream
from infra.local.aws import client

Item = dict[str, dict[str, Any]]


class RawLog:
    """Reads, puts and deletes items of the log's table."""

    def __init__(self, table: str) -> None:
        self.table = table

    def items(self, stream: Stream) -> list[Item]:
        """Return a stream's items in order."""
        answer = client("dynamodb").query(
            TableName=self.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": stream.key}},
        )
        found: list[Item] = answer["Items"]
        return found

    def put(self, item: Item) -> None:
        client("dynamodb").put_item(TableName=self.table, Item=item)

    def delete(self, item: Item) -> None:
        key = {"pk": item["pk"], "sk": item["sk"]}
        client("dynamodb").delete_item(TableName=self.table, Key=key)
