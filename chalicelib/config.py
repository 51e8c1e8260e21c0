"""The only reader of the environment.

`Config.from_env` reads everything at once and raises one error that lists every missing or bad
name. Importing this module reads nothing. The defaults are for values that are the same
everywhere; names of tables, buckets and queues have none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

LOCAL: Final = "local"
SERVICE: Final = "palimpsest"
_DEPLOYING: Final = "AWS_CHALICE_CLI_MODE"  # set by Chalice's command line, in no Lambda


class Misconfigured(Exception):
    """The environment lacks or garbles settings; the message lists every one of them."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.replace(",", " ").split() if word)


def _endpoint(text: str) -> str:
    if text != "none" and not text.startswith(("ws://", "wss://")):
        raise ValueError("must be `none`, or begin with ws:// or wss://")
    return text


def _inference(text: str) -> str:
    if text not in ("rules", "comprehend") and not bedrock_model(text):
        raise ValueError(
            "must be `rules`, `comprehend`, `bedrock:<model id>` or `bedrock-tool:<model id>`"
        )
    return text


def bedrock_model(inference: str) -> str:
    """Return the model on Bedrock that a setting of INFERENCE names; empty where it names none."""
    kind, _, model = inference.partition(":")
    return model if kind in ("bedrock", "bedrock-tool") else ""


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("must be `true` or `false`")
    return text == "true"


def setting(help: str, *, default: Any = ..., parse: Any = str) -> Any:
    """A field of `Config`: its help text, its default (`...` = required) and how to parse it."""
    return field(metadata={"help": help, "default": default, "parse": parse})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting. The environment variable is the field's name in capitals."""

    stage: str = setting(
        "Name of the deployment; `local` leaves the line per request to the gateway",
        default=LOCAL,
    )
    powertools_service_name: str = setting(
        "What logs, metrics and traces call the system; all names of a deployment begin with it",
        default=SERVICE,
    )
    tracing: bool = setting(
        "Whether calls to AWS are traced by X-Ray; it makes starting twice as long",
        default=False,
        parse=_truth,
    )
    log_table: str = setting("DynamoDB table of the log")
    views_table: str = setting("DynamoDB table of the views")
    idempotency_table: str = setting("DynamoDB table of answers kept for Idempotency-Key")
    jobs_table: str = setting("DynamoDB table of jobs", default="")
    connections_table: str = setting("DynamoDB table of who watches what", default="")
    content_bucket: str = setting("S3 bucket of the content")
    jobs_queue_url: str = setting("SQS queue of jobs that take seconds", default="")
    slow_jobs_queue_url: str = setting("SQS queue of jobs that wait for a model", default="")
    jobs_dead_letter_queue_url: str = setting("Where messages go that were given up", default="")
    inference: str = setting(
        "Who finds and writes: `rules`, `comprehend`, `bedrock:<model id>` or `bedrock-tool:…`",
        default="rules",
        parse=_inference,
    )
    heads_bucket: str = setting("S3 bucket of the signed lists of heads", default="")
    heads_key: str = setting(
        "Secret that lists of heads are signed with, 32 characters or more, or `ssm:<name>` of it; "
        "empty = no lists",
        default="",
    )
    public_url: str = setting("Base of every IRI that we hand out, without a trailing slash")
    content_endpoint_url: str = setting(
        "Where presigned content URLs point; empty = S3 itself", default=""
    )
    graph: str = setting(
        "Gremlin endpoint (wss://host:8182/gremlin), or `none`", default="none", parse=_endpoint
    )
    graph_reader: str = setting(
        "Gremlin endpoint for questions; empty = the same", default="", parse=_endpoint
    )
    graph_iam: bool = setting(
        "Whether connections to the graph are signed with the caller's AWS credentials",
        default=False,
        parse=_truth,
    )
    graph_required: bool = setting(
        "Whether nothing can be served without the graph; else the views answer for it",
        default=False,
        parse=_truth,
    )

    jwt_issuer: str = setting("The `iss` that a token must carry")
    jwt_audience: str = setting("The audience that a token must carry")
    jwt_jwks_url: str = setting("Where the issuer's public keys are")
    jwt_algorithms: tuple[str, ...] = setting(
        "Signature algorithms accepted", default=("RS256",), parse=_words
    )
    jwt_audience_claim: str = setting(
        "Claim compared with the audience (Cognito access tokens: client_id)", default="aud"
    )
    jwt_workspace_claim: str = setting("Claim that names the workspace", default="workspace")
    jwt_name_claim: str = setting("Claim that holds the caller's display name", default="name")

    local_user: str = setting(
        "Actor of a request that brings no token, on a loopback address only; empty = refuse",
        default="",
    )
    local_workspace: str = setting("Workspace of the local user", default="demo")

    cors_origins: tuple[str, ...] = setting(
        "Origins whose browsers may call the API", default=(), parse=_words
    )
    view_cache_s: float = setting(
        "Seconds that a view may be kept; it is completed from the log at each use",
        default=300.0,
        parse=float,
    )
    inline_text_bytes: int = setting(
        "Text up to this size stands in the answer, beyond it is a link",
        default=256 * 1024,
        parse=int,
    )
    content_cache_bytes: int = setting(
        "Memory for content kept between requests", default=64 * 1024 * 1024, parse=int
    )
    presigned_s: int = setting("Seconds that a presigned URL lives", default=900, parse=int)

    sse_hold_s: float = setting(
        "Seconds that an event stream waits for its first event, where answers are whole",
        default=20.0,  # API Gateway gives up after 29
        parse=float,
    )
    sse_poll_s: float = setting(
        "Seconds between two looks of a waiting event stream at its views",
        default=1.0,
        parse=float,
    )
    sse_places: int = setting(
        "Event streams that may wait at once, each in a Lambda of its own; others are told 503",
        default=100,
        parse=int,
    )
    sockets_url: str = setting("Where clients open websockets; empty = at PUBLIC_URL", default="")
    sockets_endpoint_url: str = setting(
        "Where frames for websockets are posted to; empty = API Gateway, as each connection tells",
        default="",
    )
    aws_region: str = setting("Region that frames are signed for", default="us-east-1")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Read all settings; raises `Misconfigured` naming every missing or bad one."""
        values: dict[str, Any] = {}
        faults: list[str] = []
        for item in fields(cls):
            name, default = item.name.upper(), item.metadata["default"]
            text = environ.get(name)
            if text is None or text == "":
                if default is ...:
                    faults.append(f"{name} is not set ({item.metadata['help']})")
                else:
                    values[item.name] = default
                continue
            try:
                values[item.name] = item.metadata["parse"](text)
            except ValueError as error:
                faults.append(f"{name}={text!r}: {error}")
        if faults:
            raise Misconfigured("; ".join(faults))
        values["public_url"] = values["public_url"].rstrip("/")
        return cls(**values)


def service() -> str:
    """Return what the system is called: Chalice names the REST API so, when it deploys."""
    return os.environ.get("POWERTOOLS_SERVICE_NAME") or SERVICE


def log_stream_arn() -> str:
    """Return the ARN of the log's stream, which a decorator in `app.py` wants at import.

    Known at deployment, and to the local system. Elsewhere it stands for itself.
    """
    return _at_deployment("LOG_STREAM_ARN", "arn:aws:dynamodb:::table/log/stream/unknown")


def views_stream_arn() -> str:
    """Return the ARN of the views' stream; as `log_stream_arn`."""
    return _at_deployment("VIEWS_STREAM_ARN", "arn:aws:dynamodb:::table/views/stream/unknown")


def jobs_stream_arn() -> str:
    """Return the ARN of the jobs' stream; as `log_stream_arn`."""
    return _at_deployment("JOBS_STREAM_ARN", "arn:aws:dynamodb:::table/jobs/stream/unknown")


def jobs_queue_arn(lane: str) -> str:
    """Return the ARN of the queue of a lane, `quick` or `slow`, as `log_stream_arn` does."""
    name = {"quick": "JOBS_QUEUE_ARN", "slow": "SLOW_JOBS_QUEUE_ARN"}[lane]
    return _at_deployment(name, f"arn:aws:sqs:::{lane}-jobs-unknown")


def deploying() -> bool:
    """Tell whether this is Chalice's command line, which imports `app.py` to see what is there."""
    return _DEPLOYING in os.environ


def public_url() -> str:
    """Return PUBLIC_URL of the stage that is deployed, as `log_stream_arn` does."""
    return _at_deployment("PUBLIC_URL", "https://unknown.invalid")


def cors_origins() -> tuple[str, ...]:
    """Return CORS_ORIGINS of the stage that is deployed."""
    return _words(os.environ.get("CORS_ORIGINS", ""))


def where_there_is_a_graph(register: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return Chalice's decorator; where a stage without a graph is deployed, one that does nothing.

    Without a graph nothing is to read the log for it: neither the function nor its mapping is made.
    """
    if deploying() and os.environ.get("GRAPH", "none") == "none":
        return lambda handler: handler
    return register


def _at_deployment(name: str, otherwise: str) -> str:
    told = os.environ.get(name)
    if told is None and deploying():
        raise SystemExit(
            "This stage is not configured yet: run `make deploy STAGE=<stage>` first, which makes "
            "its tables and queues and writes them into .chalice/config.json."
        )
    return told or otherwise
