"""A stage's settings: a file, the environment over it, and one sentence for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.deploy import stacks
from infra.deploy.errors import DeployError
from infra.deploy.functions import FUNCTIONS
from infra.deploy.stage import Domain, Identity, Stage, read
from infra.local.template import load, resolve


def told(folder: Path, text: str, name: str = "prod", **environ: str) -> Stage:
    (folder / f"{name}.toml").write_text(text)
    return read(name, environ, folder)


def test_a_stage_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    assert read("dev", {}, tmp_path) == Stage(name="dev")


def test_a_file_says_what_is_different(tmp_path: Path) -> None:
    stage = told(
        tmp_path,
        """
        production = true
        graph = "neptune"
        cors_origins = ["https://reader.example.org"]
        requests_per_s = 50
        [tags]
        team = "manuscripts"
        [domain]
        name = "api.example.org"
        certificate_arn = "arn:aws:acm:…"
        [identity]
        issuer = "https://issuer"
        audience = "palimpsest"
        jwks_url = "https://issuer/keys"
        """,
    )

    assert stage.production
    assert stage.has_graph
    assert stage.cors_origins == ("https://reader.example.org",)
    assert stage.tags == {"team": "manuscripts"}
    assert stage.domain == Domain(name="api.example.org", certificate_arn="arn:aws:acm:…")
    assert stage.identity == Identity(
        issuer="https://issuer", audience="palimpsest", jwks_url="https://issuer/keys"
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    stage = told(
        tmp_path, 'graph = "neptune"', GRAPH="none", INFERENCE="comprehend", DEPLOY_ENV="A=1 B=x=y"
    )

    assert (stage.graph, stage.inference) == ("none", "comprehend")
    assert stage.environment == {"A": "1", "B": "x=y"}


@pytest.mark.parametrize("name", ["", "Prod", "1st", "a-b", "local", "offline", "a" * 17])
def test_a_name_that_would_not_fit_everywhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="cannot be a stage"):
        read(name, {}, tmp_path)


@pytest.mark.parametrize("prefix", ["", "Acme", "1st", "a-b", "a" * 17, "sthree", "awsome", "ssm"])
def test_a_prefix_that_would_not_fit_everywhere_is_refused(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"prod\.toml: prefix = .* cannot begin names"):
        told(tmp_path, f'prefix = "{prefix}"')


def test_a_prefix_begins_every_name(tmp_path: Path) -> None:
    stage = told(tmp_path, 'prefix = "acme"')

    assert stage.named("log") == "acme-prod-log"
    assert stage.function("api_handler") == "acme-prod"
    assert stage.function("pusher") == "acme-prod-pusher"
    assert stage.heads_key == "/acme/prod/heads-key"
    assert stacks.stack_name(stage, "core") == "acme-prod-core"
    assert stacks.tags(stage) == {"app": "acme", "stage": "prod"}


def test_the_longest_names_are_within_the_limits_of_aws(tmp_path: Path) -> None:
    """Limits: AWS, quotas of each service, read 2026-11."""
    stage = told(tmp_path, f'prefix = "{"p" * 16}"', name="s" * 16)
    known = {"Prefix": stage.prefix, "Stage": stage.name, "AWS::AccountId": "0" * 12}

    def longest(kind: str, key: str) -> int:
        made = load(stacks.template("core")).resources.values()
        names = [each["Properties"][key] for each in made if each["Type"] == f"AWS::{kind}"]
        return max(len(resolve(name, lambda told, _: known[told])) for name in names)

    names = [stage.function(name) for name in FUNCTIONS]
    assert max(map(len, names)) <= 64  # functions
    assert max(len(stage.named(name)) for name in FUNCTIONS) <= 64  # roles
    assert max(len(f"{name}-event") for name in names) <= 64  # rules of EventBridge
    assert longest("S3::Bucket", "BucketName") <= 63
    assert longest("SQS::Queue", "QueueName") <= 80
    assert longest("DynamoDB::Table", "TableName") <= 255
    assert max(len(stacks.stack_name(stage, each)) for each in stacks.of(stage)) <= 128
    assert len(stage.named("managed-layer")) <= 140


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("produktion = true", "no setting: produktion"),
        ('production = "yes"', "production = 'yes' is not of the right type"),
        ("burst = 1.5", "burst = 1.5 is not of the right type"),
        ("[domain]\nname = 'x'", "certificate_arn"),
        ("cors_origins = ['https://a.example/']", "which is no origin"),
        ("cors_origins = 'https://a.example'", "'h', which is no origin"),
        ("graph = 'tinkerpop'", "neither `none`"),
        ("production =", "is not TOML"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=sentence):
        told(tmp_path, text)
