"""Pictures of classes: what they show, for few classes and many, and that light and dark both draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqcore.plots import plot_view
from seqcore.plots.confusion import confusion_info, plot_confusion
from seqcore.plots.labels import (
    CLASS_COLORS,
    MOST_ROWS,
    MOST_SEQUENCES,
    labels_info,
    plot_labels,
    with_class,
)
from seqcore.results import ConfusionView, LabelsView


def view(sequences: int = 3, classes: int = 3, steps: int = 5, **rest: object) -> LabelsView:
    random = np.random.default_rng(0)
    unfolding = tuple(random.dirichlet(np.ones(classes), steps) for _ in range(sequences))
    labels = tuple(f"class {i}" for i in range(classes))
    fields = {
        "labels": labels,
        "probabilities": np.array([u[-1] for u in unfolding]).reshape(sequences, classes),
        "truth": tuple(labels[i % classes] for i in range(sequences)),
        "names": tuple(f"n{i}" for i in range(sequences)),
        "unfolding": unfolding,
        "signals": tuple(random.normal(size=(steps, 2)) for _ in range(sequences)),
    }
    return LabelsView(**{**fields, **rest})  # type: ignore[arg-type]


def test_sequences_keep_their_truth_answer_and_steps() -> None:
    given = view()
    info = labels_info(given)
    assert [s.truth for s in info.sequences] == ["class 0", "class 1", "class 2"]
    assert [s.prediction for s in info.sequences] == list(given.predictions)
    assert info.sequences[0].steps.tolist() == [1, 2, 3, 4, 5]
    assert info.areas
    assert info.left_out == 0


@pytest.mark.parametrize(
    ("name", "label", "said"),
    [
        ("voice 25, hawed /ɔ/", "hawed /ɔ/", "voice 25, hawed /ɔ/"), ("gamma", "a", "gamma: a"), ("11", "1", "11: 1"),
        ("1", "1", "1: 1"), ("folder_a/one.wav", "b", "folder_a/one.wav: b"), ("a/one.wav", "a", "a/one.wav"),
        ("7", None, "7"),
    ],
)  # fmt: skip
def test_a_class_is_named_once(name: str, label: str | None, said: str) -> None:
    assert with_class(name, label) == said


def test_what_a_sequence_says_stands_over_its_picture_and_can_not_become_markup() -> None:
    figure = plot_labels(labels_info(view(2, texts=("it was <b>good</b>", "word " * 60), x_title="word")))
    first, second = (note.text.split("<br>") for note in figure.layout.annotations)
    assert first[1:] == ["it was &lt;b&gt;good&lt;/b&gt;"]
    assert len(second) == 3
    assert second[-1].endswith(" …")
    assert figure.layout.xaxis.title.text == "word"
    plain = plot_labels(labels_info(view(2)))
    assert figure.layout.height > plain.layout.height


def test_time_has_seconds_and_channels_their_names() -> None:
    times = (np.arange(1, 6) * 0.01,)
    names = tuple(f"{100 * i} Hz" for i in range(40))
    given = view(1, signals=(np.zeros((5, 40)),), x_title="seconds", channels=names)
    figure = plot_labels(labels_info(replace(given, steps=times)))
    assert figure.layout.xaxis2.title.text == "seconds"
    assert figure.layout.xaxis2.dtick is None
    assert figure.layout.yaxis.ticktext[0] == "0 Hz"
    assert figure.layout.yaxis.ticktext[-1] == "3900 Hz"
    assert "seconds %{x}" in figure.data[0].hovertemplate


def test_at_most_eight_sequences_are_drawn() -> None:
    assert len(labels_info(view(20)).sequences) == MOST_SEQUENCES


def test_few_classes_have_a_color_each_and_many_are_rows() -> None:
    few, many = labels_info(view(classes=len(CLASS_COLORS))), labels_info(view(1, classes=40))
    assert few.areas
    assert not many.areas
    assert len(many.labels) == MOST_ROWS
    assert many.left_out == 40 - MOST_ROWS
    assert "class 0" in many.labels  # the true one stays
    assert any(trace.type == "heatmap" for trace in plot_labels(many).data)
    assert plot_labels(few).layout.yaxis.title.text == "probability"
    assert plot_labels(many).layout.yaxis2.title.text == "class (color: probability)"
    colors = {trace.fillcolor for trace in plot_labels(labels_info(view(1))).data if trace.stackgroup}
    assert len(colors) == 3


def test_one_sequence_stands_below_what_was_seen_on_the_same_steps() -> None:
    figure = plot_labels(labels_info(view(1)))
    assert figure.layout.xaxis.matches == "x2"
    assert sum(trace.stackgroup is not None for trace in figure.data) == 3
    wide = plot_labels(labels_info(view(1, signals=(np.zeros((5, 40)),))))
    assert any(trace.type == "heatmap" for trace in wide.data)
    assert [wide.layout[name].title.text for name in ("yaxis", "yaxis2")] == ["input", "probability"]
    words = plot_labels(labels_info(view(1, signals=(), symbols=(("it", "was", "a", "good", "video"),))))
    assert words.data[0].text == ("it", "was", "a", "good", "video")


def test_the_truth_is_marked_in_its_own_color() -> None:
    figure = plot_labels(labels_info(view(1)))
    bar = next(trace for trace in figure.data if trace.hoverinfo == "skip")
    assert bar.line.color == CLASS_COLORS[0]
    unknown = plot_labels(labels_info(view(1, truth=(None,))))
    assert not any(trace.hoverinfo == "skip" for trace in unknown.data)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    "given",
    [
        view(),
        view(1, classes=12),
        view(5, classes=12, signals=()),
        view(1, steps=1),
        view(3, unfolding=(), signals=()),
        view(2, truth=()),
        LabelsView((), np.zeros((0, 0))),
        ConfusionView(("a", "b"), np.array([[3.0, 1.0], [0.0, 0.0]])),
        ConfusionView(tuple(map(str, range(60))), np.eye(60)),
        ConfusionView((), np.zeros((0, 0))),
    ],
)
def test_every_view_of_classes_draws(given: LabelsView | ConfusionView, dark: bool) -> None:
    figure = plot_view(given, dark)
    assert figure.layout.height
    assert "NaN" not in (figure.to_json() or "") or isinstance(given, ConfusionView)


def test_a_confusion_shows_counts_and_shares_of_the_true_class() -> None:
    info = confusion_info(ConfusionView(("a", "b", "never"), np.array([[3.0, 1.0, 0], [0, 4.0, 0], [0, 0, 0]])))
    assert info.labels == ("a", "b")
    np.testing.assert_allclose(info.shares, [[0.75, 0.25], [0, 1]])
    figure = plot_confusion(info)
    assert {a.text for a in figure.layout.annotations} == {"3", "1", "4"}


def test_many_classes_keep_those_that_occur_most() -> None:
    counts = np.diag(np.arange(60.0))
    info = confusion_info(ConfusionView(tuple(map(str, range(60))), counts))
    assert info.labels == tuple(map(str, range(20, 60)))
    assert info.left_out == 19
