"""The similar moments that the page shows have different inputs."""

from __future__ import annotations

import numpy as np

from seqcore.insight.examples import InspectExample
from seqcore.results.similar import SimilarMoment
from ui.similar_section import MOST_SHOWN, distinct_moments

SERIES = np.arange(60.0)[:, None]


def example(index: int) -> InspectExample:
    """Window `index`: ten rows, one row after the window before it."""
    values = SERIES[index : index + 10]
    return InspectExample(values, f"window {index}", tuple(map(str, range(10))), values, ("x",), "test", index)


def moment(index: int, first: int) -> SimilarMoment:
    return SimilarMoment("test", index, f"window {index}", first, first + 1, (), ("a", "b"), (), 3, 0, 1.0)


def test_a_moment_in_overlapping_windows_is_shown_once() -> None:
    examples = [example(index) for index in range(40)]
    known = {(one.split, one.index): one for one in examples}
    found = [moment(3, 5), moment(4, 4), moment(5, 3), moment(5, 4)]  # the first three are rows 8 and 9
    assert distinct_moments(found, known) == [found[0], found[3]]
    assert distinct_moments(found, {}) == found  # of symbols each place is one of its own
    assert len(distinct_moments([moment(index, 0) for index in range(40)], known)) == MOST_SHOWN
