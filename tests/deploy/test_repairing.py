"""What is mended after `chalice deploy`: told by comparing what is there with what is wanted."""

from __future__ import annotations

import json

import pytest

from chalicelib.edge.gateway_answers import responses
from chalicelib.edge.problems import kinds
from infra.deploy import lambdas, mappings, preflight, releases, state
from infra.deploy.apis import Listed
from infra.deploy.stage import Stage
from infra.local.aws import names

NAMES = names("dev")
STAGE = Stage(name="dev")


@pytest.mark.parametrize("function", ["view_materializer", "graph_projector", "pusher"])
def test_a_stream_stops_for_nobody_and_forgets_nobody(function: str) -> None:
    told = mappings.wanted(STAGE, function, NAMES)

    assert told["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert told["BisectBatchOnFunctionError"] is True
    assert (
        told["DestinationConfig"]["OnFailure"]["Destination"] == NAMES["STREAM_FAILURE_QUEUE_ARN"]
    )


def test_a_queue_reports_each_message() -> None:
    told = mappings.wanted(STAGE, "job_worker", NAMES)

    assert told == {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def test_a_mapping_as_aws_tells_it_differs_in_nothing_when_it_is_right() -> None:
    wanted = mappings.wanted(STAGE, "pusher", NAMES)
    pattern = json.loads(wanted["FilterCriteria"]["Filters"][0]["Pattern"])
    there = {
        "UUID": "…",
        "State": "Enabled",
        **wanted,
        "DestinationConfig": {**wanted["DestinationConfig"], "OnSuccess": {}},
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps(dict(reversed(pattern.items())))}]},
    }

    assert mappings.differences(there, wanted) == {}


def test_only_what_differs_is_changed() -> None:
    wanted = mappings.wanted(STAGE, "pusher", NAMES)
    there = {**wanted, "MaximumRetryAttempts": -1, "FunctionResponseTypes": []}

    assert mappings.differences(there, wanted) == {
        "MaximumRetryAttempts": mappings.TRIES,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }


def test_without_a_graph_one_function_reads_the_log_and_with_one_two() -> None:
    log = NAMES["LOG_STREAM_ARN"]
    without = mappings.sources(STAGE, NAMES)
    with_one = mappings.sources(Stage(name="dev", graph="wss://graph"), NAMES)

    assert [name for name, arn in without.items() if arn == log] == ["view_materializer"]
    assert [name for name, arn in with_one.items() if arn == log] == [
        "view_materializer",
        "graph_projector",
    ]


def test_a_handler_that_moved_is_found() -> None:
    existing = {"pusher": {"Handler": "app.pusher"}, "reconcile": {"Handler": "app.old"}}
    declared = {"pusher": "app.pusher", "reconcile": "app.reconcile", "new": "app.new"}

    assert lambdas.moved(existing, declared) == {"reconcile": "app.reconcile"}


@pytest.mark.parametrize(
    ("full", "name"),
    [
        ("palimpsest-dev", "api_handler"),
        ("palimpsest-dev-pusher", "pusher"),
        ("palimpsest-dev2", None),
        ("palimpsest-dev2-pusher", None),
        ("elsewhere-dev-pusher", None),
    ],
)
def test_a_function_is_told_from_those_of_other_stages(full: str, name: str | None) -> None:
    assert state.short(STAGE, full) == name


def test_a_function_is_told_from_those_of_the_same_stage_of_another_prefix() -> None:
    acme = Stage(name="dev", prefix="acme")

    assert state.short(acme, "acme-dev-pusher") == "pusher"
    assert state.short(acme, "palimpsest-dev-pusher") is None
    assert state.short(STAGE, "acme-dev-pusher") is None


def test_what_no_longer_exists_is_forgotten_and_a_domain_that_does_is_not() -> None:
    kept = state.merged(
        [{"name": "pusher", "resource_type": "lambda_function", "lambda_arn": "new"}],
        [
            {"name": "pusher", "resource_type": "lambda_function", "lambda_arn": "old"},
            {"name": "gone", "resource_type": "lambda_function", "lambda_arn": "gone"},
            {"name": "rest", "resource_type": "domain_name", "domain_name": "api.example.org"},
            {"name": "live", "resource_type": "domain_name", "domain_name": "gone.example.org"},
        ],
        there=lambda domain: domain == "api.example.org",
    )

    assert {str(each["name"]): each.get("lambda_arn") for each in kept} == {
        "pusher": "new",
        "rest": None,
    }


def test_api_gateway_answers_as_the_app_does() -> None:
    for kind, told in responses("https://rest1/api").items():
        (body,) = told["responseTemplates"].values()
        problem = json.loads(body)
        name = problem["type"].rpartition("/")[2]

        assert problem["status"] == int(told["statusCode"]), kind
        assert set(problem) == {"type", "title", "status", "detail", "instance"}
        if name in kinds():
            assert (kinds()[name].status, kinds()[name].title) == (
                problem["status"],
                problem["title"],
            )
        else:
            assert problem["type"] == "about:blank" or name == "internal-error"
        content_type = told["responseParameters"]["gatewayresponse.header.Content-Type"]
        assert content_type == "'application/problem+json'"


@pytest.mark.parametrize(
    ("origins", "may_read"),
    [
        ((), None),
        (("https://a.example",), "'https://a.example'"),
        (("https://a.example", "https://b.example"), "'*'"),
        (("*",), "'*'"),
    ],
)
def test_pages_of_other_origins_may_read_what_api_gateway_answers_where_any_may(
    origins: tuple[str, ...], may_read: str | None
) -> None:
    for kind, told in responses("https://rest1/api", origins).items():
        headers = told["responseParameters"]

        assert headers.get("gatewayresponse.header.Access-Control-Allow-Origin") == may_read, kind
        exposed = headers.get("gatewayresponse.header.Access-Control-Expose-Headers")
        assert exposed == (may_read and "'Retry-After'")
        assert "gatewayresponse.header.Access-Control-Allow-Credentials" not in headers


def test_an_address_without_a_route_is_not_found_with_and_without_a_token() -> None:
    told = responses("https://rest1/api")

    assert told["MISSING_AUTHENTICATION_TOKEN"]["statusCode"] == "404"
    assert told["INVALID_SIGNATURE"]["statusCode"] == "404"


def test_state_names_both_apis_so_that_chalice_makes_no_second() -> None:
    apis = Listed(["rest1"], ["ws1"])

    told = {each["name"]: each for each in state.of_apis(apis, "eu-central-1", "aws")}

    assert told["rest_api"]["rest_api_id"] == "rest1"
    assert told["rest_api"]["rest_api_url"] == (
        "https://rest1.execute-api.eu-central-1.amazonaws.com/api/"
    )
    assert told["websocket_api"]["websocket_api_id"] == "ws1"


def test_the_graphs_price_is_told_only_for_a_graph_of_ours() -> None:
    assert preflight.idle_price(STAGE) is None
    assert preflight.idle_price(Stage(name="dev", graph="wss://other:8182/gremlin")) is None
    assert "161 USD a month" in (preflight.idle_price(Stage(name="dev", graph="neptune")) or "")


def test_going_back_changes_settings_but_not_where_things_are() -> None:
    then = {"INFERENCE": "rules", "LOG_TABLE": "old", "PUBLIC_URL": "https://old", "GONE": "1"}
    now = {"INFERENCE": "comprehend", "LOG_TABLE": "new", "PUBLIC_URL": "https://new"}

    told = releases.environment(then, {**now, "HEADS_KEY": "secret", "GRAPH": "none", "NEW": "1"})

    assert told == {
        "INFERENCE": "rules",
        "LOG_TABLE": "new",
        "PUBLIC_URL": "https://new",
        "HEADS_KEY": "secret",
        "GRAPH": "none",
        "GONE": "1",
    }
