"""S3's side of presigned URLs, at `/_s3/<bucket>/<key>`: GET, HEAD and PUT, and OPTIONS for pages.

Signature and expiry are checked, the bytes of a PUT have the length and the SHA-256 that were
signed, and bytes pass through in pieces, so that a large object never stands in memory. No answer
can run a script on our origin, whatever its type: it is sandboxed, and no browser guesses types.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import unquote
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from infra.local import blob, cors, sigv4
from infra.local.aws import ACCOUNT
from infra.local.door import DOOR
from infra.local.sigv4 import RefusedError

PREFIX: Final = "/_s3/"
PUT_BYTES: Final = 5 * 1024**3  # AWS, "Amazon S3 quotas", read 2026-11

_SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Accept-Ranges": "bytes",
}
_OVERRIDES: Final = {
    "response-content-type": "Content-Type",
    "response-content-disposition": "Content-Disposition",
    "response-content-encoding": "Content-Encoding",
    "response-content-language": "Content-Language",
    "response-cache-control": "Cache-Control",
    "response-expires": "Expires",
}
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class _Target:
    bucket: str
    name: str


async def serve(request: Request, origins: Collection[str] = ()) -> Response:
    """Answer a request to a presigned URL as S3 would; `origins` are those of `CORS_ORIGINS`."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    if request.method == "OPTIONS" and "origin" in headers:
        answer = cors.preflight(headers, origins)
        if answer is not None:
            return Response(status_code=200, headers={**_SAFE, **answer})
        return _error(RefusedError(403, "AccessForbidden", "This CORS request is not allowed."))
    response = await _served(request, headers)
    response.headers.update(cors.allowed(request.method, headers.get("origin"), origins))
    return response


async def _served(request: Request, headers: Mapping[str, str]) -> Response:
    path = request.scope["raw_path"].decode("ascii")
    try:
        if request.method not in {"GET", "HEAD", "PUT"}:
            raise RefusedError(405, "MethodNotAllowed", f"{request.method} is not allowed here")
        given = sigv4.check(request.method, path, request.url.query, headers, datetime.now(UTC))
        bucket, _, name = unquote(path.removeprefix(PREFIX)).partition("/")
        if request.method == "PUT":
            return await _put(request.stream(), headers, _Target(bucket, name))
        return await run_in_threadpool(_get, request.method, headers, given, _Target(bucket, name))
    except RefusedError as refused:
        return _error(refused)


def _get(
    method: str, headers: Mapping[str, str], given: Mapping[str, str], target: _Target
) -> Response:
    key = _find(target)
    etag: str = key.etag
    answer = {
        **_SAFE,
        "ETag": etag,
        "Last-Modified": format_datetime(key.last_modified.replace(tzinfo=UTC), usegmt=True),
        "Content-Type": key.metadata.get("content-type", "binary/octet-stream"),
    }
    for name in ("cache-control", "content-disposition", "content-encoding", "content-language"):
        if name in key.metadata:
            answer[name.title()] = key.metadata[name]
    answer.update({name: given[p] for p, name in _OVERRIDES.items() if p in given})
    if not _matches(headers.get("if-match", "*"), etag):
        raise RefusedError(412, "PreconditionFailed", "The entity tag is another")
    if "if-none-match" in headers and _matches(headers["if-none-match"], etag):
        return Response(status_code=304, headers=answer)
    size: int = key.contentsize
    asked = headers.get("range", "") if headers.get("if-range", etag) == etag else ""
    start, end, status = _range(asked, size)
    if status == 206:
        answer["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    answer["Content-Length"] = str(end - start)
    if method == "HEAD":
        return Response(status_code=status, headers=answer)
    return StreamingResponse(blob.chunks(key, start, end), status_code=status, headers=answer)


def _find(target: _Target) -> Any:
    from moto.s3.exceptions import MissingBucket
    from moto.s3.models import s3_backends

    with DOOR.call():
        try:
            key = s3_backends[ACCOUNT]["aws"].get_object(target.bucket, target.name)
        except MissingBucket:
            key = None
    if key is None:
        raise RefusedError(404, "NoSuchKey", "The specified key does not exist.")
    return key


def _matches(listed: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in listed.split(",")]
    return "*" in tags or etag in tags or etag.strip('"') in tags


def _range(asked: str, size: int) -> tuple[int, int, int]:
    """Return start, end (exclusive) and status. What is not one byte range is ignored, as by S3."""
    found = _RANGE.fullmatch(asked.strip())
    if not found or not (found[1] or found[2]):
        return 0, size, 200
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
        if found[2] and int(found[2]) < start:
            return 0, size, 200
    if start >= size:
        raise RefusedError(416, "InvalidRange", "The requested range is not satisfiable")
    return start, end, 206


async def _put(
    stream: AsyncIterator[bytes], headers: Mapping[str, str], target: _Target
) -> Response:
    file = tempfile.SpooledTemporaryFile(max_size=blob.CHUNK_BYTES)  # noqa: SIM115 (handed over)
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    try:
        async for piece in stream:
            size += len(piece)
            if size > PUT_BYTES:
                raise RefusedError(400, "EntityTooLarge", "An upload has at most 5 GiB")
            sha256.update(piece)
            md5.update(piece)
            file.write(piece)
        claimed = headers.get("x-amz-checksum-sha256")
        if claimed is not None and claimed != base64.b64encode(sha256.digest()).decode():
            raise RefusedError(
                400, "BadDigest", "The SHA256 you specified did not match the calculated checksum."
            )
        if headers.get("content-length", str(size)) != str(size):
            raise RefusedError(400, "IncompleteBody", "The body has not the length that was named")
        await run_in_threadpool(_store, target, headers, file, size, md5.hexdigest())
    except (RefusedError, ClientDisconnect):
        file.close()
        raise
    answer = {**_SAFE, "ETag": f'"{md5.hexdigest()}"'}
    if claimed:
        answer["x-amz-checksum-sha256"] = claimed
    return Response(status_code=200, headers=answer)


def _store(target: _Target, headers: Mapping[str, str], file: Any, size: int, etag: str) -> None:
    from moto.s3.exceptions import MissingBucket
    from moto.s3.models import s3_backends
    from moto.s3.utils import metadata_from_headers

    with DOOR.call():
        backend = s3_backends[ACCOUNT]["aws"]
        try:
            there = backend.get_object(target.bucket, target.name)
        except MissingBucket:
            raise RefusedError(404, "NoSuchBucket", "There is no such bucket") from None
        if headers.get("if-none-match") == "*" and there is not None:
            raise RefusedError(
                412, "PreconditionFailed", "At least one of the preconditions did not hold"
            )
        key: Any = backend.put_object(target.bucket, target.name, b"")
        blob.attach(key, file, size, etag)
        key.set_metadata(metadata_from_headers(dict(headers)))
        if checksum := headers.get("x-amz-checksum-sha256"):
            key.checksum_algorithm, key.checksum_value = "SHA256", checksum


def _error(refused: RefusedError) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message></Error>"
    )
    headers = dict(_SAFE)
    if refused.status == 405:
        headers["Allow"] = "GET, HEAD, PUT"
    return Response(body, refused.status, headers, media_type="application/xml")
