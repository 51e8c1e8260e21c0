"""`make demo` against a fresh local system: it ends well, twice, and makes nothing twice."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.demo.api import Surprise
from infra.demo.load import expect_same
from infra.demo.voice import WIDTH
from infra.library import library

ROOT = Path(__file__).parents[2]
READY_S = 30.0


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A local system in a process of its own; yields where it listens."""
    port = _free_pair()
    output = (tmp_path_factory.mktemp("local") / "output").open("w+")
    command = [sys.executable, "-m", "infra.local", "--port", str(port)]
    running = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(address, running)
        yield address
    finally:
        running.terminate()
        running.wait(10)
        output.close()


def demo(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.demo", "--url", url]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_demo_walks_through_every_step_and_a_second_run_makes_nothing_twice(url):
    first = demo(url)
    assert (first.returncode, first.stderr) == (0, "")
    after_first = _resources(url)

    second = demo(url)

    assert (second.returncode, second.stderr) == (0, "")
    assert after_first == _resources(url) == {document.name for document in library()}
    assert "If-Match" in first.stdout
    assert "an earlier run brought it" in second.stdout
    for layer in ("S3 key demo/", "zlib (from", "watermark", "all fit", "orphaned"):
        assert layer in first.stdout
    assert max(len(line) for line in first.stdout.splitlines()) <= WIDTH


def test_the_demo_ends_with_one_sentence_when_nobody_answers():
    ended = demo(f"http://127.0.0.1:{_free_pair()}")

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.strip().count("\n") == 0
    assert "is `make run` running?" in ended.stderr


def test_the_demo_notices_an_annotation_that_comes_back_otherwise():
    posted = {
        "motivation": "tagging",
        "target": {"selector": [{"type": "TextQuoteSelector", "exact": "Rhodes"}]},
        "body": [{"type": "TextualBody", "value": "Location", "purpose": "tagging"}],
    }
    quote = {"type": "TextQuoteSelector", "exact": "Rhodes", "prefix": "of "}
    expect_same(posted, {**posted, "target": {"selector": [quote]}}, "a document")

    with pytest.raises(Surprise, match="another motivation or body"):
        expect_same(posted, {**posted, "body": []}, "a document")
    moved = {"selector": [{**quote, "exact": "Crete"}]}
    with pytest.raises(Surprise, match="without its"):
        expect_same(posted, {**posted, "target": moved}, "a document")


def _resources(url: str) -> set[str]:
    page = httpx.get(f"{url}/resources", params={"limit": 200}).json()
    names = [item["name"] for item in page["items"]]
    assert len(names) == len(set(names))
    return set(names)


def _wait_until_ready(address: str, running: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until and running.poll() is None:
        try:
            if httpx.get(f"{address}/api/live").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the local system did not start (exit code {running.poll()})")


def _free_pair() -> int:
    """Return a free port whose next one is free too: the local system takes both."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                other.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
