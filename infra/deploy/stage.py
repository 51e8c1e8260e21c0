"""A stage: one deployment, isolated from every other. Its settings are a file, or the defaults.

::

    # infra/stages/prod.toml
    production = true
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/…"
    graph = "neptune"
    [tags]
    team = "manuscripts"

`GRAPH=…` and `INFERENCE=…` in the environment win over the file, for a try.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from infra.deploy.errors import DeployError

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "infra" / "stages"
NAME: Final = re.compile(r"[a-z][a-z0-9]{0,15}\Z")
"""A stage, or a prefix, as in the templates. Without a hyphen, so that a name says whose it is: all
that begins with `a-b-` is of the stage `b` of `a`. So short that every name fits."""
PREFIX: Final = "palimpsest"
TAKEN: Final = re.compile(r"aws|ssm|sthree\Z")
"""What AWS keeps: parameters of SSM that begin so, buckets that begin with `sthree-`. AWS,
"PutParameter" and "General purpose bucket naming rules", read 2026-11."""
ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+\Z|\*\Z")
"""As a browser says it in the header Origin; or any."""
NEPTUNE: Final = "neptune"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An identity provider of one's own, instead of the user pool. Names as in `Config`."""

    issuer: str = ""
    audience: str = ""
    jwks_url: str = ""
    algorithms: str = "RS256"
    audience_claim: str = "aud"
    workspace_claim: str = "workspace"
    name_claim: str = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A custom domain of one of the two APIs; its certificate is in ACM, in the same region."""

    name: str
    certificate_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What may differ between stages."""

    name: str
    prefix: str = PREFIX  # what all names begin with, before the stage's
    region: str = ""  # refuse to deploy anywhere else; empty = wherever the credentials point
    account: str = ""  # the same
    production: bool = False  # deletion protection; destroy refuses
    backups: bool = True  # point-in-time recovery of the tables
    kms_key_arn: str = ""  # for tables, buckets, queues, log groups; empty = AWS's own keys
    tags: Mapping[str, str] = field(default_factory=dict)
    graph: str = "none"  # "none", "neptune", or the endpoint of a Gremlin Server
    graph_min_ncu: float = 1.0
    graph_max_ncu: float = 8.0
    inference: str = "rules"
    cors_origins: tuple[str, ...] = ()
    identity: Identity | None = None  # None = the user pool of identity.yaml
    domain: Domain | None = None
    sockets_domain: Domain | None = None
    log_retention_days: int = 30
    alarm_topic_arn: str = ""  # an SNS topic for alarms; empty = one is made
    tracing: bool = False
    # A stream's batch is spread over so many functions, each resource still in order.
    parallelization: int = 2
    requests_per_s: float = 200.0  # throttling of each API; beyond it, 429
    burst: int = 400
    reserved_concurrency: Mapping[str, int] = field(default_factory=dict)  # by function
    environment: Mapping[str, str] = field(default_factory=dict)  # more for every function

    @property
    def has_graph(self) -> bool:
        """Whether there is a graph at all."""
        return self.graph != "none"

    # Names on AWS. The templates make the same ones, of the parameters Prefix and Stage.

    @property
    def full_name(self) -> str:
        """What the names of all that is the stage's begin with: `palimpsest-dev`."""
        return f"{self.prefix}-{self.name}"

    def named(self, what: str) -> str:
        """Return the name of something of the stage: `palimpsest-dev-log`."""
        return f"{self.full_name}-{what}"

    def function(self, name: str) -> str:
        """Return a function's name, as Chalice makes it of its app_name and stage."""
        return self.full_name if name == "api_handler" else self.named(name)

    @property
    def heads_key(self) -> str:
        """The SSM parameter that holds HEADS_KEY."""
        return f"/{self.prefix}/{self.name}/heads-key"


def read(name: str, environ: Mapping[str, str] = os.environ, folder: Path = FOLDER) -> Stage:
    """Return the stage of that name. Raises DeployError."""
    if not NAME.match(name) or name in ("local", "offline"):
        raise DeployError(
            f"STAGE={name!r} cannot be a stage: 1 to 16 of a-z and 0-9, a letter first, "
            "and neither `local` nor `offline`."
        )
    path = folder / f"{name}.toml"
    told: dict[str, Any] = {}
    if path.exists():
        try:
            told = tomllib.loads(path.read_text("utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise DeployError(f"{path.name} is not TOML: {error}.") from error
    stage = _stage(name, told, path.name)
    stage = replace(
        stage,
        graph=environ.get("GRAPH") or stage.graph,
        inference=environ.get("INFERENCE") or stage.inference,
    )
    if extra := environ.get("DEPLOY_ENV"):  # NAME=value NAME=value …
        pairs = extra.split()
        if wrong := [each for each in pairs if "=" not in each]:
            raise DeployError(f"DEPLOY_ENV has {wrong[0]!r}, which is not NAME=value.")
        added = dict(each.split("=", 1) for each in pairs)
        stage = replace(stage, environment={**stage.environment, **added})
    if not NAME.match(stage.prefix) or TAKEN.match(stage.prefix):
        raise DeployError(
            f"{path.name}: prefix = {stage.prefix!r} cannot begin names: 1 to 16 of a-z and 0-9, a "
            "letter first, neither `sthree` nor anything that begins with `aws` or `ssm`."
        )
    if wrong := [each for each in stage.cors_origins if not ORIGIN.match(each)]:
        raise DeployError(
            f"{path.name}: cors_origins has {wrong[0]!r}, which is no origin: https://host, or "
            "https://host:port, and nothing after it."
        )
    if stage.graph not in ("none", NEPTUNE) and not stage.graph.startswith(("ws://", "wss://")):
        raise DeployError(
            f"GRAPH={stage.graph!r} is neither `none`, `neptune`, nor begins with ws:// or wss://."
        )
    return stage


def _stage(name: str, told: dict[str, Any], source: str) -> Stage:
    nested: dict[str, Any] = {"identity": Identity, "domain": Domain, "sockets_domain": Domain}
    known = {each.name: each for each in fields(Stage) if each.name != "name"}
    if unknown := sorted(set(told) - set(known)):
        raise DeployError(f"{source} names what is no setting: {', '.join(unknown)}.")
    values = dict(told)
    try:
        for key, kind in nested.items():
            if key in values:
                values[key] = kind(**values[key])
        if "cors_origins" in values:
            values["cors_origins"] = tuple(values["cors_origins"])
        stage = Stage(name=name, **values)
    except TypeError as error:
        raise DeployError(f"{source}: {error}.") from error
    for key, each in known.items():
        value = getattr(stage, key)
        wrong = (
            (each.type == "bool" and not isinstance(value, bool))
            or (each.type == "int" and (isinstance(value, bool) or not isinstance(value, int)))
            or (each.type == "float" and not isinstance(value, int | float))
            or (each.type == "str" and not isinstance(value, str))
        )
        if wrong:
            raise DeployError(f"{source}: {key} = {value!r} is not of the right type.")
    return stage
