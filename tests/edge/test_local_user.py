"""The local user, who needs no token: on this machine, and for pages of its own, alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.config import Config
from chalicelib.domain.actor import Actor
from chalicelib.edge.auth import Authenticator
from chalicelib.edge.call import Caller
from chalicelib.errors import Forbidden, Malformed, Unauthenticated
from tests.edge.calls import CONFIG, LOCAL, call


def local(headers: dict[str, Any], source_ip: str = "127.0.0.1", config: Config = LOCAL) -> Caller:
    return Authenticator(config).caller(call(headers, source_ip))


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LocalHost:1", "127.0.0.1:8000", "[::1]:80"]
)
@pytest.mark.parametrize("source_ip", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_on_this_machine_the_local_user_needs_no_token(host: str, source_ip: str) -> None:
    assert local({"Host": host}, source_ip) == Caller(Actor("ada", "Person", "ada"), "demo")


def test_without_a_local_user_a_token_is_needed_on_this_machine_too() -> None:
    with pytest.raises(Unauthenticated):
        local({"Host": "localhost"}, config=CONFIG)


@pytest.mark.parametrize(
    "source_ip", ["", "10.0.0.1", "203.0.113.9", "::ffff:10.0.0.1", "fe80::1", "x"]
)
def test_from_another_machine_there_is_no_local_user(source_ip: str) -> None:
    with pytest.raises(Unauthenticated):
        local({"Host": "localhost:8000"}, source_ip)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "attacker.test",
        "attacker.test:8000",
        "localhost.attacker.test",
        "127.0.0.1.attacker.test",
        "localhost:8000@attacker.test",
        "localhost:",
        "0.0.0.0:8000",
        "127.0.0.2",
        "[::]",
        "evil\nlocalhost",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_not_this_machine(host: str) -> None:
    with pytest.raises(Unauthenticated):
        local({"Host": host})


@pytest.mark.parametrize(
    "origin",
    [
        "https://attacker.test",
        "null",
        "",
        "http://localhost:9999",
        "http://localhost",
        "http://localhost:8000.attacker.test",
        "http://127.0.0.1:8000",
        "chrome-extension://abc",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    with pytest.raises(Forbidden):
        local({"Host": "localhost:8000", "Origin": origin})


def test_our_own_page_and_configured_origins_may_use_the_local_user() -> None:
    assert local({"Host": "localhost:8000", "Origin": "http://localhost:8000"})
    friendly = replace(LOCAL, cors_origins=("http://localhost:3000",))
    assert local({"Host": "localhost:8000", "Origin": "http://localhost:3000"}, config=friendly)


def test_a_bad_token_is_not_replaced_by_the_local_user() -> None:
    with pytest.raises(Unauthenticated):
        local({"Host": "localhost", "Authorization": "Bearer nonsense"})


def test_two_hosts_are_none() -> None:
    with pytest.raises(Malformed):
        local({"Host": ["localhost", "attacker.test"]})
