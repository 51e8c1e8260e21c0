"""Releases: what a deploy brought, kept in the stage's bucket so that one can go back to it.

::

    packages/<sha256>.zip      code, or a layer; each once
    releases/20261123T163500Z.json
      {"at": "…", "source": "af03e5b", "runtime": "python3.13",
       "functions": {"pusher": {"handler": "app.pusher", "code": "<sha256>",
                     "layers": [{"arn": "…:3", "sha256": "…"}], "timeout": 60, "memory": 512,
                     "environment": {…}}, …},
       "rest_deployment": "…", "sockets_deployment": "…"}

Going back puts code, handlers and settings of a release into the functions that are there, and
points both APIs to its deployments; that is a release too, so going back once more undoes it.
Tables, queues and what lies in them stay as they are: older code stops at an event that it does not
know, rather than skip it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from infra.deploy import aws, lambdas, state
from infra.deploy.apis import Apis
from infra.deploy.errors import DeployError
from infra.deploy.functions import API_STAGE
from infra.deploy.stage import ROOT, Stage

KEPT: Final = 10
_PREFIX: Final = "releases/"
_UNTOLD: Final = ("HEADS_KEY",)  # secrets of a function; they stay what they are
# Where things are: a table, a queue, an address do not go back.
_PLACES: Final = re.compile(r".*_(URL|ARN|TABLE|BUCKET)|GRAPH.*|JWT_.*")

Release = Mapping[str, Any]


def keep(stage: Stage, bucket: str, apis: Apis, source: str) -> str:
    """Write down what is deployed now, and return the release's name."""
    functions: dict[str, Any] = {}
    for name, each in state.lambdas(stage):
        sha256 = _hex(each["CodeSha256"])
        _keep_package(bucket, sha256, lambda full=each["FunctionName"]: _code_url(full))
        layers = []
        for layer in each.get("Layers") or ():
            found = aws.client("lambda").get_layer_version_by_arn(Arn=layer["Arn"])
            content = found["Content"]
            layers.append({"arn": layer["Arn"], "sha256": _hex(content["CodeSha256"])})
            _keep_package(bucket, layers[-1]["sha256"], lambda url=content["Location"]: str(url))
        variables = (each.get("Environment") or {}).get("Variables", {})
        functions[name] = {
            "handler": each["Handler"],
            "runtime": each["Runtime"],
            "code": sha256,
            "layers": layers,
            "timeout": each["Timeout"],
            "memory": each["MemorySize"],
            "environment": {k: v for k, v in sorted(variables.items()) if k not in _UNTOLD},
        }
    rest = aws.client("apigateway").get_stage(restApiId=apis.rest, stageName=API_STAGE)
    sockets = aws.client("apigatewayv2").get_stage(ApiId=apis.sockets, StageName=API_STAGE)
    now = time.gmtime()
    release = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", now),
        "source": source,
        "functions": functions,
        "rest_deployment": rest["deploymentId"],
        "sockets_deployment": sockets["DeploymentId"],
    }
    name = time.strftime("%Y%m%dT%H%M%SZ", now)
    _put(bucket, f"{_PREFIX}{name}.json", json.dumps(release, indent=1, sort_keys=True).encode())
    _forget(bucket)
    return name


def names(bucket: str) -> list[str]:
    """Return the releases that are kept, the oldest first."""
    found = aws.pages("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=_PREFIX)
    return sorted(each["Key"].removeprefix(_PREFIX).removesuffix(".json") for each in found)


def read(bucket: str, name: str) -> Release:
    """Return a release. Raises DeployError for one that is not kept."""
    if name not in names(bucket):
        kept = ", ".join(names(bucket)) or "none"
        raise DeployError(f"There is no release {name}; kept are {kept}.")
    answer = aws.client("s3").get_object(Bucket=bucket, Key=f"{_PREFIX}{name}.json")
    return dict(json.loads(answer["Body"].read()))


def _forget(bucket: str) -> None:
    """Delete the releases beyond those that are kept, and the packages that no other one needs."""
    s3, kept = aws.client("s3"), names(bucket)
    if len(kept) <= KEPT:
        return
    for old in kept[:-KEPT]:
        s3.delete_object(Bucket=bucket, Key=f"{_PREFIX}{old}.json")
    needed = set[str]()
    for name in kept[-KEPT:]:
        for function in read(bucket, name)["functions"].values():
            needed |= {_package(function["code"])}
            needed |= {_package(layer["sha256"]) for layer in function["layers"]}
    found = aws.pages("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix="packages/")
    for key in [each["Key"] for each in found]:
        if key not in needed:
            s3.delete_object(Bucket=bucket, Key=key)


def here() -> str:
    """Return the commit of this source, with a + and a digest of what has changed beyond it."""

    def git(*words: str) -> str:
        command = ["git", *words]  # found by PATH, as in a shell
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short", "HEAD") or "unknown"
    # What a deploy renders is no change of the source.
    changes = git("diff", "HEAD", "--", ".", ":!.chalice")
    return commit + (f"+{hashlib.sha256(changes.encode()).hexdigest()[:7]}" if changes else "")


def listed(bucket: str, apis: Apis) -> list[str]:
    """Return the releases that are kept, the oldest first, in words."""
    told = []
    for name in names(bucket):
        release = read(bucket, name)
        gone = "" if _deployments_of(apis, release) else "; its routes are gone with its APIs"
        told.append(f"{name}  source {release['source']}{gone}")
    return told


def before(stage: Stage, bucket: str) -> str:
    """Return the release to go back to: the last one, if a deploy broke off after it."""
    kept = names(bucket)
    if kept and differences(stage, read(bucket, kept[-1])):
        return kept[-1]
    if len(kept) < 2:
        raise DeployError("There is no release before this one.")
    return kept[-2]


def differences(stage: Stage, release: Release) -> list[str]:
    """Return what the functions have that is not of this release."""
    existing, found = dict(state.lambdas(stage)), list[str]()
    for name, wanted in release["functions"].items():
        if name not in existing:
            found.append(f"{name}: is not there")
            continue
        there = existing[name]
        now = (there.get("Environment") or {}).get("Variables", {})
        if _hex(there["CodeSha256"]) != wanted["code"]:
            found.append(f"{name}: has other code than the last release")
        elif environment(wanted["environment"], now) != now:
            found.append(f"{name}: has other settings than the last release")
    return found


def go_back(stage: Stage, bucket: str, apis: Apis, name: str) -> list[str]:
    """Put a release back. Returns what was done."""
    release, done, client = read(bucket, name), list[str](), aws.client("lambda")
    existing, layers = dict(state.lambdas(stage)), dict[str, str]()
    for function, wanted in release["functions"].items():
        if function not in existing:
            done.append(f"{function}: is no longer there, and was left out")
            continue
        there = existing[function]
        full = there["FunctionName"]
        now = (there.get("Environment") or {}).get("Variables", {})
        variables = environment(wanted["environment"], now)
        client.update_function_configuration(
            FunctionName=full,
            Handler=wanted["handler"],
            Runtime=wanted["runtime"],
            Timeout=wanted["timeout"],
            MemorySize=wanted["memory"],
            Environment={"Variables": variables},
            Layers=[_layer(stage, bucket, each, layers, wanted) for each in wanted["layers"]],
        )
        lambdas.wait_updated(full)
        if _hex(there["CodeSha256"]) != wanted["code"]:
            client.update_function_code(
                FunctionName=full, S3Bucket=bucket, S3Key=_package(wanted["code"])
            )
            lambdas.wait_updated(full)
        done.append(f"{function}: {wanted['handler']} of {release['source']}")
    _point(apis, release, done)
    done.append(f"release: {keep(stage, bucket, apis, release['source'])}")
    return done


def environment(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of then with the places and secrets of now."""

    def stays(name: str) -> bool:
        return name in _UNTOLD or _PLACES.fullmatch(name) is not None

    return {
        **{name: value for name, value in then.items() if not stays(name)},
        **{name: value for name, value in now.items() if stays(name)},
    }


def _point(apis: Apis, release: Release, done: list[str]) -> None:
    if not _deployments_of(apis, release):
        done.append("the APIs' deployments of then are gone: their routes stay those of now")
        return
    aws.client("apigateway").update_stage(
        restApiId=apis.rest,
        stageName=API_STAGE,
        patchOperations=[
            {"op": "replace", "path": "/deploymentId", "value": release["rest_deployment"]}
        ],
    )
    aws.client("apigatewayv2").update_stage(
        ApiId=apis.sockets, StageName=API_STAGE, DeploymentId=release["sockets_deployment"]
    )
    done.append("both APIs: routes of then")


def _deployments_of(apis: Apis, release: Release) -> bool:
    """Tell whether both APIs still have what a release pointed to. Those made anew have not."""
    rest = aws.pages("apigateway", "get_deployments", "items", restApiId=apis.rest)
    sockets = aws.pages("apigatewayv2", "get_deployments", "Items", ApiId=apis.sockets)
    return release["rest_deployment"] in {each["id"] for each in rest} and release[
        "sockets_deployment"
    ] in {each["DeploymentId"] for each in sockets}


def _layer(
    stage: Stage,
    bucket: str,
    layer: Mapping[str, str],
    published: dict[str, str],
    function: Mapping[str, Any],
) -> str:
    """Return the ARN of a layer of that content. Chalice deletes all versions but the newest."""
    sha256 = layer["sha256"]
    if sha256 not in published:
        client, name = aws.client("lambda"), stage.named(state.LAYER)
        for each in state.layer_versions(stage):
            arn = each["LayerVersionArn"]
            found = client.get_layer_version_by_arn(Arn=arn)
            if _hex(found["Content"]["CodeSha256"]) == sha256:
                published[sha256] = arn
                break
        else:
            made = client.publish_layer_version(
                LayerName=name,
                Content={"S3Bucket": bucket, "S3Key": _package(sha256)},
                CompatibleRuntimes=[function["runtime"]],
            )
            published[sha256] = made["LayerVersionArn"]
    return published[sha256]


def _keep_package(bucket: str, sha256: str, url: Any) -> None:
    """Keep a package once: from the file that Chalice uploaded, else from Lambda itself."""
    from botocore.exceptions import ClientError

    try:
        aws.client("s3").head_object(Bucket=bucket, Key=_package(sha256))
        return
    except ClientError as error:
        if aws.code(error) not in ("404", "NoSuchKey"):
            raise
    for path in (ROOT / ".chalice" / "deployments").glob("*.zip"):
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == sha256:
            break
    else:
        with urllib.request.urlopen(url(), timeout=120) as answer:  # noqa: S310 (AWS said it)
            data = answer.read()
    _put(bucket, _package(sha256), data)


def _code_url(full: str) -> str:
    return str(aws.client("lambda").get_function(FunctionName=full)["Code"]["Location"])


def _package(sha256: str) -> str:
    return f"packages/{sha256}.zip"


def _hex(code_sha256: str) -> str:
    return base64.b64decode(code_sha256).hex()


def _put(bucket: str, key: str, data: bytes) -> None:
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
