"""Readers of the world: each answer must be exactly the log's fold at the version that it shows.

And that version is at least the one that the log had when the question came. So what anybody was
told with a 201 is in every later answer, and nothing in an answer is newer than the rest of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.domain import marks as marks_domain
from chalicelib.errors import AppError, NotFound, Unavailable
from chalicelib.flows import listing, read
from tests.laws.truth import Truth
from tests.laws.world import WORKSPACE, World, diff
from tests.schedules import Violation


def reader(world: World, number: int) -> None:
    """Ask the plan's number of questions, of every kind."""
    while not world.resources:
        if not world.creating:
            return
        world.schedule.sleep(0.05)
    for _ in range(world.plan.reads):
        name = f"reader {number}"
        resource_id = world.random.choice(world.resources)
        question = world.random.choice((_resource, _pages, _pages, _one, _events, _history, _list))
        question(world, name, resource_id)


def _ask(world: World, name: str, work: Callable[[Any], Any]) -> tuple[int, Any]:
    """Ask in a process of its own; return the answer, or the error, None if there was none."""
    system = world.system("reader")
    answers: list[Any] = []

    def asked() -> None:
        try:
            answers.append(work(system))
        except NotFound as error:
            answers.append(error)

    task = world.request(name, asked, world.plan.faults)
    if answers:
        return 1, answers[0]
    assert task is not None
    if not task.died and not isinstance(task.error, Unavailable):
        raise Violation(f"{name}: a flow raised {task.error!r}") from task.error
    return 0, None


def _resource(world: World, name: str, resource_id: str) -> None:
    truth = world.truth(world.stream(resource_id))
    before = truth.head
    ok, answer = _ask(world, name, lambda s: read.resource(s, WORKSPACE, resource_id))
    if not ok:
        return
    if isinstance(answer, AppError):
        raise Violation(f"law 2: the resource is not found, {before} versions were there")
    _fresh(answer.version, before)
    if answer != truth.at(answer.version).resource:
        raise Violation(f"law 2: the resource at {answer.version} is not the log's")


def _pages(world: World, name: str, resource_id: str) -> None:
    """Page through all annotations while others write: each one appears exactly once."""
    truth = world.truth(world.stream(resource_id))
    motivation = world.random.choice((None, None, "tagging"))
    limit = world.random.choice((1, 2, 3))
    at_start, seen, after = truth.at(truth.head).live(), [], None
    while True:
        before = truth.head
        ok, page = _ask(
            world,
            name,
            lambda s, a=after: read.annotation_page(
                s, WORKSPACE, resource_id, after=a, limit=limit, motivation=motivation
            ),
        )
        if not ok:
            continue
        if isinstance(page, AppError):
            raise Violation("law 2: the resource is not found")
        _exact_page(truth, page, before, after, motivation)
        seen += [mark.annotation.id for mark in page.marks]
        after = page.next
        if after is None:
            break
    if len(set(seen)) != len(seen):
        raise Violation(f"law 2: paging showed an annotation twice: {seen}")
    removed = {i for i, mark in truth.at(truth.head).marks.items() if mark.removed}
    owed = {
        mark_id
        for mark_id, mark in at_start.items()
        if motivation in (None, mark.annotation.motivation) and mark_id not in removed
    }
    if owed - set(seen):
        raise Violation(f"law 2: paging never showed {sorted(owed - set(seen))}")


def _exact_page(
    truth: Truth, page: read.MarkPage, before: int, after: str | None, motivation: str | None
) -> None:
    _fresh(page.resource.version, before)
    state = truth.at(page.resource.version)
    if page.resource != state.resource:
        raise Violation(f"law 2: the page's resource at {page.resource.version} is not the log's")
    wanted = {
        mark_id: mark
        for mark_id, mark in state.live().items()
        if (after is None or mark_id > after)
        and (page.next is None or mark_id <= page.next)
        and motivation in (None, mark.annotation.motivation)
    }
    found = {mark.annotation.id: mark for mark in page.marks}
    if found != wanted or list(found) != sorted(found):
        raise Violation(f"law 2: a page at {page.resource.version}: {diff(found, wanted)}")


def _one(world: World, name: str, resource_id: str) -> None:
    truth = world.truth(world.stream(resource_id))
    ids = world.annotations.get(resource_id)
    if not ids:
        return
    mark_id, before = world.random.choice(ids), truth.head
    ok, answer = _ask(world, name, lambda s: read.annotation(s, WORKSPACE, resource_id, mark_id))
    if not ok:
        return
    if isinstance(answer, AppError):
        if all(mark_id in state.live() for state in truth.states(before, truth.head)):
            raise Violation(f"law 2: the annotation {mark_id} is not found")
        return
    resource, mark = answer
    _fresh(resource.version, before)
    state = truth.at(resource.version)
    if resource != state.resource or mark != state.live().get(mark_id):
        raise Violation(f"law 2: the annotation {mark_id} at {resource.version} is not the log's")


def _events(world: World, name: str, resource_id: str) -> None:
    """Page through the history, in either direction."""
    truth = world.truth(world.stream(resource_id))
    before, newest_first = truth.head, world.random.random() < 0.5
    limit = world.random.choice((1, 3, 50))
    seen, after = [], None
    while True:
        ok, page = _ask(
            world,
            name,
            lambda s, a=after: read.event_page(
                s, WORKSPACE, resource_id, after=a, limit=limit, newest_first=newest_first
            ),
        )
        if not ok:
            continue
        if isinstance(page, AppError):
            raise Violation("law 2: the history is not found")
        seen += [event.version for event in page.events]
        after = page.next
        if after is None:
            break
    seen = seen[::-1] if newest_first else seen
    if seen != list(range(1, len(seen) + 1)) or len(seen) < before:
        raise Violation(f"law 2: the history shows {seen}, {before} versions were there")


def _history(world: World, name: str, resource_id: str) -> None:
    truth = world.truth(world.stream(resource_id))
    live = truth.at(truth.head).live()
    if not live:
        return
    mark_id, before = world.random.choice(sorted(live)), truth.head
    ok, page = _ask(
        world, name, lambda s: read.history(s, WORKSPACE, resource_id, mark_id, limit=100)
    )
    if not ok:
        return
    if isinstance(page, AppError):
        # That of a removed one is kept for a day, which may have passed while this one waited.
        if all(mark_id in state.live() for state in truth.states(before, truth.head)):
            raise Violation(f"law 2: the history of {mark_id} is not found")
        return
    about = [
        event.version
        for commit in truth.commits
        for event in commit.events()
        if marks_domain.touched(event) == mark_id
    ]
    versions = [event.version for event in page.events]
    if versions != about[: len(versions)] or (len(versions) < sum(v <= before for v in about)):
        raise Violation(f"law 2: the history of {mark_id} shows {versions} of {about}")


def _list(world: World, name: str, resource_id: str) -> None:
    """Who names what it has written finds it in the list, in its newest state."""
    truth = world.truth(world.stream(resource_id))
    before = truth.head
    after = listing.After(resource_id, before)
    ok, page = _ask(
        world,
        name,
        lambda s: listing.resources(s, WORKSPACE, listing.Filter(), limit=50, after=after),
    )
    if not ok:
        return
    shown = [item for item in page.items if item.id == resource_id]
    if len(shown) != 1:
        raise Violation(f"law 2: the list shows {resource_id} {len(shown)} times")
    _fresh(shown[0].version, before)


def _fresh(version: int, before: int) -> None:
    if version < before:
        raise Violation(f"law 2: the answer shows version {version}, {before} was there before")
