"""Every template, by rule: what keeps data is protected, nothing is open, names say whose they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.stage import PREFIX
from infra.local.cors import EXPOSED, READING, SENDING
from infra.local.template import Template, load

INFRA = Path(__file__).resolve().parents[2] / "infra"
TEMPLATES = {path.stem: load(path) for path in sorted(INFRA.glob("*.yaml"))}
CORE, IDENTITY, GRAPH = TEMPLATES["core"], TEMPLATES["identity"], TEMPLATES["graph"]
PRODUCTION = {"Stage": "prod", "Production": "true", "KeyArn": "arn:aws:kms:…"}
MADE_ANEW = {"ViewsTable", "IdempotencyTable", "ConnectionsTable"}  # from the log, or not at all


def of(template: Template, kind: str, **given: str) -> dict[str, Any]:
    """Return the resources of a kind, by name, as a stack with these parameters has them."""
    created = template.created(given or PRODUCTION)
    return {name: each for name, each in created.items() if each["Type"] == f"AWS::{kind}"}


BUCKETS = of(CORE, "S3::Bucket")
TABLES = of(CORE, "DynamoDB::Table")
QUEUES = of(CORE, "SQS::Queue")


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_fits_into_a_request_and_knows_its_stage(name: str) -> None:
    assert (INFRA / f"{name}.yaml").stat().st_size < 51_200  # what CreateStack takes inline
    assert "Stage" in TEMPLATES[name].parameters


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_is_allowed_to_everybody(name: str) -> None:
    for resource, each in TEMPLATES[name].created({"Stage": "dev"}).items():
        for statement in statements(each):
            if statement["Effect"] == "Allow":
                assert statement.get("Principal") not in ("*", {"AWS": "*"}), resource
                assert statement["Action"] != "*", resource
                assert "*" not in statement["Action"], resource


def statements(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        found = [value] if "Effect" in value else []
        return found + [each for item in value.values() for each in statements(item)]
    if isinstance(value, list):
        return [each for item in value for each in statements(item)]
    return []


@pytest.mark.parametrize("name", BUCKETS)
def test_a_bucket_is_closed_encrypted_and_kept(name: str) -> None:
    bucket = BUCKETS[name]
    told = bucket["Properties"]

    assert set(told["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(told["PublicAccessBlockConfiguration"]) == 4
    assert "aws:kms" in json.dumps(told["BucketEncryption"])
    assert told["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert bucket["UpdateReplacePolicy"] == "Retain"
    policies = of(CORE, "S3::BucketPolicy").values()
    (policy,) = [p for p in policies if p["Properties"]["Bucket"] == {"Ref": name}]
    (statement,) = statements(policy)
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_protected_backed_up_and_encrypted(name: str) -> None:
    told = TABLES[name]["Properties"]

    assert told["DeletionProtectionEnabled"] is True
    assert told["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert told["SSESpecification"]["SSEType"] == "KMS"
    assert told["BillingMode"] == "PAY_PER_REQUEST"
    kept = "Delete" if name in MADE_ANEW else "RetainExceptOnCreate"
    assert TABLES[name]["DeletionPolicy"] == kept


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_encrypted_and_gives_up_into_another_that_keeps_it_longest(name: str) -> None:
    told = QUEUES[name]["Properties"]

    assert told["KmsMasterKeyId"] == {"Ref": "KeyArn"}
    assert told["MessageRetentionPeriod"] == 1_209_600
    if "VisibilityTimeout" in told:  # one that is worked off
        target = told["RedrivePolicy"]["deadLetterTargetArn"]
        assert target == {"Fn::GetAtt": ["JobsDeadLetterQueue", "Arn"]}
        assert told["VisibilityTimeout"] > 900 + 30  # a worker's lease


def test_no_bytes_that_a_workspace_holds_expire() -> None:
    """Given any workspace, `uploads` say: its bytes lie under its name, so no prefix may expire."""
    for rule in BUCKETS["ContentBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]:
        assert set(rule) == {"Id", "Status", "AbortIncompleteMultipartUpload"}


def test_a_development_stage_has_no_key_to_pay_for_and_may_be_deleted() -> None:
    for table in of(CORE, "DynamoDB::Table", Stage="dev").values():
        assert table["Properties"]["DeletionProtectionEnabled"] is False
        assert "SSESpecification" not in table["Properties"]
    for bucket in of(CORE, "S3::Bucket", Stage="dev").values():
        assert "BucketEncryption" not in bucket["Properties"]  # S3 encrypts with its own key


def test_pages_of_other_origins_may_send_only_where_they_are_named_and_read_there() -> None:
    bucket = CORE.created({"Stage": "dev"})["ContentBucket"]["Properties"]
    assert "CorsConfiguration" not in bucket

    told = CORE.created({"Stage": "dev", "CorsOrigins": "https://a.example,https://b.example"})
    reading, sending = told["ContentBucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert set(reading["AllowedMethods"]) == set(READING)
    assert reading["AllowedOrigins"] == ["*"]
    assert ", ".join(reading["ExposedHeaders"]) == EXPOSED
    assert set(sending["AllowedMethods"]) == set(SENDING)
    assert sending["AllowedOrigins"] == {"Fn::Split": [",", {"Ref": "CorsOrigins"}]}


@pytest.mark.parametrize("resources", [BUCKETS, TABLES, QUEUES])
def test_every_name_carries_the_prefix_and_the_stage(resources: dict[str, Any]) -> None:
    for name, each in resources.items():
        told = each["Properties"]
        (named,) = [told[key] for key in ("BucketName", "TableName", "QueueName") if key in told]
        assert named["Fn::Sub"].startswith("${Prefix}-${Stage}-"), name


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_knows_the_prefix_by_heart(name: str) -> None:
    told = (INFRA / f"{name}.yaml").read_text("utf-8")

    assert TEMPLATES[name].parameters["Prefix"]["Default"] == PREFIX
    assert re.findall(rf"{PREFIX}-|\b{PREFIX}\b(?!\n    AllowedPattern)", told) == []


def test_a_user_cannot_write_the_workspace_that_he_belongs_to() -> None:
    (client,) = of(IDENTITY, "Cognito::UserPoolClient").values()
    (pool,) = of(IDENTITY, "Cognito::UserPool").values()

    assert "custom:workspace" in client["Properties"]["ReadAttributes"]
    assert "custom:workspace" not in client["Properties"]["WriteAttributes"]
    assert pool["Properties"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Properties"]["DeletionProtection"] == "ACTIVE"


def test_the_graph_has_no_way_out_and_lets_in_only_the_functions_that_ask_it() -> None:
    kinds = {each["Type"] for each in GRAPH.resources.values()}
    (cluster,) = of(GRAPH, "Neptune::DBCluster").values()

    assert not kinds & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"}
    assert cluster["Properties"]["IamAuthEnabled"] is True
    assert cluster["Properties"]["StorageEncrypted"] is True
    for name, group in of(GRAPH, "EC2::SecurityGroup").items():
        for rule in group["Properties"].get("SecurityGroupIngress", ()):
            assert rule["SourceSecurityGroupId"] == {"Ref": "Clients"}, name


def test_the_graphs_outputs_are_what_rendering_reads() -> None:
    assert set(GRAPH.outputs) == {
        "GraphEndpoint",
        "GraphReaderEndpoint",
        "GraphResourceId",
        "GraphSubnets",
        "GraphClients",
    }
