"""What each Lambda function may do: one role per function, each action and each ARN written down.

`tests/deploy/test_rights.py` records the calls that every function makes, and compares them with
this both ways: a call without a statement fails, and so does a statement without a call.

Chalice adds nothing to it (`autogen_policy: false`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.config import bedrock_model
from infra.deploy import functions
from infra.deploy.functions import API_STAGE
from infra.deploy.stage import Stage

Statement = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the functions run on.

    `names` is what the stacks put out, as environment variables (`LOG_TABLE`, `LOG_STREAM_ARN`);
    of the graph's stack `GRAPH_RESOURCE_ID`, which is not the cluster's name, and `GRAPH_SUBNETS`.
    `sockets` is the id of the websocket API.
    """

    stage: Stage
    names: Mapping[str, str]
    sockets: str


@dataclass(frozen=True, slots=True)
class Grant:
    """Actions on resources, which are ARNs with names in braces (`_names` fills them in)."""

    sid: str
    actions: tuple[str, ...]
    on: tuple[str, ...]


def _dynamodb(sid: str, actions: str, *on: str) -> Grant:
    return Grant(sid, tuple(f"dynamodb:{action}" for action in actions.split()), on)


_LOG: Final = "{dynamodb}:table/{LOG_TABLE}"
_VIEWS: Final = "{dynamodb}:table/{VIEWS_TABLE}"
_JOBS: Final = "{dynamodb}:table/{JOBS_TABLE}"
_CONNECTIONS: Final = "{dynamodb}:table/{CONNECTIONS_TABLE}"
_IDEMPOTENCY: Final = "{dynamodb}:table/{IDEMPOTENCY_TABLE}"
_CONTENT: Final = "{s3}:{CONTENT_BUCKET}"
_HEADS: Final = "{s3}:{HEADS_BUCKET}"

# Bytes are stored under their checksum, `<workspace>/<sha256>`; what the steps of a job led to
# under `<workspace>/jobs/…`. The pattern of the first cannot be told from that of the second.
_READ_CONTENT: Final = Grant("ReadContent", ("s3:GetObject",), (f"{_CONTENT}/*",))
_WRITE_CONTENT: Final = Grant("WriteContent", ("s3:PutObject",), (f"{_CONTENT}/*",))
_OUTCOMES: Final = Grant("WriteOutcomes", ("s3:PutObject",), (f"{_CONTENT}/*/jobs/*",))
# Without it S3 answers 403, not 404, where an object is not there.
_MISS_CONTENT: Final = Grant("MissContent", ("s3:ListBucket",), (_CONTENT,))

_POST: Final = Grant(
    "PostFrames",
    ("execute-api:ManageConnections",),
    ("{execute-api}:{sockets}/{api_stage}/POST/@connections/*",),
)
_HANG_UP: Final = Grant(
    "HangUp",
    ("execute-api:ManageConnections",),
    ("{execute-api}:{sockets}/{api_stage}/DELETE/@connections/*",),
)

# A reader that finds a view far behind brings it up to date: so readers write views, too.
_VIEWS_OF_READER: Final = _dynamodb(
    "Views", "GetItem BatchGetItem Query PutItem DeleteItem", _VIEWS
)

_ASK_GRAPH: Final = Grant(
    "AskGraph", ("neptune-db:ReadDataViaQuery",), ("{neptune-db}:{GRAPH_RESOURCE_ID}/database",)
)
_WRITE_GRAPH: Final = Grant(
    "WriteGraph",
    (
        "neptune-db:ReadDataViaQuery",
        "neptune-db:WriteDataViaQuery",
        "neptune-db:DeleteDataViaQuery",
    ),
    ("{neptune-db}:{GRAPH_RESOURCE_ID}/database",),
)


def _send(*queues: str) -> Grant:
    return Grant("SendJobs", ("sqs:SendMessage",), tuple(f"{{{queue}}}" for queue in queues))


def _stream(output: str, table: str) -> tuple[Grant, ...]:
    """Return what Lambda needs to read a stream for a function, and to set records aside."""
    actions = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
    return (
        Grant("ReadStream", actions, (f"{{{output}}}",)),
        Grant("ListStreams", ("dynamodb:ListStreams",), (f"{table}/stream/*",)),
        Grant("SetAside", ("sqs:SendMessage",), ("{STREAM_FAILURE_QUEUE_ARN}",)),
    )


def _queue(output: str) -> Grant:
    """Return what Lambda needs to take messages for a function."""
    actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    return Grant("TakeJobs", actions, (f"{{{output}}}",))


_HEADS_KEY: Final = Grant("HeadsKey", ("ssm:GetParameter",), ("{ssm}:parameter{heads_key}",))

_READ_VIEWS: Final = _dynamodb("Views", "GetItem BatchGetItem Query Scan", _VIEWS)
_REBUILD_VIEWS: Final = (
    _dynamodb("Log", "Query Scan", _LOG),
    _dynamodb("Views", "GetItem BatchGetItem Query Scan PutItem DeleteItem", _VIEWS),
)
_VERIFY: Final = (
    _READ_CONTENT,
    _MISS_CONTENT,
    Grant("Lists", ("s3:GetObject",), (f"{_HEADS}/*",)),
    Grant("NamesOfLists", ("s3:ListBucket",), (_HEADS,)),
    _HEADS_KEY,
    _WRITE_GRAPH,
)

FUNCTIONS: Final[Mapping[str, tuple[Grant, ...]]] = {
    "api_handler": (
        _dynamodb("Log", "PutItem Query BatchGetItem", _LOG),
        _VIEWS_OF_READER,
        _dynamodb("Changed", "Query", f"{_VIEWS}/index/changed"),
        _dynamodb("Idempotency", "PutItem UpdateItem DeleteItem", _IDEMPOTENCY),
        _dynamodb("Jobs", "GetItem BatchGetItem Query PutItem", _JOBS),
        _dynamodb("OpenJobs", "Query", f"{_JOBS}/index/open"),
        # Tickets, and the places of event streams that wait.
        _dynamodb("Tickets", "GetItem Query PutItem DeleteItem", _CONNECTIONS),
        _READ_CONTENT,
        _WRITE_CONTENT,
        _MISS_CONTENT,
        _send("JOBS_QUEUE_ARN", "SLOW_JOBS_QUEUE_ARN"),
        Grant("CountDead", ("sqs:GetQueueAttributes",), ("{sqs}:{dead_letters}",)),
        _ASK_GRAPH,
    ),
    "view_materializer": (
        *_stream("LOG_STREAM_ARN", _LOG),
        _dynamodb("Log", "Query", _LOG),
        _dynamodb("Views", "GetItem BatchGetItem PutItem DeleteItem", _VIEWS),
    ),
    "reconcile": (
        _dynamodb("Log", "Query Scan DescribeTable", _LOG),
        _dynamodb("Views", "GetItem BatchGetItem Query PutItem DeleteItem BatchWriteItem", _VIEWS),
        _WRITE_GRAPH,
    ),
    "witness_heads": (
        _dynamodb("Views", "BatchGetItem", _VIEWS),
        _dynamodb("Changed", "Scan", f"{_VIEWS}/index/changed"),
        Grant("Lists", ("s3:GetObject", "s3:PutObject"), (f"{_HEADS}/*",)),
        Grant("NamesOfLists", ("s3:ListBucket",), (_HEADS,)),
        _HEADS_KEY,
    ),
    "rebuild_views": _REBUILD_VIEWS,
    "rebuild_graph": (
        _dynamodb("Log", "Query Scan", _LOG),
        _dynamodb("Park", "PutItem", _VIEWS),
        _WRITE_GRAPH,
    ),
    "verify": (*_VERIFY, _dynamodb("Log", "Query Scan", _LOG), _READ_VIEWS),
    "recover": (*_REBUILD_VIEWS, *_VERIFY),
    "graph_projector": (
        *_stream("LOG_STREAM_ARN", _LOG),
        _dynamodb("Log", "Query", _LOG),
        _dynamodb("Park", "PutItem", _VIEWS),
        _WRITE_GRAPH,
    ),
    "mend_graph": (
        _dynamodb("Log", "Query Scan", _LOG),
        _dynamodb("Parked", "Query PutItem DeleteItem", _VIEWS),
        _WRITE_GRAPH,
    ),
    "websocket_connect": (_dynamodb("Connections", "GetItem PutItem DeleteItem", _CONNECTIONS),),
    "websocket_message": (
        _dynamodb("Connections", "GetItem Query PutItem DeleteItem", _CONNECTIONS),
        _dynamodb("Log", "Query", _LOG),
        _dynamodb("Views", "GetItem", _VIEWS),
        _dynamodb("Jobs", "GetItem", _JOBS),
        _POST,
        _HANG_UP,
    ),
    "websocket_disconnect": (_dynamodb("Connections", "Query DeleteItem", _CONNECTIONS),),
    "pusher": (
        *_stream("VIEWS_STREAM_ARN", _VIEWS),
        _dynamodb("Connections", "GetItem Query PutItem DeleteItem", _CONNECTIONS),
        _dynamodb("Log", "Query", _LOG),
        _POST,
    ),
    "job_pusher": (
        *_stream("JOBS_STREAM_ARN", _JOBS),
        _dynamodb("Connections", "Query DeleteItem", _CONNECTIONS),
        _dynamodb("Jobs", "GetItem", _JOBS),
        _POST,
    ),
    "push_sweep": (
        _dynamodb("Connections", "Query DeleteItem", _CONNECTIONS),
        _dynamodb("Log", "Query", _LOG),
        _dynamodb("Views", "GetItem", _VIEWS),
        _POST,
    ),
    "job_worker": (
        _queue("JOBS_QUEUE_ARN"),
        _dynamodb("Log", "PutItem Query", _LOG),
        _VIEWS_OF_READER,
        _dynamodb("Jobs", "GetItem PutItem", _JOBS),
        _READ_CONTENT,
        _OUTCOMES,
        _MISS_CONTENT,
        _send("JOBS_QUEUE_ARN"),
    ),
    "slow_job_worker": (
        _queue("SLOW_JOBS_QUEUE_ARN"),
        _dynamodb("Log", "PutItem Query", _LOG),
        _VIEWS_OF_READER,
        _dynamodb("Jobs", "GetItem PutItem", _JOBS),
        _READ_CONTENT,
        _WRITE_CONTENT,
        _MISS_CONTENT,
        _send("SLOW_JOBS_QUEUE_ARN"),
    ),
    "sweep_jobs": (
        _dynamodb("Jobs", "BatchGetItem PutItem", _JOBS),
        _dynamodb("OpenJobs", "Query", f"{_JOBS}/index/open"),
        _dynamodb("Log", "Query", _LOG),
        _send("JOBS_QUEUE_ARN", "SLOW_JOBS_QUEUE_ARN"),
    ),
}
"""What each function does by itself. What the deployment adds to it stands in `policy`."""

INFERRING: Final = frozenset({"job_worker", "slow_job_worker"})
"""Those that ask models."""


def policy(function: str, deployment: Deployment) -> dict[str, Any]:
    """Return the IAM policy of a function's role. Raises KeyError for an unknown function."""
    names = _names(deployment)
    group = f"{{logs}}:log-group:/aws/lambda/{deployment.stage.function(function)}:*"
    logs = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
    grants = [Grant("Logs", logs, (group,))]
    grants += [grant for grant in FUNCTIONS[function] if _applies(grant, deployment)]
    if function in INFERRING:
        grants += _models(deployment.stage.inference)
    if deployment.stage.tracing:
        actions = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
        grants.append(Grant("Trace", actions, ("*",)))  # X-Ray knows no narrower resource
    if functions.FUNCTIONS[function].graph and "GRAPH_SUBNETS" in deployment.names:
        grants.append(Grant("StandInNetwork", _INTERFACES, ("*",)))
    statements = [_statement(grant, names) for grant in grants]
    if deployment.stage.kms_key_arn:
        statements.append(_key(deployment.stage.kms_key_arn, deployment.names))
    return {"Version": "2012-10-17", "Statement": statements}


_INTERFACES: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
"""AWS, "Giving Lambda functions access to resources in an Amazon VPC", read 2026-11. Lambda itself
makes the interfaces, with the role of the function; most of these know no narrower resource."""


def _applies(grant: Grant, deployment: Deployment) -> bool:
    """Tell whether there is what it is about: a graph that knows IAM is one of Neptune's."""
    if grant in (_ASK_GRAPH, _WRITE_GRAPH):
        return deployment.stage.has_graph and "GRAPH_RESOURCE_ID" in deployment.names
    return True


def _models(inference: str) -> Iterable[Grant]:
    """Return what the configured inference needs; an inference profile needs its model, too."""
    if inference == "comprehend":
        yield Grant("Entities", ("comprehend:DetectEntities",), ("*",))  # it knows no resources
    model = bedrock_model(inference)
    if not model:
        return
    own, anywhere = "{bedrock}", "arn:{partition}:bedrock:*:"
    on: tuple[str, ...]
    if model.startswith("arn:"):
        on = (model,)
        if ":inference-profile/" in model:
            profile = model.rpartition("/")[2]
            on = (model, f"{anywhere}:foundation-model/{profile.partition('.')[2]}")
    elif model.count(".") > 1 and model.partition(".")[0] in _GEOGRAPHIES:
        base = model.partition(".")[2]
        on = (f"{own}:inference-profile/{model}", f"{anywhere}:foundation-model/{base}")
    else:
        on = (f"arn:{{partition}}:bedrock:{{region}}::foundation-model/{model}",)
    yield Grant("Models", ("bedrock:InvokeModel",), on)


_GEOGRAPHIES: Final = ("us", "us-gov", "eu", "apac", "jp", "au", "ca", "global")
"""What ids of cross-region inference profiles begin with. AWS, "Supported Regions and models for
inference profiles", read 2026-11."""


def _key(arn: str, names: Mapping[str, str]) -> Statement:
    """Return the right to use a key of one's own, through the services that hold our data."""
    _, partition, _, region, *_ = names["LOG_STREAM_ARN"].split(":")
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    services = [f"{service}.{region}.{suffix}" for service in ("dynamodb", "s3", "sqs", "ssm")]
    return {
        "Sid": "Key",
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": [arn],
        "Condition": {"StringEquals": {"kms:ViaService": services}},
    }


def _statement(grant: Grant, names: Callable[[str], str]) -> Statement:
    resources = [names(resource) for resource in grant.on]
    return {
        "Sid": grant.sid,
        "Effect": "Allow",
        "Action": list(grant.actions),
        "Resource": resources,
    }


def _names(deployment: Deployment) -> Callable[[str], str]:
    """Return what fills in the names of an ARN. Where we are stands in the log stream's."""
    _, partition, _, region, account, *_ = deployment.names["LOG_STREAM_ARN"].split(":")
    services = ("dynamodb", "execute-api", "neptune-db", "logs", "bedrock", "sqs", "ssm")
    known = {
        **deployment.names,
        **{each: f"arn:{partition}:{each}:{region}:{account}" for each in services},
        "s3": f"arn:{partition}:s3::",
        "partition": partition,
        "region": region,
        "sockets": deployment.sockets,
        "api_stage": API_STAGE,
        "heads_key": deployment.stage.heads_key,
        "dead_letters": deployment.names["JOBS_DEAD_LETTER_QUEUE_URL"].rpartition("/")[2],
    }
    return lambda template: template.format_map(known)
