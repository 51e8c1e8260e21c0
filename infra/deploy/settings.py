"""What a stage's settings may be. Each is looked at by itself, before anything is made.

A check raises ValueError; its message goes on where the setting and its value were told:
`prod.toml: burst = 0` *must be a whole number, 1 or more*.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from infra.deploy import variables
from infra.deploy.functions import FUNCTIONS

NEPTUNE: Final = "neptune"
NAME: Final = re.compile(r"[a-z][a-z0-9]{0,15}\Z")
"""A stage, or a prefix, as in the templates. Without a hyphen, so that a name says whose it is: all
that begins with `a-b-` is of the stage `b` of `a`. So short that every name fits."""
TAKEN: Final = re.compile(r"aws|ssm|sthree\Z")
"""What AWS keeps: parameters of SSM that begin so, buckets that begin with `sthree-`. AWS,
"PutParameter" and "General purpose bucket naming rules", read 2026-11."""
ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+\Z|\*\Z")
"""As a browser says it in the header Origin; or any."""
URL: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/\S*)?\Z")
URI: Final = re.compile(rf"{URL.pattern}|(?!https?:)[a-z][a-z0-9+.-]*:\S+\Z")
HOST: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z")
REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}\Z")
"""As in botocore's partitions.json, 2026-11: `eu-central-1`, `us-gov-west-1`, `eusc-de-east-1`."""
ARN: Final = r"arn:aws[a-z-]*:{service}:[a-z0-9-]+:[0-9]{{12}}:{resource}\Z"
DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192),
    *(2557, 2922, 3288, 3653),
)
"""All that CloudWatch takes: "PutRetentionPolicy", botocore's model of `logs`, read 2026-11."""
READERS: Final = 10
"""Most functions at once on a shard: `ParallelizationFactor`, botocore's model, read 2026-11."""
LEAST_NCU: Final = 1.0
LEAST_MOST_NCU: Final = 2.5
MOST_NCU: Final = 128.0
"""In steps of 0.5; the upper limit begins higher. CloudFormation,
"AWS::Neptune::DBCluster ServerlessScalingConfiguration", read 2026-11."""

# AWS, "Tag naming limits and requirements", read 2026-11. CloudFormation takes no empty value.
TAG_NAME_CHARS: Final = 128
TAG_VALUE_CHARS: Final = 256
TAG_SIGNS: Final = "_.:/=+-@"
TAGGED: Final = ("app", "stage", "aws-chalice")
"""Ours, and Chalice's. In any case of letters: IAM takes `Stage` and `stage` for one."""

Check = Callable[[Any], object]


def check(setting: str, value: Any) -> None:
    """Look at a setting, `burst` or `domain.name`. Raises ValueError."""
    _CHECKS[setting](value)


def entry(table: str, name: str, value: Any) -> None:
    """Look at a line of a table, whether its names are settings or one's own. Raises ValueError."""
    if table in _TABLES:
        _TABLES[table](name, value)
    else:
        check(f"{table}.{name}", value)


def _tag(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")
    if name.lower() in TAGGED:
        raise ValueError(f"must not be set: {', '.join(TAGGED)} are tags that a deploy sets")
    if name.lower().startswith("aws:") or value.lower().startswith("aws:"):
        raise ValueError("must not begin with `aws:`, which AWS keeps")
    for what, text, most in (("name", name, TAG_NAME_CHARS), ("value", value, TAG_VALUE_CHARS)):
        if not 1 <= len(text) <= most or not all(map(_tags_take, text)):
            raise ValueError(
                f"must have a {what} of 1 to {most} letters, digits, spaces and {TAG_SIGNS}"
            )


def _tags_take(sign: str) -> bool:
    r"""Tell whether a tag may hold a character: `[\p{L}\p{Z}\p{N}_.:/=+\-@]`."""
    return sign in TAG_SIGNS or unicodedata.category(sign)[0] in "LZN"


def _reservation(name: str, value: Any) -> None:
    if name not in FUNCTIONS:
        raise ValueError(f"must be of a function: {', '.join(FUNCTIONS)}")
    if not _is_whole(value) or value < 0:
        raise ValueError("must be a whole number, 0 or more; 0 stops the function")


def _truth(value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")


def _text(value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text in quotes, and not empty")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _rate(value: Any) -> None:
    if not _is_number(value) or value <= 0:
        raise ValueError("must be a number above 0")


def _burst(value: Any) -> None:
    if not _is_whole(value) or value < 1:
        raise ValueError("must be a whole number, 1 or more")


def _readers(value: Any) -> None:
    if not _is_whole(value) or not 1 <= value <= READERS:
        raise ValueError(f"must be a whole number from 1 to {READERS}")


def _days(value: Any) -> None:
    if not _is_whole(value) or value not in DAYS:
        raise ValueError(f"must be one of {', '.join(map(str, DAYS))}, which CloudWatch takes")


def _ncu(least: float) -> Check:
    def check(value: Any) -> None:
        if not _is_number(value) or not least <= value <= MOST_NCU or value * 2 % 1:
            raise ValueError(f"must be from {least:g} to {MOST_NCU:g} in steps of 0.5")

    return check


def _like(form: re.Pattern[str], what: str) -> Check:
    """Return the check of a text that may also be empty, which is as if it were not set."""

    def check(value: Any) -> None:
        if not isinstance(value, str) or (value and not form.match(value)):
            raise ValueError(f"must be {what}")

    return check


def _arn(service: str, resource: str, what: str, example: str) -> Check:
    form = re.compile(ARN.format(service=service, resource=resource))
    told = f"the ARN of {what}, arn:aws:{service}:<region>:<account>:{example}"
    return _like(form, told)


def _required(check: Check) -> Check:
    def both(value: Any) -> None:
        _text(value)
        check(value)

    return both


def _account(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes: a number loses the zeros that it begins with")
    if value and not re.fullmatch("[0-9]{12}", value):
        raise ValueError("must be 12 digits")


def _prefix(value: Any) -> None:
    if not isinstance(value, str) or not NAME.match(value) or TAKEN.match(value):
        raise ValueError(
            "cannot begin names: 1 to 16 of a-z and 0-9, a letter first, neither `sthree` nor "
            "anything that begins with `aws` or `ssm`"
        )


def _graph(value: Any) -> None:
    if value == NEPTUNE:
        return
    try:
        _text(value)
        variables.parsed("GRAPH", value)
    except ValueError as error:
        raise ValueError(f"must be `none`, `{NEPTUNE}`, or begin with ws:// or wss://") from error


def _inference(value: Any) -> None:
    from chalicelib.inference import chosen

    try:
        _text(value)
        variables.parsed("INFERENCE", value)
        chosen(value)
    except ValueError as error:
        raise ValueError(
            "must be `rules`, `comprehend`, `bedrock:<model id>` or `bedrock-tool:<model id>`"
        ) from error


def _origins(value: Any) -> None:
    if not isinstance(value, list):
        raise ValueError('must be a list of origins: ["https://host"]')
    for each in value:
        if not isinstance(each, str) or not ORIGIN.match(each):
            raise ValueError(
                f"has {each!r}, which is no origin: https://host, or https://host:port, and "
                "nothing after it"
            )


_CERTIFICATE: Final = _required(
    _arn("acm", "certificate/[A-Za-z0-9-]+", "a certificate in ACM", "certificate/<id>")
)
_DOMAIN: Final = _required(_like(HOST, "the name of a host in small letters, api.example.org"))
_URL: Final = _required(_like(URL, "an address, https://host/path"))
_CHECKS: Final[Mapping[str, Check]] = {
    "prefix": _prefix,
    "region": _like(REGION, "a region, as eu-central-1"),
    "account": _account,
    "production": _truth,
    "backups": _truth,
    "kms_key_arn": _arn("kms", "key/[A-Za-z0-9-]+", "a key in KMS, not an alias", "key/<id>"),
    "graph": _graph,
    "graph_min_ncu": _ncu(LEAST_NCU),
    "graph_max_ncu": _ncu(LEAST_MOST_NCU),
    "inference": _inference,
    "cors_origins": _origins,
    "log_retention_days": _days,
    "alarm_topic_arn": _arn("sns", "[A-Za-z0-9_-]{1,256}", "a topic in SNS", "<name>"),
    "tracing": _truth,
    "parallelization": _readers,
    "requests_per_s": _rate,
    "burst": _burst,
    "identity.issuer": _required(_like(URI, "what `iss` says, https://host/path")),
    "identity.audience": _text,
    "identity.jwks_url": _URL,
    "identity.algorithms": _text,
    "identity.audience_claim": _text,
    "identity.workspace_claim": _text,
    "identity.name_claim": _text,
    "domain.name": _DOMAIN,
    "domain.certificate_arn": _CERTIFICATE,
    "sockets_domain.name": _DOMAIN,
    "sockets_domain.certificate_arn": _CERTIFICATE,
}
_TABLES: Final[Mapping[str, Callable[[str, Any], None]]] = {
    "tags": _tag,
    "reserved_concurrency": _reservation,
    "environment": variables.check,
}
