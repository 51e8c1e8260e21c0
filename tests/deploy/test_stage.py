"""A stage's settings: a file, the environment over it, and one sentence for what cannot be."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

from infra.deploy import preflight, render, stacks, variables
from infra.deploy.apis import Apis
from infra.deploy.errors import DeployError
from infra.deploy.functions import FUNCTIONS
from infra.deploy.stacks import template
from infra.deploy.stage import Domain, Identity, Stage, read
from infra.local.template import load, resolve, variable

KEY = "arn:aws:kms:eu-central-1:123456789012:key/0b6f6c9e-1d6b-4c0e-9a51-1f2d3c4b5a69"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alarms"
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/7a1c-02"
ISSUER = "[identity]\naudience = 'us'\njwks_url = 'https://own/keys'\nissuer = "
KEYS = "[identity]\naudience = 'us'\nissuer = 'https://own'\njwks_url = "
HOST = Domain(name="api.example.org", certificate_arn=CERTIFICATE)
OWN = Identity(issuer="https://own", audience="us", jwks_url="https://own/keys")
APIS = Apis("rest", "ws", "https://rest/api", "wss://ws/api")
NAMES = {
    variable(output): "wss://made-up"
    for name in ("core", "identity", "graph")
    for output in load(template(name)).outputs
}


def told(folder: Path, text: str, name: str = "prod", **environ: str) -> Stage:
    (folder / f"{name}.toml").write_text(text)
    return read(name, environ, folder)


def test_a_stage_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    assert read("dev", {}, tmp_path) == Stage(name="dev")


def test_a_file_says_what_is_different(tmp_path: Path) -> None:
    stage = told(
        tmp_path,
        f"""
        production = true
        graph = "neptune"
        cors_origins = ["https://reader.example.org"]
        requests_per_s = 50
        [tags]
        team = "manuscripts"
        [domain]
        name = "api.example.org"
        certificate_arn = "{CERTIFICATE}"
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
    assert stage.domain == Domain(name="api.example.org", certificate_arn=CERTIFICATE)
    assert stage.identity == Identity(
        issuer="https://issuer", audience="palimpsest", jwks_url="https://issuer/keys"
    )


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    stage = told(
        tmp_path,
        'graph = "neptune"',
        GRAPH="none",
        INFERENCE="comprehend",
        DEPLOY_ENV="ONE=1 TWO=x=y",
    )

    assert (stage.graph, stage.inference) == ("none", "comprehend")
    assert stage.environment == {"ONE": "1", "TWO": "x=y"}


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


def refused(folder: Path, text: str, **environ: str) -> str:
    """Return the sentence by which it is refused."""
    with pytest.raises(DeployError) as error:
        told(folder, text, **environ)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("produktion = true", "names what is no setting: produktion."),
        ("production =", "is not TOML: Invalid value (at end of document)."),
        ("production = 'yes'", "production = 'yes' must be true or false."),
        ("tracing = 1", "tracing = 1 must be true or false."),
        # account and region
        ("account = 123456789012", "account = 123456789012 must be text in quotes: a number loses"),
        ("account = '12345'", "account = '12345' must be 12 digits."),
        ("region = 'Frankfurt'", "region = 'Frankfurt' must be a region, as eu-central-1."),
        # layers
        ("inference = 'openai'", "inference = 'openai' must be `rules`, `comprehend`, `bedr"),
        ("inference = 'bedrock:'", "inference = 'bedrock:' must be `rules`, `comprehend`, "),
        ("inference = ''", "inference = '' must be `rules`, `comprehend`, "),
        ("graph = 'neptun'", "graph = 'neptun' must be `none`, `neptune`, or begin with ws://"),
        ("graph = false", "graph = False must be `none`, `neptune`, or begin with ws://"),
        ("graph_min_ncu = 0.5", "graph_min_ncu = 0.5 must be from 1 to 128 in steps of 0.5."),
        ("graph_min_ncu = 1.2", "graph_min_ncu = 1.2 must be from 1 to 128 in steps of 0.5."),
        ("graph_max_ncu = 2", "graph_max_ncu = 2 must be from 2.5 to 128 in steps of 0.5."),
        ("graph_max_ncu = 129", "graph_max_ncu = 129 must be from 2.5 to 128 in steps of 0.5."),
        ("graph_min_ncu = 9", "graph_min_ncu = 9 must not be above graph_max_ncu = 8."),
        # traffic
        ("cors_origins = ['https://a/']", "cors_origins = ['https://a/'] has 'https://a/', which"),
        ("cors_origins = [5]", "cors_origins = [5] has 5, which is no origin: https://host, or"),
        ("cors_origins = 'https://a.b'", "cors_origins = 'https://a.b' must be a list of origins"),
        ("requests_per_s = 0", "requests_per_s = 0 must be a number above 0."),
        ("requests_per_s = nan", "requests_per_s = nan must be a number above 0."),
        ("requests_per_s = inf", "requests_per_s = inf must be a number above 0."),
        ("burst = 1.5", "burst = 1.5 must be a whole number, 1 or more."),
        ("burst = 0", "burst = 0 must be a whole number, 1 or more."),
        ("burst = true", "burst = True must be a whole number, 1 or more."),
        ("parallelization = 0", "parallelization = 0 must be a whole number from 1 to 10."),
        ("parallelization = 11", "parallelization = 11 must be a whole number from 1 to 10."),
        ("log_retention_days = 31", "log_retention_days = 31 must be one of 1, 3, 5, 7, 14, 30, 6"),
        # what is named by an ARN
        ("kms_key_arn = 'alias/a'", "kms_key_arn = 'alias/a' must be the ARN of a key in KMS, not"),
        (f"kms_key_arn = '{TOPIC}'", f"kms_key_arn = '{TOPIC}' must be the ARN of a key in KMS"),
        (f"alarm_topic_arn = '{KEY}'", f"alarm_topic_arn = '{KEY}' must be the ARN of a topic in"),
        (f"alarm_topic_arn = '{TOPIC}:1'", f"'{TOPIC}:1' must be the ARN of a topic in SNS, arn:"),
        # tags
        ("tags = 'x'", "tags = 'x' must be a table: [tags], and below it name = value."),
        ("[tags]\nteam = 5", "[tags] team = 5 must be text in quotes."),
        ("[tags]\nstage = 'x'", "[tags] stage = 'x' must not be set: app, stage, aws-chalice are"),
        ("[tags]\nApp = 'x'", "[tags] App = 'x' must not be set: app, stage, aws-chalice are"),
        ("[tags]\n'aws:x' = 'y'", "[tags] aws:x = 'y' must not begin with `aws:`, which AWS keeps"),
        ("[tags]\nx = 'AWS:y'", "[tags] x = 'AWS:y' must not begin with `aws:`, which AWS keeps"),
        ("[tags]\nx = 'a,b'", "[tags] x = 'a,b' must have a value of 1 to 256 letters, digits"),
        ("[tags]\nx = ''", "[tags] x = '' must have a value of 1 to 256 letters, digits"),
        (f"[tags]\nx = '{'y' * 257}'", "must have a value of 1 to 256 letters, digits, spaces and"),
        ("[tags]\n'x!' = 'y'", "[tags] x! = 'y' must have a name of 1 to 128 letters, digits"),
        (f"[tags]\n{'x' * 129} = 'y'", "= 'y' must have a name of 1 to 128 letters, digits"),
        # functions
        (
            "[reserved_concurrency]\njob_wrker = 5",
            "[reserved_concurrency] job_wrker = 5 must be of a function: api_handler, websocket_",
        ),
        (
            "[reserved_concurrency]\ngraph_projector = 5",
            "[reserved_concurrency] graph_projector = 5 must be of a function of this stage, which",
        ),
        (
            "[reserved_concurrency]\njob_worker = -1",
            "[reserved_concurrency] job_worker = -1 must be a whole number, 0 or more; 0 stops",
        ),
        ("[environment]\nVIEW_TTL = 5", "[environment] VIEW_TTL = 5 must be text in quotes, "),
        ("[environment]\nA-B = 'x'", "[environment] A-B = 'x' must have a name that Lambda takes:"),
        ("[environment]\nA = 'x'", "[environment] A = 'x' must have a name that Lambda takes: two"),
        ("[environment]\n1ST = 'x'", "[environment] 1ST = 'x' must have a name that Lambda takes"),
        ("[environment]\nSTAGE = 'x'", "[environment] STAGE = 'x' must not be set: the deployment"),
        (
            "[environment]\nLOG_TABLE = 'x'",
            "LOG_TABLE = 'x' must not be set: the deployment itself",
        ),
        (
            "[environment]\nHEADS_KEY = 'x'",
            "HEADS_KEY = 'x' must not be set: the deployment itself",
        ),
        ("[environment]\nAWS_REGION = 'x'", "AWS_REGION = 'x' must not be set: Lambda, or the SDK"),
        ("[environment]\n_HANDLER = 'x'", "_HANDLER = 'x' must not be set: Lambda, or the SDK in"),
        ("[environment]\nVIEW_CACHE_S = 'x'", "VIEW_CACHE_S = 'x' must be a number."),
        ("[environment]\nPRESIGNED_S = '1.5'", "PRESIGNED_S = '1.5' must be a whole number."),
        ("[environment]\nGRAPH_REQUIRED = 'x'", "= 'x' must be `true` or `false`."),
        (
            "graph = 'neptune'\n[environment]\nGRAPH_READER = 'ws://x'",
            "[environment] GRAPH_READER='ws://x' must not be set beside Neptune, whose reader",
        ),
        # domains
        ("domain = 'x'", "domain = 'x' must be a table: [domain], and below it name = value."),
        (
            "[domain]\nname = 'api.example.org'",
            "[domain] lacks certificate_arn; there are name, certificate_arn.",
        ),
        (
            f"[sockets_domain]\nnme = 'ws.example.org'\ncertificate_arn = '{CERTIFICATE}'",
            "[sockets_domain] names what is no setting: nme, and lacks name; there are name, ",
        ),
        (
            f"[domain]\nname = 'https://a.example'\ncertificate_arn = '{CERTIFICATE}'",
            "[domain] name = 'https://a.example' must be the name of a host in small letters",
        ),
        (
            f"[domain]\nname = 'api.example.org'\ncertificate_arn = '{KEY}'",
            f"[domain] certificate_arn = '{KEY}' must be the ARN of a certificate in ACM, arn:aws:",
        ),
        # identity
        (
            "[identity]\nisuer = 'https://own'",
            "[identity] names what is no setting: isuer, and lacks issuer, audience, jwks_url; ",
        ),
        (ISSUER + "'own'", "[identity] issuer = 'own' must be what `iss` says, https://host/path."),
        (
            ISSUER + "'http://own'",
            "[identity] issuer = 'http://own' must begin with https://; http",
        ),
        (KEYS + "'own'", "[identity] jwks_url = 'own' must be an address, https://host/path."),
        (
            KEYS + "'http://own'",
            "[identity] jwks_url = 'http://own' must begin with https://; http",
        ),
        (
            KEYS + "'https://a'\nalgorithms = []",
            "[identity] algorithms = [] must be text in quotes",
        ),
        (
            "[identity]\nissuer = 'https://a'\njwks_url = 'https://a/keys'\naudience = ' '",
            "[identity] audience = ' ' must be text in quotes, and not empty.",
        ),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_that_names_file_setting_value_and_rule(
    text: str, sentence: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, text)

    assert said.startswith("prod.toml")
    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"GRAPH": "neptun"}, "GRAPH='neptun' must be `none`, `neptune`, or begin with ws:// or"),
        ({"INFERENCE": "foo"}, "INFERENCE='foo' must be `rules`, `comprehend`, `bedrock:<"),
        ({"INFERENCE": "bedrock:"}, "INFERENCE='bedrock:' must be `rules`, `comprehend`, "),
        ({"DEPLOY_ENV": "ONE"}, "DEPLOY_ENV has 'ONE', which is not NAME=value."),
        ({"DEPLOY_ENV": "STAGE=x"}, "DEPLOY_ENV: STAGE='x' must not be set: the deployment"),
        ({"DEPLOY_ENV": "SSE_PLACES=many"}, "DEPLOY_ENV: SSE_PLACES='many' must be a whole numb"),
        (
            {"GRAPH": "neptune", "DEPLOY_ENV": "GRAPH_READER=ws://x"},
            "DEPLOY_ENV: GRAPH_READER='ws://x' must not be set beside Neptune",
        ),
    ],
)
def test_what_the_environment_cannot_say_is_told_as_the_environment_s(
    environ: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, "graph = 'none'\ninference = 'rules'", **environ)

    assert said.startswith(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "account = '012345678901'",
        "account = ''",
        "region = 'us-gov-west-1'",
        "inference = 'bedrock:eu.anthropic.claude-x'",
        "inference = 'bedrock-tool:mistral.large'",
        "graph_min_ncu = 2.5\ngraph_max_ncu = 2.5",
        "cors_origins = ['*', 'http://localhost:3000']",
        "log_retention_days = 3653",
        f"kms_key_arn = '{KEY}'\nalarm_topic_arn = '{TOPIC}'",
        "kms_key_arn = ''",
        f"[tags]\n'Kostenstelle/Größe' = '{'y' * 256}'",
        "[reserved_concurrency]\njob_worker = 0",
        "graph = 'ws://g:8182/gremlin'\n[environment]\nGRAPH_READER = 'ws://r:8182/gremlin'",
        "[environment]\nVIEW_CACHE_S = '5'\nPOWERTOOLS_LOG_LEVEL = 'DEBUG'\nEMPTY = ''",
        ISSUER + "'https://own/'\nalgorithms = 'ES256 RS256'\naudience_claim = 'client_id'\n"
        "workspace_claim = 'w'\nname_claim = 'n'",
    ],
)
def test_what_can_be_is_taken(text: str, tmp_path: Path) -> None:
    told(tmp_path, text)


def test_a_try_without_the_graph_takes_the_settings_of_its_functions(tmp_path: Path) -> None:
    text = "graph = 'neptune'\n[reserved_concurrency]\ngraph_projector = 5"

    assert not told(tmp_path, text, GRAPH="none").has_graph


@pytest.mark.parametrize("issuer", ["http://localhost:4566", "urn:palimpsest:local"])
def test_an_emulator_may_know_an_issuer_without_https(issuer: str, tmp_path: Path) -> None:
    stage = told(tmp_path, f"{ISSUER}'{issuer}'", AWS_ENDPOINT_URL="http://localhost:4566")

    assert stage.identity is not None
    assert stage.identity.issuer == issuer
    assert "must begin with https://" in refused(tmp_path, f"{ISSUER}'{issuer}'")


def test_no_setting_is_without_a_check(tmp_path: Path) -> None:
    """A stage written out with its own defaults is taken, and is the default."""
    texts = {
        each.name: json.dumps(getattr(Stage(name="prod"), each.name))
        for each in fields(Stage)
        if each.name not in ("name", "identity", "domain", "sockets_domain")
        and not isinstance(getattr(Stage(name="prod"), each.name), dict)
    }

    assert told(tmp_path, "\n".join(f"{k} = {v}" for k, v in texts.items())) == Stage(name="prod")


def test_what_the_deployment_sets_itself_is_all_that_is_rendered() -> None:
    everything = Stage(
        name="prod",
        graph="neptune",
        tracing=True,
        cors_origins=("*",),
        identity=Identity(issuer="https://a", audience="us", jwks_url="https://a/keys"),
    )
    stacks_of_all = ("core", "identity", "graph", "operations")
    names = {variable(out): "x" for name in stacks_of_all for out in load(template(name)).outputs}
    apis = Apis("rest", "ws", "http://emulated", "ws://emulated")  # where frames go is told too
    key_at = "ssm:/palimpsest/prod/heads-key"

    rendered = render.of_stage(everything, names, apis, key_at)
    every = set(rendered["environment_variables"])
    for function in rendered["lambda_functions"].values():
        every |= set(function.get("environment_variables", ()))

    assert every == variables.OURS | {"GRAPH_READER"}


def test_a_stage_that_the_functions_can_read_may_be_deployed() -> None:
    for graph in ("none", "neptune", "wss://graph:8182/gremlin"):
        assert list(preflight.start(Stage(name="dev", graph=graph), NAMES, APIS)) == []


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        (
            Stage(name="dev", identity=replace(OWN, algorithms="HS256")),
            "The functions of dev would not start: JWT_ALGORITHMS='HS256': choose from ES256 ",
        ),
        (
            Stage(name="dev", inference="bedrock:"),
            "The functions of dev would not start: INFERENCE='bedrock:': must be",
        ),
        (
            Stage(name="dev", environment={"PRESIGNED_S": "x"}),
            "The functions of dev would not start: PRESIGNED_S='x': invalid literal",
        ),
    ],
)
def test_what_the_functions_would_refuse_at_their_start_is_a_fault(
    stage: Stage, sentence: str
) -> None:
    (fault,) = preflight.start(stage, NAMES, APIS)

    assert fault.sentence.startswith(sentence)


@pytest.mark.parametrize(
    ("stage", "setting"),
    [
        (Stage(name="dev", kms_key_arn=KEY), "kms_key_arn"),
        (Stage(name="dev", alarm_topic_arn=TOPIC), "alarm_topic_arn"),
        (Stage(name="dev", domain=HOST), "[domain] certificate_arn"),
        (Stage(name="dev", sockets_domain=HOST), "[sockets_domain] certificate_arn"),
    ],
)
def test_what_the_settings_name_must_be_in_the_region_of_the_stage(
    stage: Stage, setting: str
) -> None:
    (fault,) = preflight.elsewhere(stage, "us-east-1")

    assert fault.sentence.startswith(f"{setting} = 'arn:aws:")
    assert fault.sentence.endswith(" is in eu-central-1, this is us-east-1.")
    assert list(preflight.elsewhere(stage, "eu-central-1")) == []
