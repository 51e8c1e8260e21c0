"""From what boto3 returns to what Lambda passes: the same JSON, bytes and times in its form."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from infra.local.aws import ACCOUNT, REGION

Event = dict[str, Any]


def stream_event(records: Sequence[Any], stream_arn: str) -> Event:
    """Return the event of a batch of stream records.

    ::

        {"Records": [{"eventID": "…", "eventName": "INSERT", "eventVersion": "1.1",
         "eventSource": "aws:dynamodb", "eventSourceARN": "arn:…", "awsRegion": "us-east-1",
         "dynamodb": {"Keys": {"pk": {"S": "…"}, …}, "SequenceNumber": "1100…",
                      "ApproximateCreationDateTime": 1795430339.0, …}}]}
    """
    return _plain_event(
        {"Records": [{**r, "eventVersion": "1.1", "eventSourceARN": stream_arn} for r in records]}
    )


def queue_event(messages: Sequence[Any], queue_arn: str) -> Event:
    """Return the event of a batch of SQS messages."""
    return _plain_event(
        {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message.get("Attributes", {}),
                    "messageAttributes": {
                        name: {
                            "stringValue": value.get("StringValue"),
                            "binaryValue": value.get("BinaryValue"),
                            "stringListValues": [],
                            "binaryListValues": [],
                            "dataType": value["DataType"],
                        }
                        for name, value in message.get("MessageAttributes", {}).items()
                    },
                    "md5OfBody": message["MD5OfBody"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": queue_arn,
                    "awsRegion": REGION,
                }
                for message in messages
            ]
        }
    )


def schedule_event(name: str, at: datetime) -> Event:
    """Return the event of a tick of the clock."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{name}"],
        "detail": {},
    }


def _plain_event(event: Event) -> Event:
    made: Event = plain(event)
    return made


def plain(value: Any) -> Any:
    """Return a copy of `value` that is JSON only: bytes as base64, times as seconds."""
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.timestamp()
        case bytes():
            return base64.b64encode(value).decode()
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"{type(value)} has no JSON form")
