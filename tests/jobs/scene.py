"""A world for jobs: processes that share AWS, a clock that a test moves, and a detector that counts.

A process is a `System` of its own, with caches of its own; killing one is forgetting it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from chalice.app import SQSEvent

from chalicelib.config import Config
from chalicelib.domain.actor import Actor
from chalicelib.domain.commands import CreateResource
from chalicelib.domain.detection import Ask, Detection, Entities, Finding, Usage
from chalicelib.domain.ids import Stream
from chalicelib.domain.job import Job
from chalicelib.domain.marks import Mark
from chalicelib.domain.passages import Passage, Size
from chalicelib.dynamo import Tables
from chalicelib.edge import sources
from chalicelib.flows import jobs, read, work, write
from chalicelib.flows.content import store
from chalicelib.flows.write import Request
from chalicelib.inference import Brief, Capabilities, Draft, Inference
from chalicelib.jobs.table import Jobs
from chalicelib.system import System
from tests.jobs.faults import watch

ADA = Actor("ada", "Person", "ada")
GENERATOR = {"id": "urn:test:detector", "type": "Software", "name": "test detector"}
A_MINUTE_MS = 60_000


def text_of_entities(count: int, between: str = " met ") -> str:
    """Return a text that mentions `count` persons, each once: ``P0000 met P0001 met …``."""
    return between.join(f"P{number:04}" for number in range(count)) + "."


@dataclass
class TestDetector:
    """Finds every word like P0042, and counts how often it is asked. `failing` may raise."""

    __test__ = False
    passage: int = 100_000
    asked: int = 0
    failing: Callable[[int], None] = lambda asked: None
    generator: Mapping[str, Any] = field(default_factory=lambda: GENERATOR)
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(frozenset({"Person", "Location"}))
    )

    @property
    def size(self) -> Size:
        return Size(self.passage)

    def detect(self, passage: Passage, ask: Ask, *, language: str | None = None) -> Detection:
        self.asked += 1
        self.failing(self.asked)
        assert isinstance(ask, Entities)
        words = passage.text.replace(".", " ").split()
        found = tuple(Finding(w, "Person") for w in words if w[0] == "P" and w[1:].isdigit())
        return Detection(found, Usage(calls=1))


@dataclass
class TestWriter:
    """Writes what it was asked to, and counts how often."""

    __test__ = False
    written: int = 0
    briefs: list[Brief] = field(default_factory=list)
    generator: Mapping[str, Any] = field(default_factory=lambda: {**GENERATOR, "name": "writer"})
    formats: frozenset[str] = frozenset({"text/markdown", "text/plain"})

    def write(self, brief: Brief) -> Draft:
        self.written += 1
        self.briefs.append(brief)
        title = brief.title or brief.prompt or brief.sources[0].name
        # Another text each time, as a model would.
        text = f"# {title}\n\nDraft {self.written} from {len(brief.sources)} sources."
        used = tuple(source.id for source in brief.sources)
        return Draft(title, text, brief.format, brief.language, used)


class AMinute:
    """The context of a Lambda's invocation that has a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        return A_MINUTE_MS


class Process(System):
    """A process whose clock, also the one that never goes back, is the world's."""

    def monotonic_s(self) -> float:
        return self._clock()

    def sleep(self, seconds: float) -> None:
        self.slept(seconds)

    slept: Callable[[float], None] = staticmethod(lambda seconds: None)


class Endings(Jobs):
    """The jobs table, noting each job that is brought to an end."""

    def __init__(self, tables: Tables, ended: list[Job]) -> None:
        super().__init__(tables)
        self.ended = ended

    def _put(self, job: Job, condition: Any) -> Job:
        stored = super()._put(job, condition)
        if stored == job and job.over:
            self.ended.append(job)
        return stored


_NUMBERS = count(1)


class World:
    """AWS, a clock, and processes, in a workspace of its own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.now_s = 1_795_426_500.0
        self.workspace = f"w{next(_NUMBERS)}"
        local = {"LOCAL_USER": "ada", "LOCAL_WORKSPACE": self.workspace}
        self.config = Config.from_env({**environment, **local})
        self.detector = TestDetector()
        self.writer = TestWriter()
        self.inference = Inference(self.detector, self.writer)
        self.ended: list[Job] = []
        self._first: Process | None = None
        self.api = self._first = self.process()
        watch(self._clients(self.api))

    def process(self, **more: Any) -> Process:
        """Return a new process. It shares the SDK's clients, which take long to make."""
        more = {"inference": self.inference} | more
        made = Process(self.config, clock=lambda: self.now_s, **more)
        made.slept = self.pass_time
        if self._first is not None:
            made._made["tables"] = self._first.tables
            made._made["jobs_queue"] = self._first.jobs_queue
            made.content._client = self._first.content._s3
        made._made["jobs"] = Endings(made.tables, self.ended)
        return made

    def _clients(self, process: Process) -> list[Any]:
        dynamodb = process.tables.connection.client
        return [dynamodb, process.content._s3, process.jobs_queue._sqs]

    def resource(self, text: str, format: str = "text/plain", **more: Any) -> str:
        """Create a resource and return its id."""
        content = store(self.api, self.workspace, text.encode(), format, None)
        created = write.create(
            self.api,
            Request(self.workspace, ADA, "test"),
            self.api.mint(),
            CreateResource(more.pop("name", "A letter"), content, **more),
        )
        assert created.stream.resource_id is not None
        return created.stream.resource_id

    def detection(self, resource_id: str, *, key: str | None = None, **more: Any) -> Job:
        """Begin a job that finds the persons in a resource."""
        params = {"resource": resource_id, "entityTypes": ["Person"], **more}
        request = Request(self.workspace, ADA, "test", key)
        return jobs.create(self.api, request, "detection", params)

    def generation(self, *, key: str | None = None, **params: Any) -> Job:
        """Begin a job that writes a document."""
        return jobs.create(
            self.api, Request(self.workspace, ADA, "test", key), "generation", params
        )

    def message(self, job: Job) -> str:
        """Return what stands in the queue for a job."""
        return json.dumps({"workspace": job.workspace, "job": job.id})

    def messages(self, url: str) -> list[Any]:
        """Receive every message of this workspace that can be received from a queue now."""
        receive = partial(
            self.api.jobs_queue._sqs.receive_message,
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
        )
        found = []
        while messages := receive().get("Messages"):
            found += [each for each in messages if f'"{self.workspace}"' in each["Body"]]
        return found

    def message_waits(self, job: Job) -> bool:
        """Tell whether a message of the job can be received now; receives all that can be."""
        config = self.config
        found = self.messages(config.jobs_queue_url) + self.messages(config.slow_jobs_queue_url)
        return self.message(job) in [each["Body"] for each in found]

    def deliver(self, job: Job, process: System | None = None, ms: int = A_MINUTE_MS) -> Job:
        """Let a worker have the job's message; return the job as it is then."""
        process = process or self.process()
        work.work(process, self.message(job), process.mint(), ms)
        return self.job(job)

    def given_back(self, job: Job, process: System) -> bool:
        """Let a worker's function have the job's message; tell whether it is to come again."""
        record = {"messageId": "1", "body": self.message(job)}
        answer = sources.in_queue(
            process, SQSEvent({"Records": [record]}, AMinute()), work.work, work.stumble
        )
        return answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    def job(self, job: Job) -> Job:
        """Return a job as it is."""
        return jobs.get(self.api, job.workspace, job.id)

    def annotations(self, resource_id: str) -> list[Mark]:
        """Return what GET lists: every page."""
        marks: list[Mark] = []
        after = None
        while True:
            page = read.annotation_page(
                self.process(), self.workspace, resource_id, after=after, limit=50
            )
            marks += page.marks
            after = page.next
            if after is None:
                return marks

    def endings(self, job: Job) -> int:
        """Return how often a job was brought to an end, as far as whoever did it came to know."""
        return sum(each.id == job.id for each in self.ended)

    def commits_of(self, job: Job, resource_id: str) -> list[int]:
        """Return the versions that a job's commits on a resource end with."""
        stream = Stream.of_resource(self.workspace, resource_id)
        return [
            commit.last
            for commit in self.api.log.read(stream)
            if commit.correlation == f"job:{job.id}"
        ]

    def until_over(self, job: Job, tries: int = 40) -> Job:
        """Let time pass and the sweep and a worker look at the job until it is over."""
        for _ in range(tries):
            found = self.job(job)
            if found.over:
                return found
            self.pass_time(3600)
            jobs.sweep(self.process())
            if not self.job(job).over:
                self.deliver(job)
        raise AssertionError(f"the job never ends: {self.job(job)}")


def names(marks: list[Mark]) -> list[str]:
    """Return what the annotations quote, in order."""
    return sorted(
        mark.annotation.target.quote.exact for mark in marks if mark.annotation.target.quote
    )


def quotes(count: int) -> Iterator[str]:
    """Yield what a job of `count` entities finds."""
    return (f"P{number:04}" for number in range(count))
