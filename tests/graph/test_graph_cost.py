"""What catching up costs, exactly enough to notice when it gets worse."""

from __future__ import annotations

import pytest

from bench.graph import measure
from bench.scene import scene


@pytest.mark.parametrize(("commits", "size"), [(60, 1), (3, 100)])
def test_a_backlog_goes_in_full_requests_and_few_of_them(commits: int, size: int) -> None:
    with scene() as at:
        row = measure(at, commits, size, None)

    assert row.fullness >= 180
    assert len(row.graph.sizes) <= 1.1 * row.least
    assert row.graph.questions == 1
    assert max(records for records, _ in row.graph.sizes) <= 200
    assert max(steps for _, steps in row.graph.sizes) <= 1_500
