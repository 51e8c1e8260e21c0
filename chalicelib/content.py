"""L1, the content: immutable bytes in S3, key ``<workspace>/<sha256 hex>``.

And what is stored once under a name: ``<workspace>/jobs/<job>/<step>``, the answers of models.

Equal bytes are stored once per workspace. A put is conditional (`If-None-Match: *`) and S3 checks
the SHA-256 itself, so concurrent puts are safe and no object can differ from its key. Nothing here
overwrites or deletes. Bytes leave by presigned URL only; `docs/content.md` says why.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from chalicelib import aws
from chalicelib.domain.ids import CHECKSUM
from chalicelib.domain.representation import Representation
from chalicelib.errors import ContentDamaged

if TYPE_CHECKING:
    from chalicelib.config import Config

DEPENDENCY: Final = "database"
_translated: Final = partial(aws.translated, "the content store", DEPENDENCY)
MAX_UPLOAD_BYTES: Final = 5 * 1024**3
"""One PutObject. AWS, "Amazon S3 quotas", read 2026-11."""
CACHED_OBJECT_BYTES: Final = 4 * 1024 * 1024
"""Larger objects are read anew each time."""

INLINE: Final = frozenset(
    {
        "application/pdf",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/plain",
    }
)
"""Media types that no browser runs script from; all others are sent as attachments."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Where and how a client sends bytes: `method` to `url`, with exactly these `headers`."""

    url: str
    method: str
    headers: Mapping[str, str]


class Content:
    """The bytes of every workspace."""

    def __init__(self, config: Config) -> None:
        self._bucket = config.content_bucket
        self._endpoint = config.content_endpoint_url or None
        self._presigned_s = config.presigned_s
        self._cache = _ByteCache(config.content_cache_bytes)
        self._lock = threading.Lock()
        self._client: Any = None
        self._signer: Any = None

    def put(self, workspace: str, data: bytes) -> str:
        """Store bytes and return their checksum. Storing the same again changes nothing."""
        digest = hashlib.sha256(data)
        checksum = digest.hexdigest()
        with _translated():
            self._put(_key(workspace, checksum), data, digest.digest())
        self._cache.put((workspace, checksum), data)
        return checksum

    def size(self, workspace: str, checksum: str) -> int | None:
        """Return the size of stored bytes, None if the workspace does not hold them."""
        if not CHECKSUM.match(checksum):
            return None
        with _translated():
            try:
                head = self._s3.head_object(Bucket=self._bucket, Key=_key(workspace, checksum))
            except aws.refusals() as error:
                if aws.status_of(error) == 404:
                    return None
                raise
        return int(head["ContentLength"])

    def get(self, workspace: str, checksum: str) -> tuple[bytes, bool]:
        """Return the bytes, and whether they came from the cache. For text, not for bulk.

        Raises ContentDamaged when they are gone or differ from their checksum.
        """
        cached = self._cache.get((workspace, checksum))
        if cached is not None:
            return cached, True
        data = self._read(workspace, checksum)
        if hashlib.sha256(data).hexdigest() != checksum:
            raise ContentDamaged(f"the content {checksum} differs from its checksum")
        self._cache.put((workspace, checksum), data)
        return data, False

    def upload(self, workspace: str, checksum: str, size: int) -> Upload:
        """Return where to PUT `size` bytes with that SHA-256; S3 refuses any others.

        No call is made. The URL lives as long as the setting `presigned_s` says.
        """
        sha256 = base64.b64encode(bytes.fromhex(checksum)).decode()
        url = self._presigner.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": _key(workspace, checksum),
                "ChecksumSHA256": sha256,
                "ContentLength": size,
            },
            ExpiresIn=self._presigned_s,
            HttpMethod="PUT",
        )
        headers = {"x-amz-checksum-sha256": sha256, "content-length": str(size)}
        return Upload(url, "PUT", headers)

    def download(
        self, workspace: str, representation: Representation, *, method: str = "GET"
    ) -> str:
        """Return a presigned URL that answers with the bytes and the representation's type.

        No call is made. Types that a browser might run are sent as attachments.
        """
        operation = "head_object" if method == "HEAD" else "get_object"
        url: str = self._presigner.generate_presigned_url(
            operation,
            Params={
                "Bucket": self._bucket,
                "Key": _key(workspace, representation.checksum),
                "ResponseContentType": representation.format,
                "ResponseContentDisposition": _disposition(representation),
                "ResponseCacheControl": "private, max-age=31536000, immutable",
            },
            ExpiresIn=self._presigned_s,
            HttpMethod=method,
        )
        return url

    def put_named(self, workspace: str, name: str, data: bytes) -> bool:
        """Store bytes under a name of ours, once: False if there are some already, which stay.

        Names have a slash in them, so that none is the checksum of content.
        """
        assert "/" in name
        with _translated():
            return self._put(_key(workspace, name), data, hashlib.sha256(data).digest())

    def get_named(self, workspace: str, name: str) -> bytes | None:
        """Return what `put_named` stored, None if nothing was."""
        with _translated():
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=_key(workspace, name))
                data: bytes = found["Body"].read()
            except aws.refusals() as error:
                if aws.status_of(error) == 404:
                    return None
                raise
        return data

    def ping(self) -> None:
        """Do one cheap call; raises Unavailable when the bucket does not answer."""
        with _translated():
            self._s3.head_bucket(Bucket=self._bucket)

    def _put(self, key: str, data: bytes, sha256: bytes) -> bool:
        """Return whether it was stored; False if there was something under the key."""
        for last in (False, False, True):
            try:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=data,
                    IfNoneMatch="*",
                    ChecksumSHA256=base64.b64encode(sha256).decode(),
                )
                return True
            except aws.refusals() as error:
                if aws.status_of(error) == 412:  # it is there already
                    return False
                if aws.status_of(error) != 409 or last:  # 409: another put of the same is under way
                    raise
        raise AssertionError("unreachable")

    def _read(self, workspace: str, checksum: str) -> bytes:
        with _translated():
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=_key(workspace, checksum))
            except aws.refusals() as error:
                if aws.status_of(error) == 404:
                    raise ContentDamaged(f"the content {checksum} is missing") from error
                raise
            data: bytes = found["Body"].read()
            return data

    @property
    def _s3(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _s3_client(None)
            return self._client

    @property
    def _presigner(self) -> Any:
        if self._endpoint is None:
            return self._s3
        with self._lock:
            if self._signer is None:
                self._signer = _s3_client(self._endpoint)
            return self._signer


def _s3_client(endpoint: str | None) -> Any:
    from botocore.config import Config as Settings

    style: Any = {"addressing_style": "path"} if endpoint else {}
    return aws.client(
        "s3",
        endpoint_url=endpoint,
        config=Settings(
            signature_version="s3v4",
            s3=style,
            connect_timeout=1,
            read_timeout=10,
            retries={"mode": "standard", "total_max_attempts": 4},
            max_pool_connections=32,
            # Only the checksums that we ask for: a presigned URL must not name others.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _key(workspace: str, checksum: str) -> str:
    return f"{workspace}/{checksum}"


def _disposition(representation: Representation) -> str:
    message = Message()
    message["content-type"] = representation.format
    kind = "inline" if message.get_content_type() in INLINE else "attachment"
    if representation.filename is None:
        return kind
    # RFC 6266: the plain form for old clients, the extended one for the real name.
    plain = "".join(
        c if c.isascii() and (c.isalnum() or c in "._- ") else "_"
        for c in (representation.filename)
    )
    real = quote(representation.filename, safe="")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{real}"


class _ByteCache:
    """Immutable bytes by key, least recently used out first, bounded in bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._held: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str]) -> bytes | None:
        with self._lock:
            data = self._held.get(key)
            if data is not None:
                self._held.move_to_end(key)
            return data

    def put(self, key: tuple[str, str], data: bytes) -> None:
        if len(data) > min(CACHED_OBJECT_BYTES, self._limit):
            return
        with self._lock:
            if key not in self._held:
                self._held[key] = data
                self._size += len(data)
            while self._size > self._limit:
                _, dropped = self._held.popitem(last=False)
                self._size -= len(dropped)
