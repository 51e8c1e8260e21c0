"""Many writers on one stream, for real: threads on the adapters over moto.

`test_writers_as_processes.py` has the same as processes on an emulator that is a server.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from chalicelib.domain.actor import Actor
from chalicelib.domain.annotation import NewAnnotation
from chalicelib.domain.commands import AddAnnotations, CreateResource
from chalicelib.domain.ids import Stream, derived_id
from chalicelib.errors import Conflict, StaleVersion
from chalicelib.flows import content, project, read, write
from chalicelib.flows.write import Request, Written
from chalicelib.system import System
from tests.flows.conftest import another
from tests.flows.scene import annotated, created, renamed

ADA = Actor("ada", "Person", "Ada")
WRITERS = 32
EACH = 2


@pytest.fixture
def hectic() -> Iterator[None]:
    """Threads change places after every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@pytest.mark.usefixtures("hectic")
def test_32_writers_at_once_lose_and_repeat_nothing(system: System) -> None:
    request = Request("demo", ADA, "request-1")
    resource_id = created(system, request)
    stream = Stream.of_resource("demo", resource_id)
    instances = [another(system) for _ in range(4)]
    start = Barrier(WRITERS)

    def writer(number: int) -> list[str]:
        start.wait()
        ids = []
        for turn in range(EACH):
            ids += annotated(instances[number % 4], request, resource_id, f"{number}.{turn}")
        return ids

    with ThreadPoolExecutor(WRITERS) as pool:
        acked = [mark_id for ids in pool.map(writer, range(WRITERS)) for mark_id in ids]

    commits = list(system.log.read(stream))
    assert len(acked) == len(set(acked)) == WRITERS * EACH
    assert [c.first for c in commits] == list(range(1, WRITERS * EACH + 2))
    assert system.log.verify(stream) == []
    page = read.annotation_page(system, "demo", resource_id, limit=1000)
    assert {mark.annotation.id for mark in page.marks} == set(acked)
    project.materialize(system, stream)
    page = read.annotation_page(system, "demo", resource_id, limit=1000)
    assert {mark.annotation.id for mark in page.marks} == set(acked)


@pytest.mark.usefixtures("hectic")
def test_of_16_clients_with_one_version_exactly_one_succeeds(system: System) -> None:
    request = Request("demo", ADA, "request-1")
    resource_id = created(system, request)
    version = renamed(system, request, resource_id, "so far").version
    instances = [another(system) for _ in range(16)]
    start = Barrier(16)

    def client(number: int) -> Written | StaleVersion:
        start.wait()
        try:
            return renamed(instances[number], request, resource_id, f"by {number}", version)
        except StaleVersion as refusal:
            return refusal

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(client, range(16)))

    won = [each for each in outcomes if isinstance(each, Written)]
    refused = [each for each in outcomes if isinstance(each, StaleVersion)]
    assert (len(won), len(refused)) == (1, 15)
    assert all(each.extra == {"expected": version, "actual": version + 1} for each in refused)
    resource = read.resource(system, "demo", resource_id)
    assert resource == won[0].known.resource
    assert resource.version == version + 1


@pytest.mark.usefixtures("hectic")
def test_of_16_clients_that_create_one_id_exactly_one_succeeds(system: System) -> None:

    request = Request("demo", ADA, "request-1")
    stored = content.store(system, "demo", b"x", "text/plain", None)
    resource_id, start = system.mint(), Barrier(16)

    def client(number: int) -> bool:
        start.wait()
        try:
            write.create(system, request, resource_id, CreateResource(f"{number}", stored))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(client, range(16))) == 1


@pytest.mark.usefixtures("hectic")
def test_a_keyed_request_from_16_clients_at_once_is_done_once(system: System) -> None:

    resource_id = created(system, Request("demo", ADA, "request-1"))
    request = Request("demo", ADA, "request-2", "the key")
    instances = [another(system) for _ in range(16)]
    start = Barrier(16)
    command = AddAnnotations(
        (NewAnnotation("commenting"),), (derived_id("the key", 0),), ("/items/0",)
    )

    def client(number: int) -> str:
        start.wait()
        written = write.change(instances[number], request, resource_id, command)
        assert written.commit is not None
        return written.commit.id

    with ThreadPoolExecutor(16) as pool:
        commits = set(pool.map(client, range(16)))

    assert len(commits) == 1
    assert read.resource(system, "demo", resource_id).annotation_count == 1
