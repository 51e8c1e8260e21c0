"""The arrows of the layout, read from the source: edge, flows → layers → domain → errors.

And what goes with them: the environment is read in one place, heavy packages are imported where
they are used, and nobody swallows an exception.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "chalicelib").rglob("*.py"))

PURE = {"nh3", "defusedxml", "rfc8785"}
"""Packages without clock, I/O or state, that the domain may use."""
IMPURE = {"asyncio", "os", "random", "secrets", "socket", "subprocess", "threading", "time"}
SDKS = {"boto3", "botocore", "pynamodb", "gremlin_python"}
HEAVY = {*SDKS, "jwt", "cryptography", "jsonschema_rs", "nh3", "multipart"}
ABOVE = ("chalicelib.flows", "chalicelib.edge", "chalicelib.system", "app")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name(path: Path) -> str:
    """Return a module's dotted name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, top_only: bool = False) -> Iterator[str]:
    """Yield what a module imports when it runs; what is only for the type checker is left out."""
    nodes: list[ast.AST] = [tree(path)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if top_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        nodes += ast.iter_child_nodes(node)


def within(module: str, packages: tuple[str, ...] | set[str]) -> bool:
    return any(module == each or module.startswith(each + ".") for each in packages)


def of(*parts: str) -> list[Path]:
    """Return the modules of a package or with that name."""
    return [
        path for path in MODULES if name(path).split(".")[1:2] and name(path).split(".")[1] in parts
    ]


LAYERS = [p for p in MODULES if p not in of("domain", "flows", "edge", "system", "errors")]


def test_the_rules_have_something_to_rule() -> None:
    assert len(of("domain")) > 10
    assert len(of("flows")) > 5
    assert {"log", "views", "content"} <= {name(p).split(".")[-1] for p in LAYERS}


@pytest.mark.parametrize("path", of("domain", "errors"), ids=name)
def test_the_domain_is_pure(path: Path) -> None:
    own = ("chalicelib.domain", "chalicelib.errors")
    for module in imports(path):
        first = module.split(".")[0]
        if first == "chalicelib":
            assert within(module, own) or module in ("chalicelib", "chalicelib.domain")
        else:
            assert first in sys.stdlib_module_names or first in PURE, module
            assert first not in IMPURE, module


@pytest.mark.parametrize("path", LAYERS, ids=name)
def test_a_layer_imports_nothing_above_it(path: Path) -> None:
    assert [m for m in imports(path) if within(m, ABOVE)] == []


@pytest.mark.parametrize("path", of("flows"), ids=name)
def test_flows_know_neither_http_nor_any_sdk(path: Path) -> None:
    assert [m for m in imports(path) if within(m, ("chalicelib.edge", "chalice", *SDKS))] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_the_edge_knows_chalice_and_no_sdk(path: Path) -> None:
    found = [m for m in imports(path) if within(m, {"chalice"})]
    if path not in of("edge"):
        assert found == []
    else:
        assert [m for m in imports(path) if within(m, SDKS)] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_product_imports_neither_tests_nor_tools(path: Path) -> None:
    assert [m for m in imports(path) if within(m, ("tests", "infra", "bench", "app"))] == []


@pytest.mark.parametrize("path", [*MODULES, ROOT / "app.py"], ids=name)
def test_what_is_heavy_is_imported_where_it_is_used(path: Path) -> None:
    assert [m for m in imports(path, top_only=True) if within(m, HEAVY)] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    reads = [
        ast.unparse(node)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")
    ]
    if path not in of("config", "system"):
        assert reads == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nobody_swallows_an_exception(path: Path) -> None:
    """Everything is caught in the HTTP wrapper and the batch loops; adapters look and re-raise."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = "" if node.type is None else ast.unparse(node.type)
        if caught in ("", "BaseException") or (
            caught == "Exception"
            and name(path) not in ("chalicelib.edge.http", "chalicelib.edge.sources")
        ):
            raises = any(isinstance(each, ast.Raise) for each in ast.walk(node))
            assert raises, f"line {node.lineno} catches {caught or 'all'} and goes on"


def test_no_two_modules_import_one_another() -> None:
    graph = {
        name(path): {m for m in imports(path, top_only=True) if m.startswith("chalicelib")}
        for path in MODULES
    }
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " → ".join((*above, module))
        if module in done or module not in graph:
            return
        for other in sorted(graph[module]):
            if other != module and other in graph and not module.startswith(other + "."):
                visit(other, (*above, module))
        done.add(module)

    for module in graph:
        visit(module, ())
