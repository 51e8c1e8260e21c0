"""Which AWS calls a function makes: from the hooks of every botocore client that it makes itself.

A call becomes what IAM would ask for it: an action and an ARN. What goes past botocore (frames for
websockets, the graph) is told to the recorder by the endpoint that the run puts in their place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chalicelib import aws
from infra.local.aws import ACCOUNT, REGION

Need = tuple[str, str]
"""An action and an ARN: ``("dynamodb:Query", "arn:aws:dynamodb:…:table/palimpsest-test-log")``."""


class Recorder:
    """What each function needed, and which services it made clients of."""

    def __init__(self) -> None:
        self.needed: dict[str, set[Need]] = {}
        self.services: set[str] = set()
        self.unattributed: list[str] = []
        self._function: str | None = None
        self._lock = threading.Lock()

    @contextmanager
    def function(self, name: str) -> Iterator[None]:
        """All calls in the block, in any thread, are this function's."""
        assert self._function is None, f"{self._function} runs already"
        self._function = name
        self.needed.setdefault(name, set())
        try:
            yield
        finally:
            self._function = None

    def needs(self, *needs: Need) -> None:
        """The function that runs needs these."""
        with self._lock:
            if self._function is None:
                self.unattributed += [action for action, _ in needs]
            else:
                self.needed[self._function].update(needs)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Record the calls of every client that is made in the block by the product's sessions."""
        import boto3

        sessions = [aws.session(), boto3._get_default_session()._session]
        hooks = {
            "creating-client-class": self._on_client,
            "provide-client-params": self._on_ask,
            "after-call": self._on_answer,
        }
        for session in sessions:
            for event, hook in hooks.items():
                session.register(event, hook, f"recorder-{id(self)}-{event}")
        try:
            yield
        finally:
            for session in sessions:
                for event in hooks:
                    session.unregister(event, unique_id=f"recorder-{id(self)}-{event}")

    def _on_client(self, event_name: str, **_: Any) -> None:
        self.services.add(event_name.partition(".")[2])

    def _on_ask(self, params: Mapping[str, Any], model: Any, context: Any, **_: Any) -> None:
        service = model.service_model.service_name
        needs = list(_needs(service, model.name, params))
        self.needs(*needs)
        if service == "s3" and "Key" in params:
            context["missing"] = ("s3:ListBucket", f"arn:aws:s3:::{params['Bucket']}")

    def _on_answer(self, http_response: Any, context: Any, **_: Any) -> None:
        # Who may not list a bucket is told 403 where an object is not there, and we rely on 404.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, read 2026-11.
        if http_response.status_code == 404 and "missing" in context:
            self.needs(context["missing"])


def _needs(service: str, operation: str, params: Mapping[str, Any]) -> Iterable[Need]:
    match service:
        case "dynamodb" if "RequestItems" in params:
            for table in params["RequestItems"]:
                yield f"dynamodb:{operation}", _table(table)
        case "dynamodb":
            index = params.get("IndexName")
            arn = _table(params["TableName"])
            yield f"dynamodb:{operation}", arn if index is None else f"{arn}/index/{index}"
        case "s3":
            action = {"HeadObject": "GetObject", "HeadBucket": "ListBucket"}.get(
                operation, operation
            )
            action = {"ListObjectsV2": "ListBucket"}.get(action, action)
            key = f"/{params['Key']}" if "Key" in params else ""
            yield f"s3:{action}", f"arn:aws:s3:::{params['Bucket']}{key}"
        case "sqs":
            name = params["QueueUrl"].rpartition("/")[2]
            yield f"sqs:{operation}", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        case "ssm":
            yield f"ssm:{operation}", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{params['Name']}"
        case _:
            yield f"{service}:{operation}", "*"


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
