"""What is uploaded: everything that is used, byte-code with it, and nothing else."""

from __future__ import annotations

import ast
import importlib.util
import marshal
import sys
import zipfile
from pathlib import Path

import pytest

from chalicelib.aws import SERVICES
from infra.package.zips import is_optimised, kept, optimise, unpacked_bytes

ROOT = Path(__file__).parents[2]
SITE = "python/lib/python3.13/site-packages/"
MAKES_CLIENTS = {"client", "clients", "_make", "make"}


def made_clients() -> set[str]:
    """Return the services that our code names when it makes a client."""
    return {
        str(call.args[0].value)
        for path in (ROOT / "chalicelib").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
        if getattr(call.func, "attr", getattr(call.func, "id", "")) in MAKES_CLIENTS
        if isinstance(call.args[0].value, str)
    }


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A zip as Chalice builds a layer, with a little of everything."""
    path = tmp_path / "managed-layer-1.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(f"{SITE}b.py", "def f():\n    return 'é'\n")
        made.writestr(f"{SITE}a/__init__.py", "X = {'one', 'two'}\n")
        made.writestr(f"{SITE}a/other.py", "print 'of another Python'\n")
        made.writestr(f"{SITE}a/__init__.pyi", "X: set[str]\n")
        made.writestr(f"{SITE}a/tests/test_a.py", "assert True\n")
        made.writestr(f"{SITE}a/__pycache__/__init__.cpython-313.pyc", b"stale")
        made.writestr(f"{SITE}a/fast.cpython-313-x86_64-linux-gnu.so", b"\x7fELF")
        made.writestr(f"{SITE}botocore/data/endpoints.json", "{}")
        made.writestr(f"{SITE}botocore/data/s3/2006-03-01/service-2.json.gz", b"")
        made.writestr(f"{SITE}botocore/data/ec2/2016-11-15/service-2.json.gz", b"")
        made.writestr(f"{SITE}a-1.0.dist-info/METADATA", "Name: a\n")
    return path


def names(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        return {name.removeprefix(SITE) for name in found.namelist()}


def test_what_is_used_is_kept_with_its_byte_code_and_the_rest_is_not(built: Path) -> None:
    optimise(built, SERVICES, "/opt")

    tag = sys.implementation.cache_tag
    assert names(built) == {
        "b.py",
        f"__pycache__/b.{tag}.pyc",
        "a/__init__.py",
        f"a/__pycache__/__init__.{tag}.pyc",
        "a/other.py",
        "a/fast.cpython-313-x86_64-linux-gnu.so",
        "botocore/data/endpoints.json",
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "a-1.0.dist-info/METADATA",
    }


def test_byte_code_is_not_compared_with_its_source_and_names_where_it_lies(built: Path) -> None:
    optimise(built, SERVICES, "/opt")

    with zipfile.ZipFile(built) as found:
        data = found.read(f"{SITE}__pycache__/b.{sys.implementation.cache_tag}.pyc")
    assert data[:4] == importlib.util.MAGIC_NUMBER
    assert data[4] == 0b01  # by hash, unchecked: PEP 552
    assert marshal.loads(data[16:]).co_filename == f"/opt/{SITE}b.py"


def test_the_same_content_gives_the_same_bytes(built: Path, tmp_path: Path) -> None:
    other = tmp_path / "managed-layer-2.zip"
    with zipfile.ZipFile(built) as source, zipfile.ZipFile(other, "w") as target:
        for entry in reversed(source.infolist()):
            entry.date_time = (2026, 11, 23, 9, 35, 0)
            target.writestr(entry, source.read(entry))

    for path in (built, other):
        optimise(path, SERVICES, "/opt")

    assert built.read_bytes() == other.read_bytes()


def test_one_that_was_made_here_is_known_until_something_else_would_be_made(built: Path) -> None:
    assert not is_optimised(built, SERVICES)
    before = unpacked_bytes(built)

    optimise(built, SERVICES, "/opt")

    assert is_optimised(built, SERVICES)
    assert not is_optimised(built, [*SERVICES, "ec2"])
    assert unpacked_bytes(built) != before


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("app.py", True),
        ("chalicelib/edge/docs.html", True),
        (f"{SITE}botocore/cacert.pem", True),
        (f"{SITE}botocore/data/_retry.json", True),
        (f"{SITE}botocore/data/dynamodb/2012-08-10/endpoint-rule-set-1.json.gz", True),
        (f"{SITE}botocore/data/dynamodb/2012-08-10/examples-1.json", False),
        (f"{SITE}botocore/data/dynamodbstreams/2012-08-10/service-2.json.gz", False),
        (f"{SITE}boto3/examples/s3.rst", False),
        (f"{SITE}yarl/_quoting_c.pyx", False),
    ],
)
def test_a_file_is_kept_if_it_is_of_use(name: str, wanted: bool) -> None:
    assert kept(name, SERVICES) == wanted


def test_the_services_whose_data_is_kept_are_those_that_clients_are_made_of() -> None:
    by_pynamodb = {"dynamodb"}
    assert made_clients() | by_pynamodb == set(SERVICES)
