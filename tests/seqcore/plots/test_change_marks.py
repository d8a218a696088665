"""Marks of changes during a run: near ones share a label, none overlap, and all of them are said in words."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from seqcore.events import Changed
from seqcore.plots.changes import Change, Label, changes_of, labels_of
from seqcore.plots.loss import loss_info, plot_loss
from seqcore.plots.score_curve import plot_score_curve, score_curve_info

LETTER = 6.5  # pixels, of the labels' font
WIDE, NARROW = 740, 300  # pixels, of the plot in a window of 1440 and of 390 pixels


def change(step: int, value: float = 0.1, by: str | None = None) -> Changed:
    return Changed(step, {"training.learning_rate": value}, {"training.learning_rate": 0.01}, by)


def numbered(*steps: int) -> tuple[Change, ...]:
    return changes_of([change(step) for step in steps])


def test_a_change_says_from_what_to_what_and_by_whom() -> None:
    event = Changed(7, {"training.batch_size": 64, "model.dropout": 0.25}, {"training.batch_size": 32}, "ann")
    assert changes_of([event]) == ((1, 7, "batch size 32 → 64, dropout 0.25 (ann)"),)


def test_a_change_with_room_has_its_text_and_near_ones_their_numbers() -> None:
    assert labels_of(numbered(200), 1000) == (Label(200, "1: learning rate 0.01 → 0.1"),)
    assert [label.text for label in labels_of(numbered(100, 110, 120, 600), 1000)] == [
        "1–3", "4: learning rate 0.01 → 0.1",
    ]  # fmt: skip
    assert labels_of(numbered(990), 1000) == (Label(990, "1: learning rate 0.01 → 0.1", to_the_left=True),)
    assert [label.text for label in labels_of(numbered(200, 300), 1000)] == ["1", "2: learning rate 0.01 → 0.1"]


@pytest.mark.parametrize("count", [1, 2, 7, 30, 100, 500])
@pytest.mark.parametrize(("narrow", "width"), [(False, WIDE), (True, NARROW)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_labels_do_not_overlap_however_many_changes_there_are(count: int, narrow: bool, width: int, seed: int) -> None:
    steps = sorted(np.random.default_rng(seed).integers(0, 10_000, count).tolist())
    labels = labels_of(numbered(*steps), 10_000, narrow=narrow)
    ends = [(label.step / 10_000 * width, len(label.text) * LETTER, label.to_the_left) for label in labels]
    spans = [(at - size, at) if left else (at, at + size) for at, size, left in ends]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(start >= 0.0 for start, _ in spans)


def test_each_change_is_a_line_and_a_point_on_the_curve_with_all_texts_of_its_step() -> None:
    events = [change(10, 0.1), change(10, 0.2, "<b>eve</b>"), change(30, 0.3)]
    info = loss_info([1, 20, 40], [4.0, 2.0, 1.0], events)
    figure = plot_loss(info)
    assert [shape.x0 for shape in figure.layout.shapes] == [10, 30]
    (points,) = [trace for trace in figure.data if trace.name == "change"]
    assert points.customdata[0] == (
        "1: learning rate 0.01 → 0.1<br>2: learning rate 0.01 → 0.2 (&lt;b&gt;eve&lt;/b&gt;)"
    )
    assert points.y[1] == pytest.approx(1.5)
    assert "3 changes during the run: 1: after step 10, learning rate 0.01 → 0.1;" in info.sentence
    assert "training loss 1 at step 40" in info.sentence


def test_a_hundred_changes_are_all_drawn_and_the_last_ones_said() -> None:
    events = [change(step) for step in range(0, 1000, 10)]
    info = loss_info([1, 1000], [2.0, 1.0], events)
    figure = plot_loss(info)
    assert len(figure.layout.shapes) == 100
    assert len([note for note in figure.layout.annotations if note.visible]) <= 17
    assert "100 changes during the run, the last ones: 96: after step 950" in info.sentence


def test_the_scores_of_replicas_have_the_marks_too() -> None:
    each = np.array([[1.0, 2.0], [0.5, 1.0]])
    figure = plot_score_curve(score_curve_info(np.array([10, 20]), each, "mae", events=[change(15)]))
    assert [shape.x0 for shape in figure.layout.shapes] == [15]


def test_a_run_without_changes_has_no_marks() -> None:
    figure = plot_loss(loss_info([1, 2], [2.0, 1.0]))
    assert not figure.layout.shapes
    assert not figure.layout.annotations
    assert [trace.name for trace in figure.data] == ["training", "validation"]
