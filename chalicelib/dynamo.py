"""What the layers on DynamoDB share: the tables as PynamoDB models, sizes, units, errors.

PynamoDB (and botocore below it) is imported when `Tables` is made, not before: importing the app
stays cheap. Both models speak through one connection, so there is one client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from chalicelib import aws
from chalicelib.errors import Unavailable

MAX_ITEM_BYTES: Final = 400 * 1024
"""An item with its attribute names. AWS, "Quotas in Amazon DynamoDB", read 2026-11."""
WRITE_UNIT_BYTES: Final = 1024
"""AWS, "Read/write capacity", read 2026-11."""
MAX_BATCH_GET: Final = 100
"""Keys in one BatchGetItem. AWS, "Quotas in Amazon DynamoDB", read 2026-11."""

CONNECT_TIMEOUT_S: Final = 1.0
READ_TIMEOUT_S: Final = 3.0
MAX_RETRIES: Final = 3


class Tables:
    """The tables `log` (`commits`), `views` (`items`) and `jobs` as PynamoDB models.

    They speak over one connection, whose client is made here.
    """

    def __init__(
        self, log_table: str, views_table: str, jobs_table: str = "", region: str | None = None
    ) -> None:
        self.commits = _commit_model(log_table, region)
        self.items = _item_model(views_table, region)
        self.jobs = _job_model(jobs_table, region)
        shared = self.commits._get_connection()
        for model in (self.items, self.jobs):
            other = model._get_connection()
            shared.connection.add_meta_table(other.get_meta_table())
            other.connection = shared.connection
        aws.make_client(shared.connection)

    @property
    def connection(self) -> Any:
        """Return PynamoDB's low-level connection, for what its models cannot say."""
        return self.commits._get_connection().connection


def _meta(table: str, region: str | None) -> type:
    return type(
        "Meta",
        (),
        {
            "table_name": table,
            "region": region,
            "connect_timeout_seconds": CONNECT_TIMEOUT_S,
            "read_timeout_seconds": READ_TIMEOUT_S,
            "max_retry_attempts": MAX_RETRIES,
            "max_pool_connections": 32,
        },
    )


def _commit_model(table: str, region: str | None) -> Any:
    from pynamodb.attributes import (
        BinaryAttribute,
        MapAttribute,
        NumberAttribute,
        UnicodeAttribute,
    )
    from pynamodb.exceptions import AttributeDeserializationError
    from pynamodb.models import Model

    class ActorMap(MapAttribute):  # type: ignore[misc]
        id = UnicodeAttribute()
        type = UnicodeAttribute()
        name = UnicodeAttribute()

    class CommitItem(Model):  # type: ignore[misc]
        """One commit. See docs/event-store.md for each attribute."""

        Meta = _meta(table, region)
        pk = UnicodeAttribute(hash_key=True)
        sk = NumberAttribute(range_key=True)
        count = NumberAttribute()
        id = UnicodeAttribute()
        key = UnicodeAttribute(null=True)
        body = BinaryAttribute(legacy_encoding=False)
        encoding = UnicodeAttribute()
        previous = BinaryAttribute(null=True, legacy_encoding=False)
        hash = BinaryAttribute(legacy_encoding=False)
        at = UnicodeAttribute()
        actor = ActorMap()
        correlation = UnicodeAttribute()

        fault: str | None = None

        @classmethod
        def from_raw_data(cls, data: dict[str, Any]) -> Any:
            """Read an item. One of other types keeps its key alone, and `fault` says why.

            So the log can name the version that cannot be read, and `verify` can go on after it.
            """
            try:
                return super().from_raw_data(data)
            except (AttributeDeserializationError, TypeError, ValueError) as error:
                item = super().from_raw_data({name: data[name] for name in ("pk", "sk")})
                item.fault = str(error)
                return item

    return CommitItem


def _item_model(table: str, region: str | None) -> Any:
    from pynamodb.attributes import (
        BinaryAttribute,
        BooleanAttribute,
        NumberAttribute,
        UnicodeAttribute,
    )
    from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
    from pynamodb.models import Model

    class Changed(GlobalSecondaryIndex):  # type: ignore[misc]
        class Meta:
            index_name = "changed"
            projection = KeysOnlyProjection()

        workspace = UnicodeAttribute(hash_key=True)
        applied = UnicodeAttribute(range_key=True)

    class ViewItem(Model):  # type: ignore[misc]
        """Any item of the views; `sk` says which. See docs/views.md for each shape."""

        Meta = _meta(table, region)
        pk = UnicodeAttribute(hash_key=True)
        sk = UnicodeAttribute(range_key=True)
        version = NumberAttribute(null=True)
        hash = BinaryAttribute(null=True, legacy_encoding=False)
        generation = NumberAttribute(null=True)
        body = UnicodeAttribute(null=True)
        at = UnicodeAttribute(null=True)
        applied = UnicodeAttribute(null=True)
        workspace = UnicodeAttribute(null=True)
        motivation = UnicodeAttribute(null=True)
        removed = BooleanAttribute(null=True)
        detail = UnicodeAttribute(null=True)
        expires = NumberAttribute(null=True)
        changed = Changed()

    return ViewItem


def _job_model(table: str, region: str | None) -> Any:
    from pynamodb.attributes import NumberAttribute, UnicodeAttribute
    from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
    from pynamodb.models import Model

    class Open(GlobalSecondaryIndex):  # type: ignore[misc]
        class Meta:
            index_name = "open"
            projection = KeysOnlyProjection()

        open = UnicodeAttribute(hash_key=True)
        due = UnicodeAttribute(range_key=True)

    class JobItem(Model):  # type: ignore[misc]
        """A job, or an entry in a list of jobs. See docs/jobs.md for each attribute."""

        Meta = _meta(table, region)
        pk = UnicodeAttribute(hash_key=True)
        sk = UnicodeAttribute(range_key=True)
        version = NumberAttribute(null=True)
        state = UnicodeAttribute(null=True)
        body = UnicodeAttribute(null=True)
        open = UnicodeAttribute(null=True)
        due = UnicodeAttribute(null=True)
        expires = NumberAttribute(null=True)
        opened = Open()

    return JobItem


def item_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Return an item's size as DynamoDB counts it, from the wire form ``{"pk": {"S": "…"}}``.

    Names and strings in UTF-8, binaries as they are, a number about one byte for two digits and
    one more, a map three bytes and one for each member. AWS, "DynamoDB item sizes", read 2026-11.
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def write_units(size_bytes: int) -> int:
    """Return the write capacity units of one put of that size."""
    return max(1, -(-size_bytes // WRITE_UNIT_BYTES))


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return (len(content.lstrip("-0").replace(".", "")) + 1) // 2 + 1
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + sum(1 for _ in content) + item_bytes(content)
        case "L":
            return 3 + sum(1 + _value_bytes(element) for element in content)
        case _:
            raise ValueError(f"no item of ours holds a {kind}")


def refusals() -> tuple[type[Exception], ...]:
    """Return what is raised for a call that DynamoDB refused: for `except`, which asks when it is.

    So neither library is imported before something has gone wrong.
    """
    from botocore.exceptions import ClientError
    from pynamodb.exceptions import PynamoDBException

    return PynamoDBException, ClientError


def winner(error: BaseException) -> dict[str, Any] | None:
    """Return the item that made a conditional put fail, in wire form; None for other errors.

    PynamoDB keeps the code but drops the item: it stands in the botocore error behind its own.
    """
    seen: BaseException | None = error
    while seen is not None:
        response = getattr(seen, "response", None) or {}
        if isinstance(response.get("Item"), dict):
            item: dict[str, Any] = response["Item"]
            return item
        seen = seen.__cause__ or getattr(seen, "cause", None)
    return None


def refused_by_condition(error: BaseException) -> bool:
    """Tell whether a write's condition did not hold."""
    code = getattr(error, "cause_response_code", None)
    if code is None:
        code = (getattr(error, "response", None) or {}).get("Error", {}).get("Code")
    return bool(code == "ConditionalCheckFailedException")


@contextmanager
def translated(dependency: str) -> Iterator[None]:
    """Turn what PynamoDB and botocore raise into `Unavailable`, but for a refused condition."""
    from botocore.exceptions import BotoCoreError, ClientError
    from pynamodb.exceptions import PynamoDBException

    try:
        yield
    except (PynamoDBException, ClientError, BotoCoreError) as error:
        if refused_by_condition(error):
            raise
        code = getattr(error, "cause_response_code", None) or type(error).__name__
        raise Unavailable(
            f"{dependency} does not answer ({code})", dependency=dependency
        ) from error
