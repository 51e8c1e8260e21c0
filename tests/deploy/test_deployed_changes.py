"""What happens to a deployed stage: changes, losses, another stage beside it, and its end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.emulator.installed import ROOT
from tests.deploy.conftest import NOTHING
from tests.deploy.deployed import FRIEND, Deployed, copied
from tests.deploy.walk import annotated, created, fired, until

pytestmark = [pytest.mark.deploy, pytest.mark.ministack]


def test_what_changed_is_deployed_and_no_drift_is_left(deployed: Deployed) -> None:
    before = readers(deployed)
    ids = deployed.rest_apis, deployed.socket_apis
    app = deployed.sources / "app.py"
    app.write_text(app.read_text().replace("def reconcile(", "def mend_the_views("))
    for table in ("log", "views", "jobs"):
        reopen_stream(deployed, table)

    deployed.deploy(GRAPH=NOTHING)

    assert handler(deployed, "reconcile") == "app.mend_the_views"
    fired(deployed, "reconcile")
    assert readers(deployed) == before
    current = {stream(deployed, table) for table in ("log", "views", "jobs")}
    read = {each["EventSourceArn"] for each in deployed.mappings()}
    assert {each for each in read if ":dynamodb:" in each} == current
    assert (deployed.rest_apis, deployed.socket_apis) == ids
    assert "nothing would change" in deployed.run("diff", GRAPH=NOTHING)
    with deployed.api() as api:
        shown_by_the_views(api, "After a change")


def test_a_lost_state_is_recovered_and_nothing_is_made_twice(deployed: Deployed) -> None:
    before = readers(deployed)
    ids = deployed.rest_apis, deployed.socket_apis
    (deployed.sources / ".chalice" / "deployed" / f"{deployed.stage}.json").unlink()
    forget_stored_state(deployed)

    deployed.deploy(GRAPH=NOTHING)

    assert (deployed.rest_apis, deployed.socket_apis) == ids
    assert [len(each) for each in ids] == [1, 1]
    assert readers(deployed) == before


def test_chalice_typed_by_hand_gives_the_same_and_typed_first_names_what_is_missing(
    deployed: Deployed, tmp_path: Path
) -> None:
    before = gateway_responses(deployed)
    assert "application/problem+json" in json.dumps(before)

    assert deployed.chalice("deploy", GRAPH=NOTHING)[0] == 0

    assert "nothing would change" in deployed.run("diff", GRAPH=NOTHING)
    deployed.forget_failures()
    assert "WRONG" not in deployed.run("status", GRAPH=NOTHING)
    assert gateway_responses(deployed) == before
    assert "websocket API: deployment" in deployed.run("finish", GRAPH=NOTHING)
    assert deployed.run("finish", GRAPH=NOTHING).strip() == ""
    unknown = httpx.get(f"{deployed.url}/nowhere", headers={"Origin": FRIEND})
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.headers["access-control-allow-origin"] == FRIEND
    with deployed.api() as api:
        shown_by_the_views(api, "By hand")

    never = Deployed(deployed.emulator, copied(tmp_path / "sources"), "never")
    (never.sources / ".chalice").mkdir(exist_ok=True)
    nothing = '{"version": "2.0", "app_name": "palimpsest", "stages": {}}'
    assert nothing in (ROOT / "infra" / "local" / "setup.sh").read_text()
    (never.sources / ".chalice" / "config.json").write_text(nothing)
    code, said = never.chalice("deploy")

    assert code != 0
    assert "make deploy STAGE=" in said
    assert "Traceback" not in said


@pytest.fixture(scope="module")
def other(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """Another stage in the same account, without a graph, with a user pool of its own."""
    sources = copied(tmp_path_factory.mktemp("other") / "sources")
    stage = Deployed(deployed.emulator, sources, "two")
    stage.deploy()
    return stage


def test_another_stage_stands_beside_the_first_until_it_is_destroyed(
    deployed: Deployed, other: Deployed, tmp_path: Path
) -> None:
    assert set(deployed.rest_apis).isdisjoint(other.rest_apis)
    assert readers(other)["log"] == 1
    assert "right" in other.run("smoke")

    for command in ("rebuild_views", "verify"):
        told = turned(other, command)
        assert told["ok"], told

    # The log is what nothing works without.
    log = other.table("log")
    other.emulator.client("dynamodb").delete_table(TableName=log)
    httpx.get(f"{other.url}/api/health", timeout=40)  # whatever has to start, has started
    answer = httpx.get(f"{other.url}/api/health", timeout=40)

    assert answer.status_code == 503
    assert answer.json()["eventStore"]["status"] == "failed"
    assert answer.elapsed.total_seconds() < 2

    chalice = other.sources / ".chalice"
    shutil.copytree(chalice, tmp_path / "before")
    other.run("destroy", "--data", "--yes")

    assert left(other) == []
    with deployed.api() as api:
        shown_by_the_views(api, "The other one is gone")

    # Chalice, typed by hand, does not make half of it again.
    code, said = other.chalice("deploy")
    assert code != 0
    assert "run `make deploy STAGE=<stage>` first" in said
    assert "nothing of the stage two was there" in other.run("destroy", "--data", "--yes")

    # But where another clone still has its configuration, it does: that is found by name.
    shutil.copytree(tmp_path / "before", chalice, dirs_exist_ok=True)
    code, said = other.chalice("deploy")
    assert code == 0, said
    assert len(left(other)) > 30
    shutil.rmtree(chalice / "deployed")
    (chalice / "config.json").unlink()

    code, said = other.command("status")
    assert code == 1
    assert "functions and lacks what they need" in said
    assert "Traceback" not in said

    other.run("destroy", "--yes")

    assert left(other) == []


def test_a_stage_that_could_not_be_made_can_be_destroyed(
    deployed: Deployed, tmp_path: Path
) -> None:
    """Given what a destroy that broke off has left, when nothing can be made over it, then that."""
    never = Deployed(deployed.emulator, copied(tmp_path / "sources"), "left")
    taken = f"{never.prefix}-content-000000000000"
    deployed.emulator.client("s3").create_bucket(Bucket=taken)

    code, said = never.command("deploy")
    assert code == 1
    assert "already exists" in said

    never.run("destroy", "--data", "--yes")

    assert left(never) == []


def test_a_stage_of_the_same_name_stands_beside_it_under_another_prefix(
    deployed: Deployed, tmp_path: Path
) -> None:
    twin = Deployed(deployed.emulator, copied(tmp_path / "sources"), deployed.stage, "twin")
    settings = twin.sources / "infra" / "stages" / f"{twin.stage}.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(f'prefix = "{twin.begins}"\n')
    before = readers(deployed), deployed.rest_apis, deployed.socket_apis

    twin.deploy()

    assert "right" in twin.run("smoke")
    assert "WRONG" not in twin.run("status")
    assert "nothing would change" in twin.run("diff")
    assert (readers(deployed), deployed.rest_apis, deployed.socket_apis) == before
    assert set(twin.rest_apis).isdisjoint(deployed.rest_apis)
    assert '"service":"twin"' in twin.logs("view_materializer").replace(" ", "")
    (named,) = [
        each["name"]
        for each in deployed.emulator.client("apigateway").get_rest_apis()["items"]
        if each["id"] in twin.rest_apis
    ]
    assert named == "twin"

    twin.run("destroy", "--data", "--yes")

    assert left(twin) == []
    assert (readers(deployed), deployed.rest_apis, deployed.socket_apis) == before
    assert "nothing would change" in deployed.run("diff", GRAPH=NOTHING)
    with deployed.api() as api:
        shown_by_the_views(api, "The twin is gone")


def readers(deployed: Deployed) -> dict[str, int]:
    """Return how many mappings each stream and queue has."""
    found: dict[str, int] = {}
    for mapping in deployed.mappings():
        source = mapping["EventSourceArn"].split(":", 5)[5].split("/stream/")[0]
        source = source.removeprefix(f"table/{deployed.prefix}-")
        found[source] = found.get(source, 0) + 1
    return found


def gateway_responses(deployed: Deployed) -> list[dict[str, Any]]:
    (api,) = deployed.rest_apis
    found = deployed.emulator.client("apigateway").get_gateway_responses(restApiId=api)["items"]
    return sorted(found, key=lambda each: str(each["responseType"]))


def stream(deployed: Deployed, table: str) -> str:
    client = deployed.emulator.client("dynamodb")
    described: dict[str, Any] = client.describe_table(TableName=deployed.table(table))["Table"]
    return str(described["LatestStreamArn"])


def reopen_stream(deployed: Deployed, table: str) -> None:
    """Switch a table's stream off and on: it is another one then."""
    client, name = deployed.emulator.client("dynamodb"), deployed.table(table)
    kind = client.describe_table(TableName=name)["Table"]["StreamSpecification"]["StreamViewType"]
    before = stream(deployed, table)
    client.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    on = {"StreamEnabled": True, "StreamViewType": kind}
    client.update_table(TableName=name, StreamSpecification=on)
    assert stream(deployed, table) != before


def handler(deployed: Deployed, function: str) -> str:
    client = deployed.emulator.client("lambda")
    name = f"{deployed.prefix}-{function}"
    return str(client.get_function_configuration(FunctionName=name)["Handler"])


def forget_stored_state(deployed: Deployed) -> None:
    """Delete every version of the state that the stage's bucket keeps."""
    s3 = deployed.emulator.client("s3")
    bucket = f"{deployed.prefix}-deploy-000000000000"
    found = s3.list_object_versions(Bucket=bucket, Prefix="state/")
    versions = [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
    assert versions
    for each in versions:
        s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])


def shown_by_the_views(api: httpx.Client, name: str) -> None:
    """A resource is written, and the list shows it: streams, functions and roles are at work."""
    resource = created(api, name=name)
    annotated(api, resource["id"], "Heiberg")

    def listed() -> bool:
        items = api.get("/resources", params={"limit": 5}).json()["items"]
        return any(each["id"] == resource["id"] and each["annotationCount"] == 1 for each in items)

    until(listed, "the list")


def turned(deployed: Deployed, command: str) -> dict[str, Any]:
    """Have an operator's function do all that it has to, turn by turn; return the last answer."""
    told: dict[str, Any] = {"next": {}}
    while told["next"] is not None:
        answer = deployed.emulator.client("lambda").invoke(
            FunctionName=f"{deployed.prefix}-{command}", Payload=json.dumps(told["next"]).encode()
        )
        said = answer["Payload"].read().decode()
        assert "FunctionError" not in answer, said
        told = json.loads(said)
    return told


def left(deployed: Deployed) -> list[str]:
    """Return what is left of a stage."""
    emulator, prefix = deployed.emulator, deployed.prefix

    def listed(service: str, operation: str, key: str, name: str, **asked: Any) -> list[str]:
        found = getattr(emulator.client(service), operation)(**asked).get(key, ())
        return [str(each[name]) for each in found]

    names = [
        *emulator.client("dynamodb").list_tables()["TableNames"],
        *(url.rpartition("/")[2] for url in emulator.client("sqs").list_queues()["QueueUrls"]),
        *listed("s3", "list_buckets", "Buckets", "Name"),
        *listed("lambda", "list_functions", "Functions", "FunctionName"),
        *listed("lambda", "list_layers", "Layers", "LayerName"),
        *listed("iam", "list_roles", "Roles", "RoleName"),
        *listed("events", "list_rules", "Rules", "Name"),
        *listed("cognito-idp", "list_user_pools", "UserPools", "Name", MaxResults=60),
        *listed("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        *listed("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        *(
            each.removeprefix("/aws/lambda/")
            for each in listed("logs", "describe_log_groups", "logGroups", "logGroupName")
        ),
        *(
            each[1:].replace("/", "-")
            for each in listed("ssm", "describe_parameters", "Parameters", "Name")
        ),
    ]
    apis = [*deployed.rest_apis, *deployed.socket_apis]
    return [each for each in names if each == prefix or each.startswith(f"{prefix}-")] + apis
