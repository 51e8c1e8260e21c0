"""Checks the signature of a presigned S3 URL, as S3 does: by making it again.

.../_s3/<bucket>/<key>?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=local%2F20261123%2F
us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261123T093500Z&X-Amz-Expires=900
&X-Amz-SignedHeaders=host&X-Amz-Signature=<64 hex digits>
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl

from infra.local.aws import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY

# AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", read 2026-11.
MOST_S: Final = 7 * 24 * 3600
CLOCK_SKEW_S: Final = 15 * 60


class RefusedError(Exception):
    """What S3 answers with an error document: status, code, message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def check(
    method: str, path: str, query: str, headers: Mapping[str, str], now: datetime
) -> Mapping[str, str]:
    """Return the URL's parameters if the signature is right and still valid; else `RefusedError`.

    `path` and `query` are percent-encoded as they came; header names are in lower case.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    try:
        signature, signed = given["X-Amz-Signature"], given["X-Amz-SignedHeaders"].split(";")
        key, date, region, service, kind = given["X-Amz-Credential"].split("/")
        at = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lives_s = int(given["X-Amz-Expires"])
    except KeyError:
        raise RefusedError(403, "AccessDenied", "Access Denied") from None
    except ValueError as error:
        raise RefusedError(400, "AuthorizationQueryParametersError", str(error)) from None
    if given.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" or not 0 < lives_s <= MOST_S:
        raise RefusedError(
            400, "AuthorizationQueryParametersError", "The algorithm or the expiry is not supported"
        )
    if (key, region, service, kind) != (ACCESS_KEY_ID, REGION, "s3", "aws4_request"):
        raise RefusedError(403, "InvalidAccessKeyId", "The credential is not one of this system")
    if at > now + timedelta(seconds=CLOCK_SKEW_S) or date != at.strftime("%Y%m%d"):
        raise RefusedError(403, "AccessDenied", "Request is not yet valid")
    if now >= at + timedelta(seconds=lives_s):
        raise RefusedError(403, "AccessDenied", "Request has expired")
    unsigned = {name for name in headers if name.startswith("x-amz-")} - set(signed)
    if unsigned or "host" not in signed:
        raise RefusedError(
            403, "AccessDenied", "There were headers present in the request which were not signed"
        )
    named = {name: headers[name] for name in signed if name in headers}
    if not hmac.compare_digest(signature, _signature(method, path, query, named)):
        raise RefusedError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided",
        )
    return given


def _signature(method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    from botocore.auth import S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    signer = S3SigV4QueryAuth(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), "s3", REGION)
    parts = [part for part in query.split("&") if not part.startswith("X-Amz-Signature=")]
    url = f"http://{headers.get('host', '')}{path}?{'&'.join(parts)}"
    request = AWSRequest(method=method, url=url, headers=dict(headers))
    request.context["timestamp"] = dict(parse_qsl(query))["X-Amz-Date"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    made: str = signer.signature(text, request)
    return made
