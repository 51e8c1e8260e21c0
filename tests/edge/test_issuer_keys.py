"""The issuer's keys: fetched over HTTP, kept, and fetched again, but not as often as a stranger likes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.edge.auth import Authenticator
from chalicelib.edge.call import Caller
from chalicelib.errors import Unauthenticated, Unavailable
from tests.edge import issuer
from tests.edge.calls import CONFIG, call, caller
from tests.edge.issuer import KeySet, key, public, token


def test_keys_are_fetched_once_and_kept() -> None:
    keys = KeySet()
    authenticator = Authenticator(CONFIG, keys)

    for _ in range(5):
        authenticator.caller(call({"Authorization": f"Bearer {token()}"}))

    assert keys.fetches == 1


def test_a_new_key_is_found_by_asking_once_more() -> None:
    keys = KeySet(cooldown_s=0)
    authenticator = Authenticator(CONFIG, keys)
    authenticator.caller(call({"Authorization": f"Bearer {token()}"}))
    keys.served = [public(key("next"), "2026-12")]

    bearer = token(key("next"), headers={"kid": "2026-12"})

    assert authenticator.caller(call({"Authorization": f"Bearer {bearer}"})).workspace == "demo"
    assert keys.fetches == 2


def test_strangers_cannot_make_us_fetch_without_end() -> None:
    keys = KeySet(cooldown_s=30)
    authenticator = Authenticator(CONFIG, keys)

    for number in range(20):
        bearer = token(key("attacker"), headers={"kid": f"k{number}"})
        with pytest.raises(Unauthenticated):
            authenticator.caller(call({"Authorization": f"Bearer {bearer}"}))

    assert keys.fetches == 1


def test_without_the_issuers_keys_the_answer_is_503_and_the_issuer_is_left_in_peace() -> None:
    keys = KeySet()
    keys.down = True
    authenticator = Authenticator(CONFIG, keys)

    for _ in range(5):
        with pytest.raises(Unavailable) as error:
            authenticator.caller(call({"Authorization": f"Bearer {token()}"}))

    assert error.value.extra["dependency"] == "identity"
    assert keys.fetches == 1


def test_a_key_set_that_is_none_is_503() -> None:
    for served in ([], [{"kty": "RSA"}], [{"kty": "oct", "k": "c2VjcmV0", "kid": issuer.KID}]):
        keys = KeySet()
        keys.served = served
        with pytest.raises((Unavailable, Unauthenticated)):
            caller(token(), keys=keys)


@pytest.fixture
def key_server() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server of key sets on this machine: its address, and what it answers by path."""
    answers: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answers[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", answers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_issuers_keys_come_over_http_and_from_where_it_was_configured(
    key_server: tuple[str, dict[str, Any]],
) -> None:
    address, answers = key_server
    keys = json.dumps({"keys": [public(key())]}).encode()
    answers["/keys"] = (200, {"Content-Type": "application/json"}, keys)
    answers["/moved"] = (302, {"Location": f"{address}/keys"}, b"")
    answers["/broken"] = (500, {}, b"")
    answers["/page"] = (200, {}, b"<html>")

    def ask(path: str) -> Caller:
        config = replace(CONFIG, jwt_jwks_url=address + path)
        bearer = call({"Authorization": f"Bearer {token()}"})
        return Authenticator(config).caller(bearer)

    assert ask("/keys").workspace == "demo"
    for path in ("/moved", "/broken", "/page"):
        with pytest.raises(Unavailable):
            ask(path)
