"""How mutations are cut into requests, without a graph."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.ids import Stream
from chalicelib.domain.mutations import (
    Bury,
    DropEdge,
    Edge,
    Mutation,
    PutEdge,
    PutVertex,
    ReplaceEdges,
    Vertex,
    type_vertex,
    vertex_of,
)
from chalicelib.graph import Part
from chalicelib.graph.packing import Work, packed
from chalicelib.graph.traversals import MAX_RECORDS, MAX_STEPS, request, steps, weight

STREAMS = [Stream.of_resource("demo", str(number)) for number in range(4)]
TAGS = [Edge("TAGGED", type_vertex("demo", name)) for name in ("Person", "Date", "Place")]


def mutation(random: Random, stream: Stream, version: int) -> Mutation:
    vertex = Vertex(f"{stream.key}/annotation#{random.randint(1, 3)}", "Annotation")
    edges = tuple(random.sample(TAGS, random.randint(0, 3)))
    properties = (("name", "x"), ("archived", True))[: random.randint(0, 2)]
    return random.choice(
        [
            PutVertex(vertex, version, properties, edges),
            ReplaceEdges(vertex, version, ("REFERENCES", "TAGGED"), edges),
            PutEdge(vertex, version, TAGS[0]),
            DropEdge(vertex, version, TAGS[0]),
            Bury(vertex, version),
        ]
    )


def works(random: Random) -> list[Work]:
    """Return commits of several streams, mixed, each stream in the order of its versions."""
    heads = dict.fromkeys(STREAMS, 0)
    found = []
    for _ in range(random.randint(0, 25)):
        stream = random.choice(STREAMS)
        size = random.choice([0, 1, 1, 2, 40])
        versions = range(heads[stream] + 1, heads[stream] + 1 + max(1, size))
        heads[stream] = versions[-1]
        mutations = tuple(mutation(random, stream, version) for version in versions[:size])
        found.append(Work(stream, versions[-1], mutations))
    return found


@settings(max_examples=40)
@given(st.integers())
def test_requests_keep_every_mutation_in_order_and_stay_within_the_limits(seed):
    work = works(Random(seed))
    requests = list(packed(work, dict.fromkeys(STREAMS, 0)))

    for stream in STREAMS:
        parts = [part for each in requests for part in each if part.stream == stream]
        wanted = [m for each in work if each.stream == stream for m in each.mutations]
        assert [m for part in parts for m in part.mutations] == wanted
        reached = [part.upto for part in parts if part.upto is not None]
        assert reached == sorted(set(reached))
        heads = [each.last for each in work if each.stream == stream]
        assert set(reached) <= set(heads)
        assert reached[-1:] == heads[-1:]
        standing = 0
        for part in parts:
            assert part.after == standing, "a part stands on what the request before it vouched for"
            standing = part.upto or standing
    for parts in requests:
        assert len({part.stream for part in parts}) == len(parts)
        records, number = weight(parts)
        assert number == steps(request(parts))
        if sum(len(part.mutations) for part in parts) > 1:
            assert records <= MAX_RECORDS
            assert number <= MAX_STEPS


@settings(max_examples=40)
@given(st.integers())
def test_a_checkpoint_never_vouches_for_what_is_in_a_later_request(seed):
    work = works(Random(seed))
    sent: set[tuple[Stream, int]] = set()
    for parts in packed(work, dict.fromkeys(STREAMS, 0)):
        sent |= {(part.stream, m.version) for part in parts for m in part.mutations}
        for part in parts:
            for each in work:
                if each.stream == part.stream and part.upto is not None and each.last <= part.upto:
                    assert {(each.stream, m.version) for m in each.mutations} <= sent


def test_a_backlog_fills_its_requests() -> None:
    stream = STREAMS[0]
    work = []
    for version in range(1, 1001):
        vertex = Vertex(f"{stream.key}/annotation#{version}", "Annotation")
        properties = (("workspace", "demo"), ("order", "x"), ("motivation", "linking"))
        edges = (Edge("ON", vertex_of(stream)), TAGS[version % 3])
        work.append(Work(stream, version, (PutVertex(vertex, version, properties, edges),)))

    sizes = [weight(parts)[0] for parts in packed(work, {stream: 0})]

    assert sum(sizes) / len(sizes) >= 180


def test_a_mutation_too_large_for_any_request_goes_alone() -> None:
    edges = tuple(Edge("TAGGED", type_vertex("demo", str(number))) for number in range(100))
    vertex = vertex_of(STREAMS[0])
    large, small = PutVertex(vertex, 2, (), edges), Bury(vertex, 3)
    work = [Work(STREAMS[0], 1, (Bury(vertex, 1),)), Work(STREAMS[0], 3, (large, small))]

    parts = [[part.mutations for part in each] for each in packed(work, {STREAMS[0]: 0})]

    assert parts == [[(Bury(vertex, 1),)], [(large,)], [(small,)]]


@pytest.mark.parametrize("after", [0, 3])
def test_the_steps_of_a_request_are_counted_right(after: int) -> None:
    part = Part(STREAMS[0], after, (), 4)
    assert weight([part])[1] == steps(request([part]))
