"""Renders `.chalice/config.json` and a policy per function, from a stage and what AWS answered.

The same input gives the same bytes, and there is no secret among them: HEADS_KEY says where in SSM
the key is. The stage `offline` is kept in git, so that a change of what functions get, or may do,
is seen in its diff; other stages may be: whoever deploys renders them anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from chalicelib.aws import IN_SSM
from infra.deploy import aws, rights, stacks
from infra.deploy.apis import Apis
from infra.deploy.functions import API_STAGE, FUNCTIONS, deployed
from infra.deploy.stage import NEPTUNE, PREFIX, ROOT, Stage
from infra.local.template import load, variable

FOLDER: Final = ROOT / ".chalice"
POLICIES: Final = "policies"
OFFLINE: Final = "offline"
"""A stage that is never deployed: `chalice package` is tried with it, without an account."""

Json = dict[str, Any]

_UNKNOWN: Final = {
    variable(name): f"arn:aws:offline:::{name}" for name in load(stacks.template("core")).outputs
}
_NOWHERE: Final = Apis("offline", "offline", "https://offline.invalid", "wss://offline.invalid")


def write(
    stage: Stage, names: Mapping[str, str], apis: Apis, key_at: str, folder: Path = FOLDER
) -> Path:
    """Write the configuration and the policies of a stage; other stages' stay as they are.

    But Chalice knows one `app_name`, which begins the names of every stage. So stages of another
    prefix are left out: `chalice deploy` of one would make it once more, under names of this one.
    """
    (folder / POLICIES).mkdir(parents=True, exist_ok=True)
    for name, policy in policies(stage, names, apis).items():
        _put(folder / POLICIES / f"{stage.name}-{name}.json", policy)
    config = folder / "config.json"
    before = json.loads(config.read_text("utf-8")) if config.exists() else {}
    stages = before.get("stages", {})
    if before.get("app_name", stage.prefix) != stage.prefix:
        stages = {name: told for name, told in stages.items() if name == OFFLINE}
    stages = {**stages, stage.name: of_stage(stage, names, apis, key_at)}
    _put(config, {**base(stage.prefix), "stages": dict(sorted(stages.items()))})
    return config


def policies(stage: Stage, names: Mapping[str, str], apis: Apis) -> dict[str, Json]:
    """Return what each function of a stage may do."""
    rightful = rights.Deployment(stage=stage, names=names, sockets=apis.sockets)
    return {name: rights.policy(name, rightful) for name in deployed(stage.has_graph)}


def write_offline(folder: Path = FOLDER) -> Path:
    """Write the stage that needs no account, with every function there is."""
    stage = Stage(name=OFFLINE, graph="wss://graph.invalid:8182/gremlin")
    return write(stage, _UNKNOWN, _NOWHERE, IN_SSM + stage.heads_key, folder)


def unknown(stage: Stage) -> dict[str, str]:
    """Return an environment in which `app.py` loads, of a stage of which nothing may be there."""
    return environment(stage, _UNKNOWN, _NOWHERE)


def forget(stage: Stage, folder: Path = FOLDER) -> None:
    """Take a stage out, so that `chalice deploy` of it refuses. Another prefix's stays."""
    config = folder / "config.json"
    if not config.exists():  # without one, Chalice finds no project
        folder.mkdir(parents=True, exist_ok=True)
        _put(config, base(PREFIX))
    if not rendered(stage, folder):
        return
    told = json.loads(config.read_text("utf-8"))
    del told["stages"][stage.name]
    # Without a stage of its prefix, the file is again what git has of it.
    prefix = stage.prefix if set(told["stages"]) - {OFFLINE} else PREFIX
    _put(config, {**base(prefix), "stages": told["stages"]})
    for policy in (folder / POLICIES).glob(f"{stage.name}-*.json"):
        policy.unlink()


def rendered(stage: Stage, folder: Path = FOLDER) -> bool:
    """Tell whether a stage stands in the configuration, under its prefix."""
    config = folder / "config.json"
    told = json.loads(config.read_text("utf-8")) if config.exists() else {}
    return told.get("app_name") == stage.prefix and stage.name in told.get("stages", {})


def base(prefix: str) -> Json:
    """Return what is the same in all stages of a prefix."""
    return {
        "version": "2.0",
        "app_name": prefix,
        "autogen_policy": False,
        "automatic_layer": True,  # else the dependencies are uploaded once for each function
        "api_gateway_endpoint_type": "REGIONAL",
        "api_gateway_stage": API_STAGE,
        "minimum_compression_size": 1400,  # below a packet, nothing is saved
        "stages": {},
    }


def of_stage(stage: Stage, names: Mapping[str, str], apis: Apis, key_at: str) -> Json:
    """Return the part of the configuration that is one stage's."""
    told: Json = {
        "environment_variables": environment(stage, names, apis),
        "tags": stacks.tags(stage),
        "lambda_functions": {
            name: _function(stage, name, names, key_at) for name in deployed(stage.has_graph)
        },
    }
    if stage.tracing:
        told["xray"] = True
    for key, domain in (
        ("api_gateway_custom_domain", stage.domain),
        ("websocket_api_custom_domain", stage.sockets_domain),
    ):
        if domain is not None:
            told[key] = {
                "domain_name": domain.name,
                "certificate_arn": domain.certificate_arn,
                "tls_version": "TLS_1_2",
            }
    return told


def environment(stage: Stage, names: Mapping[str, str], apis: Apis) -> dict[str, str]:
    """Return the environment of every function. `names` is what the stacks put out."""
    found = {
        **{name: value for name, value in names.items() if not name.startswith("GRAPH_")},
        "STAGE": stage.name,
        "PUBLIC_URL": apis.public_url,
        "SOCKETS_URL": apis.sockets_url,
        "INFERENCE": stage.inference,
        "GRAPH": names.get("GRAPH_ENDPOINT", stage.graph) if stage.has_graph else "none",
        "GRAPH_IAM": "true" if stage.graph == NEPTUNE else "false",
        "POWERTOOLS_SERVICE_NAME": stage.prefix,
        "POWERTOOLS_METRICS_NAMESPACE": "Palimpsest",
    }
    if stage.tracing:
        found["TRACING"] = "true"
    if "GRAPH_READER_ENDPOINT" in names:
        found["GRAPH_READER"] = names["GRAPH_READER_ENDPOINT"]
    if stage.cors_origins:
        found["CORS_ORIGINS"] = " ".join(stage.cors_origins)
    if stage.identity is not None:
        found |= {
            "JWT_ISSUER": stage.identity.issuer,
            "JWT_AUDIENCE": stage.identity.audience,
            "JWT_JWKS_URL": stage.identity.jwks_url,
            "JWT_ALGORITHMS": stage.identity.algorithms,
            "JWT_AUDIENCE_CLAIM": stage.identity.audience_claim,
            "JWT_WORKSPACE_CLAIM": stage.identity.workspace_claim,
            "JWT_NAME_CLAIM": stage.identity.name_claim,
        }
    else:
        emulator, pool = aws.endpoint(), names.get("USER_POOL_ID", "")
        keys_at = f"{emulator}/{pool}" if emulator else found.get("JWT_ISSUER", "")
        found["JWT_JWKS_URL"] = f"{keys_at}/.well-known/jwks.json"
    if apis.sockets_url.startswith("ws://"):  # an emulator: frames are posted there too
        found["SOCKETS_ENDPOINT_URL"] = apis.sockets_url.replace("ws", "http", 1)
    return dict(sorted({**found, **stage.environment}.items()))


def _function(stage: Stage, name: str, names: Mapping[str, str], key_at: str) -> Json:
    function = FUNCTIONS[name]
    told: Json = {
        "iam_policy_file": f"{POLICIES}/{stage.name}-{name}.json",
        "lambda_timeout": function.timeout_s,
        "lambda_memory_size": function.memory_mb,
    }
    if function.graph and "GRAPH_SUBNETS" in names:
        told["subnet_ids"] = names["GRAPH_SUBNETS"].split(",")
        told["security_group_ids"] = [names["GRAPH_CLIENTS"]]
    own: dict[str, str] = {}
    if stage.has_graph and not function.graph:
        own["GRAPH"] = "none"  # not in the graph's network: the views answer
    if name in ("witness_heads", "recover", "verify") and key_at:
        own["HEADS_KEY"] = key_at
    if own:
        told["environment_variables"] = own
    if name in stage.reserved_concurrency:
        told["reserved_concurrency"] = stage.reserved_concurrency[name]
    return told


def _put(where: Path, document: Json) -> None:
    where.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
