"""One zip made better: without what is never used, and with byte-code.

Wheels carry no byte-code, and a Lambda's file system is read-only: without it, every cold start
compiles all that it imports. It is of the kind that is never compared with its source
(`unchecked-hash`, PEP 552), for the times of files do not survive a zip.

The same content, services and Python give the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import zipfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from infra.deploy.errors import DeployError

DATA: Final = "botocore/data/"
_DROPPED_FOLDERS: Final = frozenset({"__pycache__", "tests", "examples"})
_DROPPED_SUFFIXES: Final = frozenset({".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h"})
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MARK: Final = b"palimpsest "


def optimise(path: Path, services: Collection[str], where: str) -> None:
    """Replace a zip by a better one. `where` is the folder that Lambda unpacks it into."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(path) as source:
            for entry in source.infolist():
                if not entry.is_dir() and kept(entry.filename, services):
                    source.extract(entry, folder)
        _compile(folder, where)
        made = path.with_suffix(".tmp")
        _write(folder, made, mark(services))
    os.replace(made, path)


def kept(name: str, services: Collection[str]) -> bool:
    """Tell whether a file of a package is of use when it runs.

    Of botocore's data, the services that are called and what is about all of them.
    """
    path = PurePosixPath(name)
    if _DROPPED_FOLDERS & set(path.parts[:-1]) or path.suffix in _DROPPED_SUFFIXES:
        return False
    _, data, rest = name.partition(DATA)
    if not data:
        return True
    service, slash, _ = rest.partition("/")
    return not slash or (service in services and not path.name.startswith("examples-"))


def mark(services: Collection[str]) -> bytes:
    """Return what a zip is marked with that this code made, with this Python."""
    made_of = [Path(__file__).read_bytes(), importlib.util.MAGIC_NUMBER]
    made_of += [service.encode() for service in sorted(services)]
    return _MARK + hashlib.sha256(b"\0".join(made_of)).hexdigest()[:16].encode()


def is_optimised(path: Path, services: Collection[str]) -> bool:
    """Tell whether a zip was made here, and would be made the same again."""
    with zipfile.ZipFile(path) as found:
        return found.comment == mark(services)


def unpacked_bytes(path: Path) -> int:
    """Return how much a zip holds."""
    with zipfile.ZipFile(path) as found:
        return sum(entry.file_size for entry in found.infolist())


def _compile(folder: Path, where: str) -> None:
    """Make the byte-code of everything; tracebacks will name files as they lie in Lambda.

    In a process of its own: byte-code depends a little on what a process did before.
    """
    command = [sys.executable, "-s", "-P", "-m", "compileall", "-qq", "-f"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", where]
    # It fails on what is of another Python (aenum ships some), which nobody here imports.
    environ = {"PYTHONHASHSEED": "0"}
    subprocess.run([*command, str(folder)], check=False, env=environ)  # noqa: S603
    if not any(folder.rglob("*.pyc")):
        raise DeployError("No byte-code could be made.")


def _write(folder: Path, target: Path, comment: bytes) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        made.comment = comment
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _TIME)
            entry.external_attr = (0o755 if file.suffix == ".so" else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(entry, file.read_bytes())
