"""The parent's curves in the figure of a fork."""

from __future__ import annotations

import numpy as np

from seqcore.events import Changed
from seqcore.plots.fork import ParentLosses
from seqcore.plots.loss import EpochLosses, loss_info, plot_loss

STEPS = np.arange(1, 11)
PARENT = ParentLosses.after(4, (np.arange(1, 21), np.linspace(1.0, 0.1, 20)), ([5, 10, 15, 20], [0.9, 0.5, 0.3, 0.2]))


def test_a_parent_is_shown_from_the_last_point_before_the_fork_on() -> None:
    assert PARENT.steps.tolist() == list(range(4, 21))
    assert PARENT.validation_steps.tolist() == [5, 10, 15, 20]
    at_seven = ParentLosses.after(7, (np.arange(1, 21), np.ones(20)), ([5, 10], [0.9, 0.5]))
    assert at_seven.steps[0] == 7
    assert at_seven.validation_steps.tolist() == [5, 10]
    nothing = ParentLosses.after(0, ([], []), ([], []))
    assert len(nothing.steps) == 0
    assert "equals its parent" in nothing.sentence


def test_the_figure_of_a_fork_has_both_curves_and_a_mark_at_the_fork() -> None:
    change = Changed(4, {"training.learning_rate": 0.1}, {"training.learning_rate": 0.01})
    info = loss_info(
        STEPS, np.linspace(1.0, 0.5, 10), [change],
        epochs=EpochLosses(np.array([5, 10]), np.array([0.9, 0.6])), parent=PARENT,
    )  # fmt: skip
    for dark in (False, True):
        figure = plot_loss(info, dark=dark)
        names = [trace.name for trace in figure.data]
        assert names[:4] == ["training", "validation", "training, parent", "validation, parent"]
        assert {4.0} == {shape.x0 for shape in figure.layout.shapes}
        assert len(figure.layout.shapes) == 2  # the change and the fork
        assert "fork, step 4" in [note.text for note in figure.layout.annotations]
    assert "Fork at step 4, up to which it equals its parent." in info.sentence
    assert "its validation loss is 0.5 at step 10" in info.sentence


def test_the_parent_is_shown_about_as_far_as_the_fork_has_come() -> None:
    info = loss_info(STEPS, np.ones(10), parent=PARENT)
    assert info.parent is not None
    assert (info.parent.steps[-1], info.parent.validation_steps[-1]) == (11.0, 10.0)
    cut = "The rest of the parent, up to step 20, is not shown"
    assert cut in info.parent.reading
    assert cut in info.sentence
    whole = loss_info(np.arange(4, 21), np.ones(17), parent=PARENT)
    assert whole.parent is not None
    assert "is not shown" not in whole.parent.reading + whole.sentence
    started = loss_info([], [], parent=PARENT)
    assert started.parent is not None
    assert started.parent.steps.tolist() == [4.0]


def test_losses_that_a_logarithmic_axis_can_t_show_break_the_parent_s_lines() -> None:
    broken = PARENT._replace(train=np.where(PARENT.steps == 9, 0.0, PARENT.train))
    info = loss_info(STEPS, np.ones(10), parent=broken)
    assert info.parent is not None
    assert np.isnan(info.parent.train[5])
    assert np.isfinite(np.delete(info.parent.train, 5)).all()
