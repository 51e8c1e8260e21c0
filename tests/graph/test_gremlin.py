"""The adapter against a real server: transactions, conflicts, refusals, deadlines, signatures."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from typing import Any

import pytest

from chalicelib.config import Config, Misconfigured
from chalicelib.domain import events
from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import Edge, PutVertex, ReplaceEdges, annotation_vertex, vertex_of
from chalicelib.errors import Unavailable
from chalicelib.flows import graph_project
from chalicelib.graph import Behind, Part, Refused
from chalicelib.graph.breaker import MAX_KEPT, OPEN_S, Answers, Breaker
from chalicelib.graph.gremlin import READ_S, Gremlin
from chalicelib.graph.gremlin import gremlin as made
from chalicelib.graph.iam import signed_headers
from chalicelib.graph.traversals import source
from chalicelib.views import Parked
from infra.gremlin import Server, _free_port, url
from tests.graph.oracle import expected, held
from tests.graph.world import CONFIG, World, emptied, submit

STREAM = Stream.of_resource("demo", "0192f000-aaaa-7000-8000-000000000001")
OWN = vertex_of(STREAM)
NOTE = annotation_vertex(STREAM, "0192f000-bbbb-7000-8000-000000000002")


def far(number: int) -> Edge:
    return Edge("REFERENCES", vertex_of(Stream.of_resource("demo", str(number))))


def state(gremlin: Gremlin) -> tuple[int, list[tuple[str, int]]]:
    (version,) = submit(gremlin, source().V(NOTE.id).values("version"))
    edges = submit(gremlin, source().V(NOTE.id).out_e().element_map("version"))
    from gremlin_python.process.traversal import Direction, T

    return version, sorted((edge[Direction.IN][T.id], edge["version"]) for edge in edges)


def test_executors_at_once_agree_on_the_latest_version(gremlin: Gremlin, server: Server) -> None:
    versions, errors = iter(range(1, 121)), []
    lock = threading.Lock()

    def work() -> None:
        adapter = Gremlin(server.url)
        try:
            while True:
                with lock:
                    version = next(versions, None)
                if version is None:
                    return
                edges = (far(version), far(version % 3))
                change = ReplaceEdges(NOTE, version, ("REFERENCES",), tuple(dict.fromkeys(edges)))
                adapter.apply([Part(STREAM, 0, (change,), version)])
        except Exception as error:
            errors.append(error)
        finally:
            adapter.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert state(gremlin) == (120, sorted([(far(0).to.id, 120), (far(120).to.id, 120)]))
    assert gremlin.checkpoints([STREAM]) == {STREAM: 120}


def test_one_connection_serves_many_threads(gremlin: Gremlin) -> None:
    found: list[int] = []

    def work() -> None:
        found.extend(gremlin.checkpoints([STREAM]).values() for _ in range(20))

    gremlin.apply([Part(STREAM, 0, (), 7)])
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert gremlin._writer.line >= 1


def test_a_request_is_one_transaction(gremlin: Gremlin) -> None:
    """What fails at its end has left nothing of its beginning."""
    broken = source().merge_v(_stub(NOTE.id)).V(NOTE.id).property("a", 1).values("a").out()
    with pytest.raises(Refused):
        submit(gremlin, broken)
    assert submit(gremlin, source().V(NOTE.id)) == []


def _stub(vertex: str) -> dict[Any, str]:
    from gremlin_python.process.traversal import T

    return {T.id: vertex, T.label: "Annotation"}


def test_a_property_has_one_value_though_the_server_s_default_is_a_set(gremlin: Gremlin) -> None:
    for version in (1, 2):
        change = PutVertex(OWN, version, (("name", f"name {version}"),))
        gremlin.apply([Part(STREAM, 0, (change,), version)])
    assert submit(gremlin, source().V(OWN.id).values("name")) == ["name 2"]
    submit(gremlin, source().V(OWN.id).property("name", "another"))
    assert len(submit(gremlin, source().V(OWN.id).values("name"))) == 2, "as Neptune does"


def test_nothing_is_written_over_a_gap(gremlin: Gremlin) -> None:
    change = PutVertex(NOTE, 5, ())
    with pytest.raises(Unavailable, match="emptied"):
        gremlin.apply([Part(STREAM, 4, (change,), 5)])
    assert submit(gremlin, source().V(NOTE.id).has("version")) == []


def test_readers_are_kept_off_until_the_graph_is_complete(gremlin: Gremlin, server: Server) -> None:
    emptied(gremlin)
    reader = Gremlin(server.url)
    with pytest.raises(Behind):
        reader.ping()
    gremlin.begin("one")
    emptied(gremlin)
    assert not gremlin.finish("one"), "it was emptied meanwhile"
    assert gremlin.begin("two") == "two"
    assert gremlin.begin("three") == "two", "a filling that broke off goes on"
    with pytest.raises(Behind):
        reader.ping()
    assert gremlin.finish("two")
    reader.ping()
    reader.close()


def test_where_nobody_listens_the_answer_comes_at_once() -> None:
    graph = Gremlin(url(_free_port()))
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        graph.ping()
    assert caught.value.extra["dependency"] == "graph"
    assert time.monotonic() - began < READ_S + 0.2


def test_a_question_that_takes_too_long_is_cut_off_and_the_next_one_is_answered(
    gremlin: Gremlin,
) -> None:
    from gremlin_python.process.graph_traversal import __
    from gremlin_python.process.traversal import Direction, T

    ring = source().merge_v(_stub("a")).merge_v(_stub("b"))
    for one, other in (("a", "b"), ("b", "a")):
        ends = {Direction.OUT: one, Direction.IN: other}
        ring = ring.merge_e({T.id: one + other, T.label: "NEXT", **ends})
    submit(gremlin, ring)
    gremlin.ping()
    began = time.monotonic()

    with pytest.raises(Unavailable):
        gremlin.ask(source().V("a").repeat(__.out()).until(__.has("nothing")))

    assert time.monotonic() - began < READ_S + 0.7
    gremlin.ping()


# -- what stops a stream --------------------------------------------------------------------------


class Picky:
    """The graph refuses an annotation of one motivation, wherever it is in a request."""

    def __init__(self, gremlin: Gremlin, motivation: str) -> None:
        self.gremlin = gremlin
        self.motivation = motivation

    def checkpoints(self, streams: Collection[Stream]) -> dict[Stream, int]:
        return self.gremlin.checkpoints(streams)

    def apply(self, parts: Sequence[Part]) -> None:
        for part in parts:
            for mutation in part.mutations:
                if ("motivation", self.motivation) in getattr(mutation, "properties", ()):
                    raise Refused("not that one")
        self.gremlin.apply(parts)


def test_a_refused_mutation_stops_its_stream_there_and_is_parked_while_others_go_on(
    world: World,
) -> None:
    letter, book = world.create(), world.create()
    world.annotate(letter)
    world.annotate(letter, motivation="moderating", tags=["Person"])
    world.annotate(letter, tags=["Date"])
    world.annotate(book, [letter])
    real = world.graph
    world.system = world.another(Picky(real, "moderating"))

    assert graph_project.project_batch(world.system, world.streams) == {}

    (parked,) = world.store.parked.values()
    assert (parked.consumer, parked.stream, parked.version) == (
        "graph_projector",
        world.stream(letter),
        3,
    )
    assert real.checkpoints([world.stream(letter)])[world.stream(letter)] < 3
    assert real.checkpoints([world.stream(book)])[world.stream(book)] == 2
    assert submit(real, source().V().has("motivation", "linking").count()) == [2]

    world.system = world.another(real)
    assert graph_project.retry_parked(world.system) == 1
    assert world.store.parked == {}
    assert held(real, world.workspace) == expected(world)


def test_an_event_newer_than_the_code_stops_its_stream_and_is_parked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter, book = world.create(), world.create()
    world.annotate(letter)
    world.change(letter, archived=True)
    world.annotate(book)
    newer = {name: kind for name, kind in events.TYPES.items() if name != "resource.archived"}
    with monkeypatch.context() as patched:
        patched.setattr(events, "TYPES", newer)
        assert graph_project.project_batch(world.system, world.streams) == {}

    (parked,) = world.store.parked.values()
    assert (parked.stream, parked.version) == (world.stream(letter), 3)
    assert world.graph.checkpoints([world.stream(letter)])[world.stream(letter)] == 2
    assert world.counted["Parked"] == 1

    world.project()
    assert graph_project.retry_parked(world.system) == 1
    assert held(world.graph, world.workspace) == expected(world)


def test_parked_streams_that_stay_so_do_not_keep_the_others_from_being_tried(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_project, "BATCH", 2)
    *spoilt, sound = sorted(world.create() for _ in range(5))
    for each in spoilt:
        world.change(each, archived=True)
    newer = {name: kind for name, kind in events.TYPES.items() if name != "resource.archived"}
    monkeypatch.setattr(events, "TYPES", newer)
    assert graph_project.project_batch(world.system, world.streams) == {}
    last = world.stream(sound)
    world.system.views.park(Parked(graph_project.CONSUMER, last, 1, "an outage", "2026"))

    assert graph_project.retry_parked(world.system) == 1

    assert last not in [each.stream for each in world.system.views.parked()]


# -- configuration --------------------------------------------------------------------------------


def test_neptune_differs_by_configuration_only() -> None:
    environ = {name.upper(): "x" for name in Config.__dataclass_fields__ if _required(name)}
    named = {
        "GRAPH": "wss://cluster.example:8182/gremlin",
        "GRAPH_READER": "wss://reader.example:8182/gremlin",
        "GRAPH_IAM": "true",
    }
    graph = made(Config.from_env(environ | named))
    assert graph is not None
    assert (graph._writer._url, graph._reader._url) == tuple(named.values())[:2]
    assert graph._writer._headers is signed_headers
    assert made(CONFIG) is None
    with pytest.raises(Misconfigured, match=r"GRAPH='http://x'.*GRAPH_IAM='yes'"):
        Config.from_env(environ | {"GRAPH": "http://x", "GRAPH_IAM": "yes"})


def _required(name: str) -> bool:
    return Config.__dataclass_fields__[name].metadata["default"] is ...


def test_a_handshake_is_signed_for_neptune(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
    ):
        monkeypatch.setenv(name, value)

    headers = signed_headers("wss://cluster.example:8182/gremlin")

    assert headers["Host"] == "cluster.example:8182"
    assert headers["X-Amz-Security-Token"] == "token"
    signature = headers["Authorization"]
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/neptune-db/aws4_request" in signature
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in signature


# -- breaker and kept answers ---------------------------------------------------------------------


def test_a_breaker_lets_one_caller_try_after_a_while() -> None:
    now = [100.0]
    breaker = Breaker(lambda: now[0])
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()
    now[0] += OPEN_S
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded()
    assert [breaker.allows(), breaker.allows()] == [True, True]


def test_answers_are_bounded_in_number() -> None:
    answers = Answers(lambda: 0.0)
    for number in range(MAX_KEPT + 5):
        answers.put(number, 0, number)
    kept = [number for number in range(MAX_KEPT + 5) if answers.get(number, 0) is not None]
    assert kept == list(range(5, MAX_KEPT + 5))
