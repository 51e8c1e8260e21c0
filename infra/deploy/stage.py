"""A stage: one deployment, isolated from every other. Its settings are a file, or the defaults.

::

    # infra/stages/prod.toml
    production = true
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/…"
    graph = "neptune"
    [tags]
    team = "manuscripts"

`GRAPH=…` and `INFERENCE=…` in the environment win over the file, for a try. What cannot be is
refused here, in a sentence that says where it was told, before anything is made.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from infra.deploy import settings, variables
from infra.deploy.errors import DeployError
from infra.deploy.functions import deployed

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "infra" / "stages"
PREFIX: Final = "palimpsest"
NEPTUNE: Final = settings.NEPTUNE


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An identity provider of one's own, instead of the user pool. Names as in `Config`."""

    issuer: str
    audience: str
    jwks_url: str
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
    if not settings.NAME.match(name) or name in ("local", "offline"):
        raise DeployError(
            f"STAGE={name!r} cannot be a stage: 1 to 16 of a-z and 0-9, a letter first, "
            "and neither `local` nor `offline`."
        )
    path = folder / f"{name}.toml"
    told: dict[str, Any] = {}
    if path.exists():
        try:
            told = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DeployError(f"{path.name} is not TOML: {error}.") from error
    filed = _stage(name, told, path.name)
    stage = _with_environment(filed, environ)
    _fits(stage, filed, path.name, emulated=bool(environ.get("AWS_ENDPOINT_URL")))
    return stage


def _stage(name: str, told: Mapping[str, Any], source: str) -> Stage:
    known = {each.name for each in fields(Stage)} - {"name"}
    if unknown := sorted(set(told) - known):
        raise DeployError(f"{source} names what is no setting: {', '.join(unknown)}.")
    values = dict(told)
    for key, value in told.items():
        if key in _TABLES:
            values[key] = _table(key, value, source)
            continue
        with _refused(f"{source}: {key} = {value!r}"):
            settings.check(key, value)
    values["cors_origins"] = tuple(values.get("cors_origins", ()))
    return Stage(name=name, **values)


_TABLES: Final[Mapping[str, type]] = {
    **{"identity": Identity, "domain": Domain, "sockets_domain": Domain},
    **{"tags": dict, "reserved_concurrency": dict, "environment": dict},
}


def _table(key: str, told: Any, source: str) -> Any:
    """Return what stands under `[key]`, made into what it is there."""
    if not isinstance(told, dict):
        raise DeployError(
            f"{source}: {key} = {told!r} must be a table: [{key}], and below it name = value."
        )
    kind = _TABLES[key]
    if kind is not dict:
        known = {each.name: each.default is MISSING for each in fields(kind)}
        unknown = sorted(set(told) - set(known))
        missing = [name for name, needed in known.items() if needed and name not in told]
        faults = [
            *([f"names what is no setting: {', '.join(unknown)}"] if unknown else ()),
            *([f"lacks {', '.join(missing)}"] if missing else ()),
        ]
        if faults:
            raise DeployError(
                f"{source}: [{key}] {', and '.join(faults)}; there are {', '.join(known)}."
            )
    for name, value in told.items():
        with _refused(f"{source}: [{key}] {name} = {value!r}"):
            settings.entry(key, name, value)
    return kind(**told)


def _with_environment(stage: Stage, environ: Mapping[str, str]) -> Stage:
    """Return the stage with what the environment says instead, or besides."""
    for key in ("graph", "inference"):
        if value := environ.get(key.upper()):
            with _refused(f"{key.upper()}={value!r}"):
                settings.check(key, value)
            changed: dict[str, Any] = {key: value}
            stage = replace(stage, **changed)
    pairs = environ.get("DEPLOY_ENV", "").split()  # NAME=value NAME=value …
    if wrong := [each for each in pairs if "=" not in each]:
        raise DeployError(f"DEPLOY_ENV has {wrong[0]!r}, which is not NAME=value.")
    added = dict(each.split("=", 1) for each in pairs)
    for name, value in added.items():
        with _refused(f"DEPLOY_ENV: {name}={value!r}"):
            variables.check(name, value)
    return replace(stage, environment={**stage.environment, **added})


def _fits(stage: Stage, filed: Stage, source: str, *, emulated: bool) -> None:
    """Look at what each setting allows the others. `filed` is the stage without the environment."""
    if stage.graph_min_ncu > stage.graph_max_ncu:
        raise DeployError(
            f"{source}: graph_min_ncu = {stage.graph_min_ncu:g} must not be above "
            f"graph_max_ncu = {stage.graph_max_ncu:g}."
        )
    # GRAPH=none, for a try, does not make a line wrong that was right.
    functions = deployed(stage.has_graph or filed.has_graph)
    for name, reserved in stage.reserved_concurrency.items():
        if name not in functions:
            raise DeployError(
                f"{source}: [reserved_concurrency] {name} = {reserved} must be of a function of "
                f"this stage, which has no graph: {', '.join(functions)}."
            )
    if stage.graph == NEPTUNE and (reader := stage.environment.get("GRAPH_READER")) is not None:
        filed_so = filed.environment.get("GRAPH_READER") == reader
        raise DeployError(
            f"{f'{source}: [environment]' if filed_so else 'DEPLOY_ENV:'} GRAPH_READER={reader!r} "
            "must not be set beside Neptune, whose reader the deployment sets itself."
        )
    if stage.identity is not None and not emulated:
        for key in ("issuer", "jwks_url"):
            if not (url := getattr(stage.identity, key)).startswith("https://"):
                raise DeployError(
                    f"{source}: [identity] {key} = {url!r} must begin with https://; http:// is "
                    "for an emulator, when AWS_ENDPOINT_URL is set."
                )


@contextmanager
def _refused(where: str) -> Iterator[None]:
    """Tell what a check says of the value that stood there."""
    try:
        yield
    except ValueError as error:
        raise DeployError(f"{where} {error}.") from error
