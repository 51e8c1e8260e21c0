"""Jobs in the running local system: watched by several clients, and through `kill -9`."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY_S = ROOT / "infra" / "library" / "gospels.txt"

SENTENCES = [
    "Johan Ludvig Heiberg read the palimpsest in Constantinople on 3 May 1906.",
    "William Noel took it to Baltimore, and Reviel Netz came from Stanford University.",
    "Nobody in London knew where it had been since 1922.",
    "Constantine Tischendorf wrote to Leipzig from Cairo.",
]
ENTITY_TYPES = ["Person", "Location", "Organization", "Date"]


def book(sentences: int) -> str:
    return " ".join(SENTENCES[number % len(SENTENCES)] for number in range(sentences))


@contextlib.contextmanager
def running(port: int, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """Start the local system; yield the process and a client of it."""
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local", "--port", str(port), *arguments],
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            while b"Ready in" not in said(printed):
                assert process.poll() is None, said(printed)
                time.sleep(0.05)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180) as web:
                yield process, web
        finally:
            process.kill()
            process.wait()


def said(printed: IO[bytes]) -> bytes:
    return os.pread(printed.fileno(), 100_000, 0)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def created(web: httpx.Client, text: str) -> str:
    new = {"name": "A book", "format": "text/plain", "content": text, "language": "en"}
    answer = web.post("/resources", json=new)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (event, data) of a stream, as they come."""
    event = ""
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, json.loads(value)


def annotated(web: httpx.Client, resource_id: str) -> set[tuple[int, int, str]]:
    """Return what is annotated: start, end, type; each once."""
    found: list[tuple[int, int, str]] = []
    cursor = ""
    while cursor is not None:
        page = web.get(f"/resources/{resource_id}/annotations?limit=200{cursor}").json()
        for each in page["items"]:
            position = each["target"]["selector"][0]
            body = each["body"] if isinstance(each["body"], dict) else each["body"][0]
            found.append((position["start"], position["end"], body["value"]))
        cursor = page["next"] and f"&cursor={page['next']}"
    assert len(found) == len(set(found)), "annotated twice"
    return set(found)


@pytest.mark.parametrize(
    ("text", "least"),
    [
        pytest.param(book(60), 120, id="a short one"),
        pytest.param(
            LIBRARY_S.read_text("utf-8"), 1000, id="the library's", marks=pytest.mark.long
        ),
    ],
)
def test_a_book_is_watched_by_two_clients_until_it_is_done(
    port: int, text: str, least: int
) -> None:
    with running(port) as (_, web):
        resource_id = created(web, text)
        path = f"/resources/{resource_id}/detect-annotations-stream"
        asked = {"entityTypes": ENTITY_TYPES}
        with web.stream("POST", path, json=asked) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            stream = events(answer)
            began, job = next(stream)
            assert began == "job-created"

            def watch() -> list[str]:
                with web.stream("GET", answer.headers["location"]) as other:
                    return [event for event, _ in events(other)]

            with ThreadPoolExecutor(1) as threads:
                other = threads.submit(watch)
                mine = list(stream)
                others = other.result()
        assert [event for event, _ in mine][-1] == others[-1] == "job-complete"
        assert "job-progress" in others
        percentages = [data["progress"].get("percentage", 0) for _, data in mine]
        assert percentages == sorted(percentages)
        result = mine[-1][1]["result"]
        assert result["added"] > least
        assert mine[-1][1]["id"] == job["id"]
        assert result["cursors"] == [f"{resource_id}:{result['added'] + 1}"]


@pytest.mark.parametrize(
    ("kills", "sentences"), [(1, 40), pytest.param(20, 400, marks=pytest.mark.long)]
)
def test_a_job_survives_kill_9_as_if_nothing_had_happened(
    port: int, tmp_path: Path, kills: int, sentences: int
) -> None:
    text = book(sentences)
    data = ("--data", str(tmp_path))
    with running(port, *data) as (process, web):
        resource_id = created(web, text)
        job_id = begin(web, resource_id)
        time.sleep(random.uniform(0, 1))
        process.kill()
    states = []
    for _ in range(kills - 1):
        with running(port, *data) as (process, web):
            time.sleep(random.uniform(0, 0.5))
            states.append(web.get(f"/jobs/{job_id}").json()["state"])
            time.sleep(random.uniform(0, 0.5))
            process.kill()
    with running(port, *data) as (_, web):
        done = wait(web, job_id)
        assert done["state"] == "complete", (done, states)
        found = annotated(web, resource_id)
        undisturbed = created(web, text)
        assert wait(web, begin(web, undisturbed))["state"] == "complete"
        assert found == annotated(web, undisturbed)
        assert len(found) > sentences
        assert done["result"]["added"] == len(found)
        assert done["result"]["cursors"] == [f"{resource_id}:{len(found) + 1}"]
    print(f"{kills} kills: {states}")


def begin(web: httpx.Client, resource_id: str) -> str:
    params = {"entityTypes": ENTITY_TYPES}
    new = {"kind": "detection", "resource": resource_id, "params": params}
    answer = web.post("/jobs", json=new)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def wait(web: httpx.Client, job_id: str) -> dict[str, Any]:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        job: dict[str, Any] = web.get(f"/jobs/{job_id}").json()
        if job["state"] in ("complete", "failed", "cancelled"):
            return job
        time.sleep(0.05)
    raise AssertionError(f"the job never ends: {job}")
