"""The key pair that local tokens are signed with, its public half as JWKS, and the tokens.

One file per checkout, made when first needed: `make token` works against any running system of the
same checkout, whatever its port and data.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

FILE: Final = Path(__file__).resolve().parents[2] / ".cache" / "local-key.pem"
ISSUER: Final = "urn:palimpsest:local"
AUDIENCE: Final = "palimpsest"
ALGORITHM: Final = "RS256"
LIVES_S: Final = 24 * 3600


def key(file: Path = FILE) -> RSAPrivateKey:
    """Return the key of `file`, which is made if it is not there."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = made.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _create(file, pem)
    loaded = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise ValueError(f"{file} is no RSA key; remove it and one will be made.")
    return loaded


def jwks(private: RSAPrivateKey) -> dict[str, Any]:
    """Return the public key set: {"keys": [{"kty": "RSA", "kid": "…", "n": "…", "e": "AQAB"}]}."""
    return {"keys": [_public(private)]}


def token(private: RSAPrivateKey, user: str, workspace: str, now: float | None = None) -> str:
    """Return a bearer token for a user in a workspace, good for a day."""
    import jwt

    at = int(time.time() if now is None else now)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user,
        "name": user,
        "workspace": workspace,
        "iat": at,
        "exp": at + LIVES_S,
    }
    return jwt.encode(claims, private, ALGORITHM, headers={"kid": _public(private)["kid"]})


def _public(private: RSAPrivateKey) -> dict[str, Any]:
    from jwt.algorithms import RSAAlgorithm

    public = json.loads(RSAAlgorithm.to_jwk(private.public_key()))
    kid = hashlib.sha256(public["n"].encode()).hexdigest()[:16]
    return {**public, "use": "sig", "alg": ALGORITHM, "kid": kid}


def _create(file: Path, pem: bytes) -> None:
    """Write the file, unless another process was first; only its owner may read it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    own = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(pem)
    try:
        os.link(own, file)
    except FileExistsError:
        pass
    finally:
        own.unlink()
