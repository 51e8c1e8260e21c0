"""What the README and the docs tell a stranger to type works as printed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from chalicelib.system import System
from tests.end_to_end.test_demo import url as url  # the running local system

ROOT = Path(__file__).parents[2]


def block(page: str, name: str) -> str:
    """Return the code block that follows ``<!-- docs-test: name -->``."""
    text = (ROOT / page).read_text("utf-8")
    found = re.search(rf"<!-- docs-test: {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None, f"{page} has no block {name}"
    return found.group(1)


def test_the_tour_of_the_readme_works_as_printed(url: str, tmp_path: Path) -> None:
    tour = block("README.md", "tour").replace("http://127.0.0.1:8000", url)
    script = f"set -eu\n{tour}".replace("/tmp/", f"{tmp_path}/").replace("curl -s", "curl -fs")
    # The last command watches until its time is over, which curl calls an error.
    script = script.replace("--max-time 5", "--max-time 2").rstrip() + " || [ $? -eq 28 ]\n"

    ended = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    told = ended.stdout
    for shown in ("annotation.added", "anchored", "François, 5 €"):
        assert shown in told
    assert "event: job-created" in told
    assert "event: job-complete" in told
    assert "event: annotation.added" in told


def test_a_strangers_verifier_finds_what_was_changed_in_the_table(
    system: System, environment: dict[str, str]
) -> None:
    import boto3

    from chalicelib.domain.actor import Actor
    from chalicelib.domain.commands import CreateResource, UpdateResource
    from chalicelib.domain.representation import Representation
    from chalicelib.flows import write

    request = write.Request("demo", Actor("ada", "Person", "Ada"), "test")
    resource_id = system.mint()
    content = Representation("0" * 64, "text/plain", 1)
    write.create(system, request, resource_id, CreateResource("One", content))
    for name in ("Two", "Three"):
        changes = UpdateResource(changes=(("name", name),))
        written = write.change(system, request, resource_id, changes)
    code = block("docs/event-store.md", "verifier").rpartition("table = boto3")[0]
    names: dict[str, Any] = {}
    exec(code, names)  # the page's own words
    table = boto3.resource("dynamodb").Table(environment["LOG_TABLE"])

    assert names["verify"](table, written.stream.key) is None

    item = table.get_item(Key={"pk": written.stream.key, "sk": 2})["Item"]
    item["actor"]["name"] = "Eve"
    table.put_item(Item=item)
    assert names["verify"](table, written.stream.key) == 2


def test_every_page_that_the_readme_names_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
