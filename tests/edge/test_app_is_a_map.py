"""app.py is the map: every way in is there, and each that it names is one statement."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app import route
from chalicelib.edge.docs import VERSION
from chalicelib.edge.permissions import ADMIN, GRANTS, NOTHING, READ, WRITE, Permission

ROOT = Path(__file__).resolve().parents[2]
HANDLERS = [
    node
    for file in [ROOT / "app.py", *(ROOT / "chalicelib/edge/operations").glob("*.py")]
    for node in ast.walk(ast.parse(file.read_text("utf-8")))
    if isinstance(node, ast.FunctionDef) and node.decorator_list
]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.name)
def test_a_handler_is_a_docstring_and_one_statement(handler: ast.FunctionDef) -> None:
    docstring, *statements = handler.body

    assert ast.get_docstring(handler)
    assert isinstance(docstring, ast.Expr)
    assert len(statements) == 1
    assert isinstance(statements[0], ast.Return)


def test_every_operation_stands_at_one_place() -> None:
    declared = {
        handler.name for handler in HANDLERS if "call" in [a.arg for a in handler.args.args]
    }

    assert sorted(each.name for each in route.routes) == sorted(declared)


def test_the_map_is_seen_at_a_glance() -> None:
    assert len((ROOT / "app.py").read_text("utf-8").splitlines()) < 260


def test_what_each_route_needs() -> None:
    needs: dict[Permission, set[str]] = {NOTHING: set(), READ: set(), WRITE: set(), ADMIN: set()}
    for each in route.routes:
        needs[each.needs].add(f"{each.method} {each.path}")

    assert needs[NOTHING] == {
        "GET /",
        "GET /api/health",
        "GET /api/live",
        "GET /asyncapi.json",
        "GET /context.jsonld",
        "GET /docs",
        "GET /openapi.json",
        "GET /problems/{problem}",
    }
    assert needs[ADMIN] == {"POST /entity-types", "POST /tag-schemas"}
    assert {each for each in needs[READ] if not each.startswith("GET ")} == {"POST /tickets"}
    assert not any(each.startswith("GET ") for each in needs[WRITE])


def test_every_member_of_a_workspace_may_do_everything_so_far() -> None:
    assert {"member": frozenset({READ, WRITE, ADMIN})} == GRANTS


def test_every_post_that_needs_a_caller_says_how_it_is_answered_again_or_may_be_done_again() -> (
    None
):
    # One only signs; the other's answer is a secret, good once: it is kept nowhere.
    done_again = {"create_upload", "create_ticket"}

    for each in route.routes:
        if each.method == "POST":
            assert (each.again is None) == (each.name in done_again), each.name


def test_importing_the_app_needs_no_environment_and_loads_no_sdk() -> None:
    program = (
        "import sys, app; print([m for m in ('boto3', 'botocore', 'gremlin_python', 'pynamodb', "
        "'jwt', 'cryptography', 'jsonschema_rs', 'nh3', 'multipart', 'aws_lambda_powertools', "
        "'socket') if m in sys.modules and m != 'socket'])"
    )
    environment = {"PATH": os.environ["PATH"]}

    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stdout == "[]\n", run.stderr


def test_only_the_edge_and_the_map_know_chalice() -> None:
    knowing = {
        file.relative_to(ROOT).parts[:2]
        for file in [*ROOT.glob("chalicelib/**/*.py"), ROOT / "app.py"]
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and (getattr(node, "module", None) or node.names[0].name).partition(".")[0] == "chalice"
    }

    assert knowing == {("app.py",), ("chalicelib", "edge")}


def test_every_exception_is_caught_in_two_places_only() -> None:
    catching = {
        str(file.relative_to(ROOT / "chalicelib"))
        for file in ROOT.glob("chalicelib/**/*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    }

    assert catching == {"edge/http.py", "edge/sources.py"}


def test_the_version_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION
