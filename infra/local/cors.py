"""S3's side of CORS: what a bucket with these rules answers to pages of other origins.

Any page may read what it has a presigned URL for: a browser that is led here by a redirect from
another origin says that its origin is `null` (WHATWG Fetch, "HTTP-redirect fetch"), so a rule that
names origins would refuse it; and the URL, not a cookie, is the permission. Only pages of
`CORS_ORIGINS` may send. Without `CORS_ORIGINS` the bucket has no rules, and no page may do either.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

READING: Final = ("GET", "HEAD")
SENDING: Final = ("PUT",)
EXPOSED: Final = (
    "ETag, Content-Range, Content-Length, Accept-Ranges, Content-Disposition, x-amz-checksum-sha256"
)
MAX_AGE_S: Final = 3600


def allowed(method: str, origin: str | None, origins: Collection[str]) -> dict[str, str]:
    """Return the headers that let a page of that origin do so; none where it may not."""
    if origin is None or not origins:
        return {}
    if method in READING or (method in SENDING and "*" in origins):
        return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
    if method in SENDING and origin in origins:
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": EXPOSED,
            "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
        }
    return {}


def preflight(headers: Mapping[str, str], origins: Collection[str]) -> dict[str, str] | None:
    """Return the headers that answer OPTIONS; None where it is to be refused (403)."""
    method = headers.get("access-control-request-method", "")
    answer = allowed(method, headers.get("origin"), origins)
    if not answer:
        return None
    answer["Access-Control-Allow-Methods"] = ", ".join((*READING, *SENDING))
    answer["Access-Control-Max-Age"] = str(MAX_AGE_S)
    if asked := headers.get("access-control-request-headers"):
        answer["Access-Control-Allow-Headers"] = asked
    return answer
