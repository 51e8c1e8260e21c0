"""What is found before anything is made: APIs, the key, and who else is deploying."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.aws import IN_SSM
from infra.deploy import apis, aws, lock, preflight, secret, state
from infra.deploy.errors import DeployError
from infra.deploy.stage import Domain, Stage
from infra.emulator.running import Emulator

pytestmark = pytest.mark.ministack


@pytest.fixture(autouse=True)
def account(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point every client to the emulator; clients and account are asked for anew."""
    for name, value in emulator.environ().items():
        monkeypatch.setenv(name, value)
    asked = (aws.client, aws.account, aws.region)
    for each in asked:
        each.cache_clear()
    yield
    for each in asked:
        each.cache_clear()


@pytest.fixture
def stage() -> Stage:
    """A stage that no other test has."""
    return Stage(name="s" + secrets.token_hex(4))


@pytest.fixture
def bucket(stage: Stage) -> str:
    aws.client("s3").create_bucket(Bucket=stage.name)
    return stage.name


def test_apis_are_made_once_and_each_stage_has_its_own(stage: Stage) -> None:
    assert apis.find(stage) is None

    made = apis.find_or_make(stage)
    other = apis.find_or_make(replace(stage, name=stage.name + "x"))

    assert apis.find_or_make(stage) == made == apis.find(stage)
    assert {made.rest, made.sockets}.isdisjoint({other.rest, other.sockets})
    assert made.public_url.endswith(f"/{made.rest}/api")
    assert made.sockets_url.endswith(f"/{made.sockets}/api")


def test_a_stage_of_another_prefix_is_not_seen(stage: Stage) -> None:
    acme = replace(stage, prefix="acme")
    made = apis.find_or_make(stage)

    assert apis.find(acme) is None
    other = apis.find_or_make(acme)

    assert {made.rest, made.sockets}.isdisjoint({other.rest, other.sockets})
    assert (apis.find(stage), apis.find(acme)) == (made, other)
    assert secret.reference(stage) != secret.reference(acme)
    names = {each["name"] for each in aws.pages("apigateway", "get_rest_apis", "items")}
    assert {"palimpsest", "acme"} <= names


def test_a_state_file_of_another_prefix_counts_as_none(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "ROOT", tmp_path)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{stage.function('pusher')}"
    kept = [
        {"name": "pusher", "resource_type": "lambda_function", "lambda_arn": arn},
        {"name": "rest", "resource_type": "domain_name", "domain_name": "api.example.org"},
    ]

    state.write(stage, kept)

    assert state.read(stage) == kept
    assert state.read(replace(stage, prefix="acme")) == []


def test_a_domain_of_ones_own_stands_in_every_address(stage: Stage) -> None:
    domain = Domain(name="api.example.org", certificate_arn="arn:…")

    made = apis.find_or_make(replace(stage, domain=domain))

    assert made.public_url == "https://api.example.org"
    assert made.sockets_url.endswith(f"/{made.sockets}/api")


def test_an_api_that_lost_its_tag_is_known_by_the_function_that_it_calls(stage: Stage) -> None:
    client = aws.client("apigateway")
    lost = client.create_rest_api(name="palimpsest")["id"]
    (root,) = client.get_resources(restApiId=lost)["items"]
    where = {"restApiId": lost, "resourceId": root["id"], "httpMethod": "GET"}
    client.put_method(**where, authorizationType="NONE")
    function = f"arn:aws:lambda:us-east-1:000000000000:function:palimpsest-{stage.name}"
    client.put_integration(
        **where,
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations",
    )

    assert apis.find_or_make(stage).rest == lost
    assert apis.find_or_make(replace(stage, name=stage.name + "x")).rest != lost


def test_two_apis_of_one_stage_are_told_and_none_is_chosen(stage: Stage) -> None:
    apis.find_or_make(stage)
    aws.client("apigateway").create_rest_api(name="palimpsest", tags={"stage": stage.name})

    with pytest.raises(DeployError, match="has 2 REST APIs"):
        apis.find_or_make(stage)


def test_the_key_is_made_once_for_a_stage(stage: Stage) -> None:
    def key(of: Stage) -> str:
        where = secret.reference(of).removeprefix(IN_SSM)
        told = aws.client("ssm").get_parameter(Name=where, WithDecryption=True)
        return str(told["Parameter"]["Value"])

    made = key(stage)

    assert len(made) >= 32
    assert key(stage) == made
    assert key(replace(stage, name=stage.name + "x")) != made


def test_a_second_deploy_is_told_who_is_at_it(bucket: str) -> None:
    with (
        lock.held(bucket),
        pytest.raises(DeployError, match="has been deploying for 0 minutes"),
        lock.held(bucket),
    ):
        pytest.fail("two deploys at once")


def test_a_deploy_that_ended_lets_the_next_one_in(bucket: str) -> None:
    with pytest.raises(ZeroDivisionError), lock.held(bucket):
        raise ZeroDivisionError

    with lock.held(bucket):
        pass


def test_a_lock_that_was_left_behind_does_not_hold_for_ever(
    bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    left = {"who": "ada on box", "doing": "destroying", "at": time.time() - lock.STALE_S - 1}
    aws.client("s3").put_object(Bucket=bucket, Key=lock.KEY, Body=json.dumps(left).encode())

    with lock.held(bucket):
        assert " has been deploying for 0 minutes" in (lock.holder(bucket) or "")

    said = capsys.readouterr().out
    assert said == "ada on box has been destroying for 60 minutes, which is taken for dead.\n"
    assert lock.holder(bucket) is None


def test_a_lock_can_be_taken_away(bucket: str) -> None:
    with lock.held(bucket):
        lock.release(bucket)

        with lock.held(bucket, "rolling back"):
            assert "has been rolling back for" in (lock.holder(bucket) or "")


def test_a_stage_is_let_be_from_another_account_or_region(stage: Stage) -> None:
    preflight.require_place(stage)
    preflight.require_place(replace(stage, account="000000000000", region="us-east-1"))

    with pytest.raises(DeployError, match="belongs to 123456789012, this is 000000000000"):
        preflight.require_place(replace(stage, account="123456789012"))
    with pytest.raises(DeployError, match="belongs to eu-central-1, this is us-east-1"):
        preflight.require_place(replace(stage, region="eu-central-1"))


def test_the_copy_of_the_state_is_what_was_kept(bucket: str) -> None:
    assert state.download(bucket) == []

    aws.client("s3").put_object(
        Bucket=bucket, Key=state.KEY, Body=b'{"resources": [{"name": "x"}]}'
    )

    assert state.download(bucket) == [{"name": "x"}]
