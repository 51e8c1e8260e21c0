"""The configuration that Chalice reads: made of a stage and of what AWS answered, nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.config import Config
from chalicelib.edge.gateway_answers import EXTENSION, responses
from infra.deploy import render, stacks
from infra.deploy.apis import Apis
from infra.deploy.functions import FUNCTIONS, deployed
from infra.deploy.stage import Identity, Stage
from infra.local.aws import names

NAMES = {**names("dev"), "JWT_ISSUER": "https://pool", "JWT_AUDIENCE": "client"}
NEPTUNE = {
    "GRAPH_ENDPOINT": "wss://cluster:8182/gremlin",
    "GRAPH_READER_ENDPOINT": "wss://reader:8182/gremlin",
    "GRAPH_RESOURCE_ID": "cluster-ABC",
    "GRAPH_SUBNETS": "subnet-1,subnet-2",
    "GRAPH_CLIENTS": "sg-1",
}
APIS = Apis("rest1", "ws1", "https://rest1/api", "wss://ws1/api")
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("graph", ["none", "wss://graph:8182/gremlin"])
def test_the_app_can_be_configured_by_what_is_rendered(graph: str) -> None:
    told = render.environment(Stage(name="dev", graph=graph), NAMES, APIS)

    config = Config.from_env(told)

    assert config.public_url == "https://rest1/api"
    assert config.sockets_url == "wss://ws1/api"
    assert config.graph == graph
    assert config.jwt_issuer == "https://pool"
    assert config.jwt_jwks_url == "https://pool/.well-known/jwks.json"


def test_an_issuer_of_ones_own_replaces_the_user_pool() -> None:
    identity = Identity(issuer="https://own", audience="us", jwks_url="https://own/keys")
    told = render.environment(Stage(name="dev", identity=identity), names("dev"), APIS)

    config = Config.from_env(told)

    assert (config.jwt_issuer, config.jwt_audience) == ("https://own", "us")
    assert config.jwt_jwks_url == "https://own/keys"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    config = render.write(Stage(name="dev"), NAMES, APIS, "k" * 64, tmp_path)
    before = {path: path.read_bytes() for path in config.parent.rglob("*.json")}

    config = render.write(
        Stage(name="dev"), dict(reversed(NAMES.items())), APIS, "k" * 64, tmp_path
    )

    assert {path: path.read_bytes() for path in config.parent.rglob("*.json")} == before


def test_stages_stand_side_by_side(tmp_path: Path) -> None:
    config = render.write(Stage(name="dev"), NAMES, APIS, "", tmp_path)
    alone = json.loads(config.read_text())["stages"]["dev"]

    config = render.write(Stage(name="prod"), names("prod"), APIS, "", tmp_path)

    stages = json.loads(config.read_text())["stages"]
    assert list(stages) == ["dev", "prod"]
    assert stages["dev"] == alone


def test_a_configuration_holds_no_stage_whose_names_would_begin_otherwise(tmp_path: Path) -> None:
    render.write_offline(tmp_path)
    render.write(Stage(name="dev"), NAMES, APIS, "", tmp_path)
    acme = Stage(name="prod", prefix="acme")

    config = render.write(acme, names("prod"), APIS, "", tmp_path)

    told = json.loads(config.read_text())
    assert told["app_name"] == "acme"
    assert list(told["stages"]) == ["offline", "prod"]
    assert told["stages"]["prod"]["environment_variables"]["POWERTOOLS_SERVICE_NAME"] == "acme"
    assert render.rendered(acme, tmp_path)
    assert not render.rendered(Stage(name="dev"), tmp_path)
    assert not render.rendered(Stage(name="prod"), tmp_path)


def test_the_app_is_called_by_the_prefix_where_it_is_deployed() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from app import app; print(app.app_name)"],
        env={"PATH": os.environ["PATH"], "POWERTOOLS_SERVICE_NAME": "acme"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == "acme\n"


def test_where_the_one_secret_is_is_told_to_those_who_sign_or_check(tmp_path: Path) -> None:
    config = render.write(Stage(name="dev"), NAMES, APIS, "ssm:/secret", tmp_path)

    told = json.loads(config.read_text())["stages"]["dev"]
    having = [n for n, each in told["lambda_functions"].items() if "secret" in json.dumps(each)]
    assert set(having) == {"witness_heads", "recover", "verify"}
    assert "secret" not in json.dumps(told["environment_variables"])


def test_what_is_kept_in_git_is_what_is_rendered(tmp_path: Path) -> None:
    before = [ROOT / ".chalice/config.json", *(ROOT / ".chalice/policies").glob("offline-*.json")]

    config = render.write_offline(tmp_path)

    told = json.loads((ROOT / ".chalice/config.json").read_text())
    meant = "if it is meant: python -m infra.deploy render --offline"
    assert told["stages"]["offline"] == json.loads(config.read_text())["stages"]["offline"], meant
    kept = {path.name: path.read_bytes() for path in before[1:]}
    assert kept == {path.name: path.read_bytes() for path in (tmp_path / "policies").iterdir()}, (
        meant
    )


def test_every_function_has_a_policy_of_its_own(tmp_path: Path) -> None:
    stage = Stage(name="dev", graph="neptune")
    config = render.write(stage, {**NAMES, **NEPTUNE}, APIS, "", tmp_path)

    told = json.loads(config.read_text())["stages"]["dev"]["lambda_functions"]
    files = {each["iam_policy_file"] for each in told.values()}
    assert set(told) == set(FUNCTIONS)
    assert len(files) == len(FUNCTIONS)
    assert all((config.parent / file).exists() for file in files)


def test_only_what_talks_to_the_graph_stands_in_its_network(tmp_path: Path) -> None:
    config = render.write(
        Stage(name="dev", graph="neptune"), {**NAMES, **NEPTUNE}, APIS, "", tmp_path
    )

    told = json.loads(config.read_text())["stages"]["dev"]
    inside = {name for name, each in told["lambda_functions"].items() if "subnet_ids" in each}
    assert inside == {name for name, each in FUNCTIONS.items() if each.graph}
    assert told["lambda_functions"]["api_handler"]["security_group_ids"] == ["sg-1"]
    assert told["environment_variables"]["GRAPH"] == "wss://cluster:8182/gremlin"
    assert told["environment_variables"]["GRAPH_READER"] == "wss://reader:8182/gremlin"
    assert told["environment_variables"]["GRAPH_IAM"] == "true"


def test_a_stage_that_is_forgotten_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    def files() -> dict[str, str]:
        found = (each for each in tmp_path.rglob("*") if each.is_file())
        return {str(each.relative_to(tmp_path)): each.read_text() for each in found}

    render.write_offline(tmp_path)
    before = files()
    acme = Stage(name="dev", prefix="acme")
    render.write(acme, NAMES, APIS, "", tmp_path)
    render.write(replace(acme, name="prod"), NAMES, APIS, "", tmp_path)

    render.forget(Stage(name="prod"), tmp_path)  # another prefix's
    assert render.rendered(replace(acme, name="prod"), tmp_path)
    render.forget(replace(acme, name="prod"), tmp_path)

    assert render.rendered(acme, tmp_path)
    assert "acme" in files()["config.json"]

    render.forget(acme, tmp_path)
    render.forget(acme, tmp_path)

    assert files() == before


def test_nothing_is_reserved_unless_asked_for(tmp_path: Path) -> None:
    config = render.write(Stage(name="dev"), NAMES, APIS, "", tmp_path)
    assert "reserved_concurrency" not in config.read_text()

    config = render.write(
        Stage(name="dev", reserved_concurrency={"job_worker": 5}), NAMES, APIS, "", tmp_path
    )
    told = json.loads(config.read_text())["stages"]["dev"]["lambda_functions"]
    assert told["job_worker"]["reserved_concurrency"] == 5


@pytest.mark.parametrize("graph", [True, False])
def test_the_table_of_functions_is_what_the_app_declares(graph: bool) -> None:
    program = (
        "import os, json; os.environ['AWS_CHALICE_CLI_MODE'] = 'true'\n"
        "from app import app\n"
        "print(json.dumps([s.name for s in app.event_sources + app.pure_lambda_functions]))"
    )
    told = {**NAMES, "GRAPH": "wss://graph" if graph else "none", "PUBLIC_URL": "https://rest1"}

    run = python(program, **told)

    by_chalice = {"api_handler", "websocket_connect", "websocket_message", "websocket_disconnect"}
    assert {*json.loads(run.stdout), *by_chalice} == set(deployed(graph))


def test_the_definition_that_chalice_imports_carries_what_api_gateway_answers_by_itself() -> None:
    program = (
        "import os, json; os.environ['AWS_CHALICE_CLI_MODE'] = 'true'\n"
        "from app import app\n"
        "from chalice.deploy.swagger import CFNSwaggerGenerator, TemplatedSwaggerGenerator\n"
        "for kind in TemplatedSwaggerGenerator, CFNSwaggerGenerator:\n"
        "    print(json.dumps(kind().generate_swagger(app)[EXTENSION]))"
    ).replace("EXTENSION", repr(EXTENSION))
    origins = "https://a.example https://b.example"
    told = {**NAMES, "PUBLIC_URL": "https://rest1/api", "CORS_ORIGINS": origins}

    run = python(program, **told)

    wanted = responses("https://rest1/api", origins.split())
    assert [json.loads(line) for line in run.stdout.splitlines()] == [wanted, wanted]


def test_chalice_typed_before_make_deploy_ends_in_one_sentence() -> None:
    run = python("import app", AWS_CHALICE_CLI_MODE="true")

    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "run `make deploy STAGE=<stage>` first" in run.stderr


@pytest.mark.parametrize("name", ["core", "identity", "graph"])
def test_every_parameter_of_a_template_is_known(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    given = stacks.parameters(Stage(name="dev", production=True, kms_key_arn="arn:k"), name)

    assert (given["Prefix"], given["Stage"]) == ("palimpsest", "dev")
    assert given["Production"] == "true"
    assert given.get("TlsOnly", "true") == "true"


def test_the_file_of_the_user_pool_says_where_its_tokens_come_from() -> None:
    outputs = stacks.load(stacks.template("identity")).outputs

    assert {"JwtIssuer", "JwtAudience", "JwtWorkspaceClaim"} <= set(outputs)


def python(program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program beside `app.py`, in that environment."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
