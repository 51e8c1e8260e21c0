"""The bucket as it is stored: what lies in it, and the only place from which bytes are removed.

::

    <workspace>/<sha256>             content
    _removed/<workspace>/<sha256>    content that nobody named, until it is purged

Signed lists of heads lie in a bucket of their own, where nothing is overwritten or deleted.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from chalicelib import aws
from chalicelib.domain.ids import CHECKSUM, WORKSPACE
from chalicelib.errors import ContentDamaged

if TYPE_CHECKING:
    from chalicelib.config import Config

DEPENDENCY: Final = "database"
_translated: Final = partial(aws.translated, "the content store", DEPENDENCY)
REMOVED: Final = "_removed/"
CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of content: whose, which, how large, and since when (Unix seconds)."""

    workspace: str
    checksum: str
    size: int
    since_s: float


class Writes(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object: ...


class Objects:
    """The bytes of every workspace, and the lists of heads, as stored."""

    def __init__(self, config: Config) -> None:
        self._content = config.content_bucket
        self._heads = config.heads_bucket
        self._lock = threading.Lock()
        self._client: Any = None

    # -- content --------------------------------------------------------------------------------

    def content(self, workspace: str | None = None, *, removed: bool = False) -> Iterator[Stored]:
        """Yield the content of a workspace or of all, or what was removed of it."""
        prefix = REMOVED if removed else ""
        for item in self._listed(self._content, prefix + (f"{workspace}/" if workspace else "")):
            name, slash, checksum = item["Key"].removeprefix(prefix).partition("/")
            if slash and WORKSPACE.match(name) and CHECKSUM.match(checksum):
                yield Stored(name, checksum, int(item["Size"]), item["LastModified"].timestamp())

    def verify(self, workspace: str, checksum: str) -> int:
        """Read the stored bytes in constant memory; return their number. Raises ContentDamaged."""
        return self.fetch(workspace, checksum, None)

    def fetch(self, workspace: str, checksum: str, into: Writes | None) -> int:
        """Write the stored bytes to a file; return their number.

        Raises ContentDamaged when they are missing, or differ from their checksum.
        """
        digest, size = hashlib.sha256(), 0
        with _translated():
            try:
                found = self._s3.get_object(Bucket=self._content, Key=f"{workspace}/{checksum}")
            except aws.refusals() as error:
                if aws.status_of(error) == 404:
                    raise ContentDamaged(f"the content {checksum} is missing") from error
                raise
            for chunk in found["Body"].iter_chunks(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                if into is not None:
                    into.write(chunk)
        if digest.hexdigest() != checksum:
            raise ContentDamaged(
                f"the content {checksum} differs from its checksum: it is {digest.hexdigest()}"
            )
        return size

    def store(self, workspace: str, checksum: str, path: Path) -> bool:
        """Store a file's bytes under the checksum that they have; False if they are there."""
        with path.open("rb") as file:
            return self._put(self._content, f"{workspace}/{checksum}", file, checksum)

    def remove(self, workspace: str, checksum: str) -> None:
        """Move bytes aside, to `_removed/`."""
        source = f"{workspace}/{checksum}"
        with _translated():
            self._copy(source, REMOVED + source)
            self._s3.delete_object(Bucket=self._content, Key=source)

    def restore(self, workspace: str, checksum: str) -> None:
        """Move bytes back from `_removed/`."""
        target = f"{workspace}/{checksum}"
        with _translated():
            self._copy(REMOVED + target, target)
            self._s3.delete_object(Bucket=self._content, Key=REMOVED + target)

    def purge(self, workspace: str, checksum: str) -> None:
        """Delete bytes that lie in `_removed/`, for good."""
        with _translated():
            self._s3.delete_object(Bucket=self._content, Key=f"{REMOVED}{workspace}/{checksum}")

    # -- lists of heads -------------------------------------------------------------------------

    def put_list(self, name: str, data: bytes) -> bool:
        """Store a list of heads under a name, once: False if there is one."""
        return self._put(self._heads, name, data, hashlib.sha256(data).hexdigest())

    def lists(self, after: str = "") -> Iterator[str]:
        """Yield the names of the lists of heads above `after`, in order."""
        for item in self._listed(self._heads, "", after):
            yield item["Key"]

    def get_list(self, name: str) -> bytes:
        """Return a list of heads."""
        with _translated():
            data: bytes = self._s3.get_object(Bucket=self._heads, Key=name)["Body"].read()
        return data

    # -------------------------------------------------------------------------------------------

    def _put(self, bucket: str, key: str, body: Any, checksum: str) -> bool:
        with _translated():
            try:
                self._s3.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=body,
                    IfNoneMatch="*",
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(checksum)).decode(),
                )
            except aws.refusals() as error:
                if aws.status_of(error) == 412:
                    return False
                raise
        return True

    def _copy(self, source: str, target: str) -> None:
        self._s3.copy_object(
            Bucket=self._content,
            Key=target,
            CopySource={"Bucket": self._content, "Key": source},
            ChecksumAlgorithm="SHA256",
        )

    def _listed(self, bucket: str, prefix: str, after: str = "") -> Iterator[Any]:
        asked: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
        if after:
            asked["StartAfter"] = after
        while True:
            with _translated():
                page = self._s3.list_objects_v2(**asked)
            yield from page.get("Contents", [])
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    @property
    def _s3(self) -> Any:
        with self._lock:
            if self._client is None:
                from botocore.config import Config as Settings

                self._client = aws.client(
                    "s3",
                    config=Settings(
                        connect_timeout=2,
                        read_timeout=30,
                        retries={"mode": "standard", "total_max_attempts": 5},
                        max_pool_connections=32,
                        request_checksum_calculation="when_required",
                        response_checksum_validation="when_required",
                    ),
                )
            return self._client
