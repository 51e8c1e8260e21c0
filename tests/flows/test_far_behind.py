"""A reader that comes upon a view far behind: it answers rightly, and does not wait for long."""

from __future__ import annotations

from chalicelib.domain.ids import Stream
from chalicelib.flows import project, read
from chalicelib.flows.write import Request
from chalicelib.system import System
from chalicelib.view_items import View
from chalicelib.views import Views
from tests.flows.scene import annotated, created


class SlowViews(Views):
    """The views, where each move of a watermark takes 1.5 s."""

    spent_s = 0.0

    def move(self, stream: Stream, old: View | None, new: View) -> bool:
        self.spent_s += 1.5
        return super().move(stream, old, new)


class Patient(System):
    """A process whose time passes in its views only."""

    def __init__(self, system: System) -> None:
        self.slow = SlowViews(system.tables)
        super().__init__(system.config, log=system.log, views=self.slow, content=system.content)

    def monotonic_s(self) -> float:
        return self.slow.spent_s


def test_a_reader_spends_two_seconds_on_a_view_that_is_far_behind_and_answers_all_the_same(
    system: System, request_of_ada: Request
) -> None:
    resource_id, ids = far_behind(system, request_of_ada)
    patient = Patient(system)

    page = read.annotation_page(patient, request_of_ada.workspace, resource_id, limit=50)

    assert [mark.annotation.id for mark in page.marks] == sorted(ids)[:50]
    assert page.resource.annotation_count == 1600
    assert patient.slow.spent_s == 3.0, "no move begins after 2 s"


def test_readers_bring_a_view_to_the_head_by_and_by(
    system: System, request_of_ada: Request
) -> None:
    resource_id, _ = far_behind(system, request_of_ada)
    stream = Stream.of_resource(request_of_ada.workspace, resource_id)

    shown = []
    for _ in range(2):
        found = read.resource(Patient(system), request_of_ada.workspace, resource_id)
        assert found.annotation_count == 1600
        shown.append(view.head.version if (view := system.views.get(stream)) else 0)

    assert shown == [1001, 1601]


def far_behind(system: System, request: Request) -> tuple[str, list[str]]:
    """Annotate a resource 1,600 times after its view was made; return it, and all annotations."""
    resource_id = created(system, request)
    project.materialize(system, Stream.of_resource(request.workspace, resource_id))
    values = [f"note {number}" for number in range(100)]
    ids = [each for _ in range(16) for each in annotated(system, request, resource_id, *values)]
    return resource_id, ids
