"""Who is asking: a verified bearer JWT, or the local user on a loopback address.

The configuration fixes issuer, audience, key set and algorithms. What the token says of its own
verification (`alg`, `jku`, `x5u`, `jwk`) chooses nothing: `alg` must be one of ours and the one
that the key is for, and keys come from the configured set alone, by `kid`.

A token of ours::

    header  {"alg": "RS256", "kid": "2026-11", "typ": "JWT"}
    payload {"iss": "https://issuer", "aud": "palimpsest", "sub": "u-17", "workspace": "demo",
             "name": "Ada", "iat": 1795420800, "exp": 1795424400}
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from chalicelib.config import Config, Misconfigured
from chalicelib.domain.actor import Actor, ActorType
from chalicelib.domain.ids import WORKSPACE
from chalicelib.edge import strict_json
from chalicelib.edge.call import Call, Caller
from chalicelib.errors import Forbidden, Malformed, Unauthenticated, Unavailable

if TYPE_CHECKING:
    from jwt import PyJWK, PyJWKClient

LEEWAY_S: Final = 30  # clocks differ
KEYS_LIVE_S: Final = 600  # so long a key that the issuer withdrew is still trusted
KEYS_COOLDOWN_S: Final = 30  # between two fetches for unknown `kid`s, whatever strangers send
KEYS_TIMEOUT_S: Final = 3
KEYS_PAUSE_S: Final = 5  # after a failed fetch; until then the answer is 503 at once
MAX_TOKEN_CHARS: Final = 8192  # API Gateway takes 10,240 bytes of headers in all

# RFC 7518, 3.1, without `none` and the symmetric ones: with a public key set there is no secret.
_ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_BEARER: Final = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)\Z")
_LOOPBACK_HOST: Final = re.compile(r"(?i:localhost)|127\.0\.0\.1|\[::1\]")
_HOST: Final = re.compile(rf"(?:{_LOOPBACK_HOST.pattern})(?::\d{{1,5}})?\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Authenticator:
    """Says who makes a call. One per `System`; it keeps the issuer's keys.

    `keys` may be given by tests; else they are fetched from `config.jwt_jwks_url` when needed.
    """

    def __init__(self, config: Config, keys: PyJWKClient | None = None) -> None:
        unknown = set(config.jwt_algorithms) - _ALGORITHMS
        if unknown or not config.jwt_algorithms:
            raise Misconfigured(
                f"JWT_ALGORITHMS={' '.join(config.jwt_algorithms)!r}: "
                f"choose from {' '.join(sorted(_ALGORITHMS))}"
            )
        self._config = config
        self._keys = keys
        self._paused_until = 0.0
        self._lock = threading.Lock()

    def caller(self, call: Call) -> Caller:
        """Return who asks. Raises `Unauthenticated`, `Forbidden`, or `Unavailable` (no keys)."""
        authorization = call.headers.joined("Authorization")
        if authorization is not None:
            return self._bearer(authorization)
        return self._local_user(call)

    # -- tokens ---------------------------------------------------------------------------------

    def _bearer(self, authorization: str) -> Caller:
        found = _BEARER.match(authorization.strip())
        if found is None or len(authorization) > MAX_TOKEN_CHARS:
            raise _refused("Authorization must be `Bearer` and one signed JWT")
        return self._caller_of(self._verified(found[1]))

    def _verified(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that verifies, or raise; its own words are not repeated."""
        import jwt

        config = self._config
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in config.jwt_algorithms:
                raise _refused("The token's algorithm is not accepted")
            if "crit" in header or not isinstance(header.get("kid"), str):
                raise _refused("The token's header names no key, or extensions we do not know")
            jwt.decode(
                token,
                key=self._key(header["kid"]),
                algorithms=list(config.jwt_algorithms),
                issuer=config.jwt_issuer,
                audience=config.jwt_audience if config.jwt_audience_claim == "aud" else None,
                leeway=LEEWAY_S,
                options={
                    "require": ["iss", "sub", "iat", "exp", config.jwt_audience_claim],
                    "verify_aud": config.jwt_audience_claim == "aud",
                    "enforce_minimum_key_length": True,
                },
            )
            # Read once more, strictly: of two claims with one name, PyJWT would take the last.
            claims = strict_json.loads(_segment(token, 1))
            strict_json.loads(_segment(token, 0))
        except jwt.ExpiredSignatureError:
            raise _refused("The token has expired") from None
        except jwt.ImmatureSignatureError:
            raise _refused("The token is not valid yet") from None
        except jwt.InvalidIssuerError:
            raise _refused("The token is from another issuer") from None
        except jwt.InvalidAudienceError:
            raise _refused("The token is for another audience") from None
        except jwt.MissingRequiredClaimError as error:
            raise _refused(f"The token lacks the claim {error.claim}") from None
        except (jwt.PyJWTError, Malformed, ValueError, TypeError, OverflowError):
            raise _refused("The token does not verify") from None
        if config.jwt_audience_claim != "aud":
            named = claims[config.jwt_audience_claim]
            if config.jwt_audience not in (named if isinstance(named, list) else [named]):
                raise _refused("The token is for another audience")
        return claims  # type: ignore[no-any-return]

    def _key(self, kid: str) -> PyJWK:
        """Return the issuer's key of that id.

        Raises PyJWKClientError for an unknown id, `Unavailable` when the key set cannot be had.
        """
        from jwt import PyJWKClient, PyJWKClientConnectionError, PyJWKSetError

        with self._lock:
            if self._keys is None:
                self._keys = PyJWKClient(
                    self._config.jwt_jwks_url,
                    lifespan=KEYS_LIVE_S,
                    timeout=KEYS_TIMEOUT_S,
                    cooldown_duration=KEYS_COOLDOWN_S,
                )
        if time.monotonic() < self._paused_until:
            raise _no_keys()
        try:
            return self._keys.get_signing_key(kid)
        except (PyJWKClientConnectionError, PyJWKSetError, OSError, ValueError) as error:
            self._paused_until = time.monotonic() + KEYS_PAUSE_S
            raise _no_keys() from error

    def _caller_of(self, claims: Mapping[str, Any]) -> Caller:
        config = self._config
        subject = claims["sub"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= 256 or _CONTROL.search(subject):
            raise _refused("The token's subject cannot be used")
        workspace = claims.get(config.jwt_workspace_claim)
        if not isinstance(workspace, str) or not WORKSPACE.match(workspace):
            raise Forbidden(
                f"The token's claim {config.jwt_workspace_claim!r} names no workspace "
                "(1 to 40 of a-z, 0-9 and -)"
            )
        name = claims.get(config.jwt_name_claim)
        if not isinstance(name, str) or not _CONTROL.sub("", name).strip():
            name = subject
        name = _CONTROL.sub("", name).strip()[:200]
        return Caller(Actor(subject, _type_of(claims), name), workspace)

    # -- the local user -------------------------------------------------------------------------

    def _local_user(self, call: Call) -> Caller:
        """Return the local user, for a request from this machine to this machine by name.

        `Host` is checked against DNS rebinding, `Origin` against other sites' pages.
        """
        config = self._config
        if not config.local_user:
            raise Unauthenticated("This call needs a bearer token")
        host = call.headers.one("Host") or ""
        if not _is_loopback(call.source_ip) or not _HOST.match(host):
            raise Unauthenticated("Without a token, only localhost may call, as localhost")
        origin = call.headers.one("Origin")
        if origin is not None:
            own = {f"http://{host}".lower(), f"https://{host}".lower()}
            if origin.lower() not in own and origin not in config.cors_origins:
                raise Forbidden("Pages of other origins may not use the local user")
        actor = Actor(config.local_user, "Person", config.local_user)
        return Caller(actor, config.local_workspace)


def challenge(error: Unauthenticated) -> str:
    """Return the WWW-Authenticate header of a 401 (RFC 6750, 3)."""
    if error.extra.get("error") is None:
        return 'Bearer realm="palimpsest"'
    said = error.detail.replace('"', "'")
    return f'Bearer realm="palimpsest", error="invalid_token", error_description="{said}"'


def _refused(detail: str) -> Unauthenticated:
    return Unauthenticated(detail, error="invalid_token")


def _no_keys() -> Unavailable:
    return Unavailable("The issuer's keys cannot be fetched", dependency="identity", retry_after=5)


def _type_of(claims: Mapping[str, Any]) -> ActorType:
    """Tell programs: with client credentials the subject is the client (RFC 9068, 2.2)."""
    subject = claims["sub"]
    by_itself = subject in (claims.get("client_id"), claims.get("azp"))
    return "Software" if by_itself or claims.get("gty") == "client-credentials" else "Person"


def _segment(token: str, index: int) -> bytes:
    import base64

    text = token.split(".")[index]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _is_loopback(address: str) -> bool:
    import ipaddress

    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)
