"""An issuer of tokens: its key pair, its key set, and what an attacker can make of the latter."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm

ISSUER = "https://issuer.test"
AUDIENCE = "palimpsest"
KID = "2026-11"


@functools.cache
def key(name: str = "ours") -> RSAPrivateKey:
    """Return a key pair; one per name and test run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(private: RSAPrivateKey, kid: str = KID) -> dict[str, Any]:
    """Return the public half as a JWK."""
    return {
        **json.loads(RSAAlgorithm.to_jwk(private.public_key())),
        "kid": kid,
        "use": "sig",
        "alg": "RS256",
    }


def pem(private: RSAPrivateKey) -> bytes:
    """Return the public half as PEM."""
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


class KeySet(jwt.PyJWKClient):
    """The issuer's key set without a network; `down` makes it unreachable. Counts its fetches."""

    def __init__(self, *keys: Mapping[str, Any], cooldown_s: float = 30) -> None:
        super().__init__("https://issuer.test/jwks.json", cooldown_duration=cooldown_s)
        self.served = [dict(each) for each in keys] or [public(key())]
        self.down = False
        self.fetches = 0

    def fetch_data(self) -> Any:
        self.fetches += 1
        if self.down:
            raise jwt.PyJWKClientConnectionError("no route to host")
        data = {"keys": self.served}
        assert self.jwk_set_cache is not None
        self.jwk_set_cache.put(data)  # type: ignore[arg-type]
        self._last_successful_fetch = time.monotonic()
        return data


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token, some changed; `...` takes one away."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u-17",
        "name": "Ada Lovelace",
        "workspace": "demo",
        "iat": now,
        "exp": now + 86_400,
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


def token(private: RSAPrivateKey | None = None, headers: Any = None, **changes: Any) -> str:
    """Return a token, signed by the issuer unless by somebody else."""
    named = {"kid": KID} | (headers or {})
    return jwt.encode(claims(**changes), private or key(), "RS256", headers=named)


def forged(header: Mapping[str, Any], payload: bytes, secret: bytes | None = None) -> str:
    """Return a token with any header at all; signed by HMAC with `secret`, or not signed."""
    signed = _b64(json.dumps(header).encode()) + b"." + _b64(payload)
    mac = b"" if secret is None else hmac.new(secret, signed, hashlib.sha256).digest()
    return (signed + b"." + _b64(mac)).decode()


def signed_raw(header: bytes, payload: bytes) -> str:
    """Return a token with these very bytes, signed by the issuer."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    text = _b64(header) + b"." + _b64(payload)
    return (text + b"." + _b64(key().sign(text, padding.PKCS1v15(), hashes.SHA256()))).decode()


def _b64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
