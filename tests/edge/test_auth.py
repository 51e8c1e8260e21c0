"""Who is asking. Every token but a good one is refused, whatever it says of itself."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chalicelib.config import Misconfigured
from chalicelib.domain.actor import Actor
from chalicelib.edge.auth import Authenticator, challenge
from chalicelib.edge.call import Caller
from chalicelib.errors import AppError, Forbidden, Unauthenticated
from tests.edge import issuer
from tests.edge.calls import CONFIG, call, caller
from tests.edge.issuer import KeySet, claims, forged, key, pem, public, signed_raw, token


def refused(bearer: str, **more: Any) -> str:
    with pytest.raises(Unauthenticated) as error:
        caller(bearer, **more)
    assert error.value.extra["error"] == "invalid_token"
    return error.value.detail


def test_a_good_token_names_actor_and_workspace() -> None:
    assert caller(token()) == Caller(Actor("u-17", "Person", "Ada Lovelace"), "demo")


def test_the_scheme_is_known_in_any_case() -> None:
    found = Authenticator(CONFIG, KeySet()).caller(call({"authorization": f"bEARER {token()}"}))

    assert found.workspace == "demo"


def test_without_a_name_the_subject_is_the_name() -> None:
    assert caller(token(name=...)).actor.name == "u-17"
    assert caller(token(name="\n\x00 ")).actor.name == "u-17"
    assert caller(token(name="A\nB\u2028C")).actor.name == "ABC"


@pytest.mark.parametrize(
    "more", [{"client_id": "u-17"}, {"azp": "u-17"}, {"gty": "client-credentials"}]
)
def test_a_client_that_acts_for_itself_is_software(more: dict[str, str]) -> None:
    assert caller(token(**more)).actor.type == "Software"


def test_claims_have_the_names_that_the_configuration_gives_them() -> None:
    cognito = replace(
        CONFIG,
        jwt_audience_claim="client_id",
        jwt_workspace_claim="custom:workspace",
        jwt_name_claim="username",
    )
    theirs = {"aud": ..., "client_id": "palimpsest", "custom:workspace": "acme", "username": "ada"}

    found = caller(token(workspace=..., **theirs), cognito)

    assert (found.workspace, found.actor.name) == ("acme", "ada")
    refused(token(workspace=..., **theirs | {"client_id": "another"}), config=cognito)
    refused(token(workspace=..., **theirs | {"client_id": ...}), config=cognito)
    refused(token(workspace=..., **theirs | {"client_id": {"palimpsest": 1}}), config=cognito)


# -- attacks ------------------------------------------------------------------------------------


def test_a_token_without_a_signature_is_refused() -> None:
    payload = json.dumps(claims()).encode()
    for alg in ("none", "None", "NONE", "nOnE", "", None):
        assert forged({"alg": alg, "kid": issuer.KID, "typ": "JWT"}, payload).endswith(".")
        refused(forged({"alg": alg, "kid": issuer.KID, "typ": "JWT"}, payload))
        refused(forged({"alg": alg, "kid": issuer.KID}, payload, b"") + "AA")


def test_the_public_key_is_no_hmac_secret() -> None:
    payload = json.dumps(claims()).encode()
    jwk = json.dumps(public(key())).encode()
    for secret in (pem(key()), pem(key()).strip(), jwk, b"", b"\0"):
        for alg in ("HS256", "HS384", "hs256"):
            refused(forged({"alg": alg, "kid": issuer.KID, "typ": "JWT"}, payload, secret))


def test_symmetric_algorithms_and_none_cannot_be_configured() -> None:
    for algorithms in (("HS256",), ("RS256", "none"), ()):
        with pytest.raises(Misconfigured, match="JWT_ALGORITHMS"):
            Authenticator(replace(CONFIG, jwt_algorithms=algorithms))


def test_an_algorithm_that_is_not_configured_is_refused_even_with_the_right_key() -> None:
    import jwt

    other = jwt.encode(claims(), key(), "RS512", headers={"kid": issuer.KID})

    refused(other)
    # Configured, but the key is for RS256: the key decides.
    refused(other, config=replace(CONFIG, jwt_algorithms=("RS256", "RS512")))


def test_keys_that_the_token_brings_or_names_are_not_used() -> None:
    theirs = key("attacker")
    for header in (
        {"jwk": public(theirs)},
        {"jku": "http://attacker.test/jwks.json"},
        {"x5u": "http://attacker.test/chain.pem"},
        {"x5c": ["MIIB"]},
    ):
        keys = KeySet()
        refused(token(theirs, headers=header), keys=keys)
        assert keys.fetches == 1


@pytest.mark.parametrize(
    "kid",
    [
        "attacker",
        "",
        "../../../dev/null",
        "/dev/null",
        "' OR '1'='1",
        "2026-11\x00",
        "http://attacker.test/jwks.json",
        "2026-11 ",
    ],
)
def test_a_kid_is_looked_up_in_the_issuers_set_and_nowhere_else(kid: str) -> None:
    refused(token(key("attacker"), headers={"kid": kid}))
    refused(token(headers={"kid": kid}))


@pytest.mark.parametrize("kid", [None, 7, ["2026-11"], {"kid": "2026-11"}, True])
def test_a_kid_that_is_no_text_is_refused(kid: Any) -> None:
    refused(forged({"alg": "RS256", "kid": kid}, json.dumps(claims()).encode(), b"x"))


def test_extensions_that_must_be_understood_are_not() -> None:
    refused(token(headers={"crit": ["b64"], "b64": False}))
    refused(token(headers={"crit": ["exp"]}))
    refused(
        signed_raw(b'{"alg":"RS256","kid":"2026-11","b64":false}', json.dumps(claims()).encode())
    )


def test_another_issuers_key_under_our_kid_does_not_verify() -> None:
    assert refused(token(key("attacker"))) == "The token does not verify"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exp": int(time.time()) - 31}, "expired"),
        ({"nbf": int(time.time()) + 3600}, "not valid yet"),
        ({"iat": int(time.time()) + 3600}, "not valid yet"),
        ({"iss": "https://issuer.test/"}, "issuer"),
        ({"iss": "https://attacker.test"}, "issuer"),
        ({"iss": ["https://issuer.test"]}, ""),
        ({"aud": "another"}, "audience"),
        ({"aud": ["another", "palimpsest2"]}, "audience"),
        ({"aud": []}, "aud"),
        ({"aud": {"palimpsest": 1}}, ""),
        ({"sub": 17}, ""),
        ({"sub": ""}, "subject"),
        ({"sub": "a\nb"}, "subject"),
        ({"sub": "x" * 257}, "subject"),
        ({"exp": "soon"}, ""),
        ({"exp": None}, ""),
        ({"exp": 10**400}, ""),
        ({"nbf": []}, ""),
    ],
)
def test_a_claim_that_is_wrong_is_refused(changes: dict[str, Any], said: str) -> None:
    try:
        bearer = token(**changes)
    except (TypeError, ValueError):  # PyJWT will not write it: an issuer that would, is imagined
        bearer = signed_raw(
            b'{"alg":"RS256","kid":"2026-11"}', json.dumps(claims(**changes)).encode()
        )

    assert said in refused(bearer)


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "iat", "exp"])
def test_a_claim_that_is_missing_is_refused_by_name(name: str) -> None:
    assert name in refused(token(**{name: ...}))


def test_a_clock_may_differ_by_half_a_minute() -> None:
    now = int(time.time())

    assert caller(token(exp=now - 20)).workspace == "demo"
    assert caller(token(iat=now + 20, nbf=now + 20)).workspace == "demo"
    assert caller(token(aud=["x", "palimpsest"])).workspace == "demo"


@pytest.mark.parametrize(
    "workspace",
    [
        ...,
        None,
        "",
        "Demo",
        "a/b",
        "a#b",
        "demo\n",
        "x" * 41,
        "ä",
        ["demo"],
        {"a": 1},
        7,
        "..",
        "a b",
    ],
)
def test_a_token_without_a_workspace_that_can_be_is_known_but_forbidden(workspace: Any) -> None:
    with pytest.raises(Forbidden, match="workspace"):
        caller(token(workspace=workspace))


def test_a_claim_that_stands_twice_is_refused() -> None:
    twice = json.dumps(claims())[:-1] + ',"workspace":"victim"}'
    header = json.dumps({"alg": "RS256", "kid": issuer.KID}).encode()

    refused(signed_raw(header, twice.encode()))
    refused(signed_raw(header[:-1] + b',"kid":"2026-11"}', json.dumps(claims()).encode()))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dTpw",
        "Bearer a.b",
        "Bearer a.b.c.d",
        "Bearer a.b.c, Bearer a.b.c",
        "Bearer ä.b.c",
        "Token a.b.c",
        "Bearer " + "a" * 9000 + ".b.c",
    ],
)
def test_what_is_no_bearer_token_is_refused(authorization: str) -> None:
    with pytest.raises(Unauthenticated):
        Authenticator(CONFIG, KeySet()).caller(call({"Authorization": authorization}))


def test_two_tokens_are_none() -> None:
    with pytest.raises(Unauthenticated):
        Authenticator(CONFIG, KeySet()).caller(call({"Authorization": [f"Bearer {token()}"] * 2}))


GOOD = token()
AUTHENTICATOR = Authenticator(CONFIG, KeySet(cooldown_s=3600))


@settings(max_examples=400)
@given(st.data())
def test_no_change_of_a_good_token_is_accepted(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    change = data.draw(st.sampled_from(["flip", "drop", "double", "cut", "swap"]))
    letter = data.draw(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    )
    match change:
        case "flip":
            mutant = GOOD[:at] + letter + GOOD[at + 1 :]
        case "drop":
            mutant = GOOD[:at] + GOOD[at + 1 :]
        case "double":
            mutant = GOOD[:at] + GOOD[at] + GOOD[at:]
        case "cut":
            mutant = GOOD[:at]
        case _:
            other = data.draw(st.integers(0, len(GOOD) - 1))
            mutant = GOOD[:at] + GOOD[other] + GOOD[at + 1 :]
    assume(not _same(mutant, GOOD))

    with pytest.raises(AppError):
        AUTHENTICATOR.caller(call({"Authorization": f"Bearer {mutant}"}))


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "jku", "jwk", "x5u", "crit", "b64", "cty", "zip"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=8)
        | st.lists(st.text(max_size=3)),
    ),
    st.binary(max_size=30) | st.just(json.dumps(claims()).encode()),
    st.none() | st.binary(max_size=20),
)
def test_no_header_talks_its_way_in(header: Any, payload: bytes, secret: bytes | None) -> None:
    with pytest.raises(AppError):
        AUTHENTICATOR.caller(call({"Authorization": f"Bearer {forged(header, payload, secret)}"}))


def _same(mutant: str, good: str) -> bool:
    """Tell whether both spell the same bytes: unused bits of a last letter say nothing."""

    def read(token: str) -> list[bytes]:
        parts = token.split(".")
        return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts]

    try:
        return read(mutant) == read(good)
    except ValueError:
        return False


# -- what a 401 says ----------------------------------------------------------------------------


def test_a_401_asks_for_a_bearer_token_and_says_what_was_wrong_with_the_one_that_came() -> None:
    assert challenge(Unauthenticated("x")) == 'Bearer realm="palimpsest"'
    assert challenge(Unauthenticated('a "b"', error="invalid_token")) == (
        'Bearer realm="palimpsest", error="invalid_token", error_description="a \'b\'"'
    )
