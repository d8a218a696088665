"""Integrated gradients: a hand-worked linear model, sums that equal the difference, and every task."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqcore.errors import PredictionError
from seqcore.insight.attributions import attributable, attributions, training_means
from seqcore.insight.examples import load_example, typed_example
from seqcore.plots.attributions import html
from seqcore.results import SeriesView
from tests.seqcore.insight.untrained import untrained


@pytest.mark.parametrize(
    "name",
    ["ramp-next-value", "temperature-next-week", "sine-to-cosine", "next-letter", "python-prose", "next-frame",
     "spoken-vowels", "english-french", "adding-problem", "copy-memory"],
)  # fmt: skip
def test_attributions_sum_to_the_difference_from_the_baseline(name: str) -> None:
    predictor, table = untrained(name)
    view = attributions(predictor, table, load_example(predictor, table, "train", 0))
    difference = view.prediction - view.baseline_prediction
    assert view.total + view.remainder == pytest.approx(difference, abs=1e-9)
    assert abs(view.remainder) <= 2e-3 * abs(difference) + 1e-12
    assert view.values.shape == (len(view.steps), len(view.columns))
    assert not len(view.inputs) or view.inputs.shape == view.values.shape
    assert np.abs(view.values).sum() > 0


@pytest.mark.parametrize("scaling", ["standard", "last-value", "minmax", "window-mean", "log-last-value", "seasonal"])
@pytest.mark.parametrize("multi_step", ["direct", "recursive"])
def test_a_forecast_is_explained_in_its_own_units_whatever_the_scaling(scaling: str, multi_step: str) -> None:
    predictor, table = untrained(
        "ramp-next-value", data__scaling=scaling, data__horizon=2, data__multi_step=multi_step,
        model__architecture="gru", data__source="values", data__options__text="3, 9, 4, 7, " * 30,
    )  # fmt: skip
    example = load_example(predictor, table, "train", 3)
    found = predictor.predict(example.given)
    assert isinstance(found, SeriesView)
    for output, name in enumerate(attributable(predictor, example)):
        view = attributions(predictor, table, example, output=output)
        assert view.output == name
        assert view.prediction == pytest.approx(float(found.prediction[output, 0]), rel=1e-4)
        assert abs(view.remainder) <= 2e-3 * abs(view.prediction - view.baseline_prediction) + 1e-9
    assert len(view.inputs) == len(view.steps) == len(example.given)


def test_of_a_linear_model_each_input_adds_its_weight_times_its_difference() -> None:
    predictor, table = untrained("ramp-next-value", model__architecture="nlinear", data__scaling="standard")
    example = load_example(predictor, table, "train", 1)
    view = attributions(predictor, table, example)
    mean = training_means(predictor, table, example)
    given = np.asarray(example.given, dtype=np.float64).reshape(-1, 1)

    def predicted(rows: np.ndarray) -> float:
        found = predictor.predict(rows)
        assert isinstance(found, SeriesView)
        return float(found.prediction[0, 0])

    start = np.broadcast_to(mean, given.shape).copy()
    for step in range(len(given)):
        alone = start.copy()
        alone[step] = given[step]
        assert view.values[step, 0] == pytest.approx(predicted(alone) - predicted(start), abs=1e-3)
    assert view.baseline_prediction == pytest.approx(predicted(start), rel=1e-5)


def test_the_baseline_is_the_mean_of_the_training_rows() -> None:
    predictor, table = untrained("temperature-next-week")
    data = predictor.task.split_data(table, predictor.codec())
    (bound,) = data.bounds["train"]
    example = load_example(predictor, table, "train", 0)
    expected = table.values[bound[1] : bound[2]].mean(axis=0)
    np.testing.assert_allclose(training_means(predictor, table, example), expected)


def test_classes_and_words_are_chosen_by_number() -> None:
    predictor, table = untrained("spoken-vowels")
    example = load_example(predictor, table, "train", 0)
    names = attributable(predictor, example)
    views = [attributions(predictor, table, example, output=i) for i in range(len(names))]
    assert sum(view.prediction for view in views) == pytest.approx(1.0)  # probabilities
    assert sum(view.total for view in views) == pytest.approx(0.0, abs=1e-6)
    assert names[0] in views[0].output
    with pytest.raises(PredictionError, match="output: 99 is not allowed"):
        attributions(predictor, table, example, output=99)


def test_a_word_of_a_translation_depends_on_the_sentence_and_the_words_before_it() -> None:
    predictor, table = untrained("english-french")
    example = load_example(predictor, table, "train", 0)
    words = attributable(predictor, example)
    assert words[-1] == "(end)" or len(words) > 5
    view = attributions(predictor, table, example, output=1)
    sentence = len(example.steps)
    assert view.steps[sentence] == "(start)"
    assert view.values[:sentence].any()
    assert view.values[sentence + 1, 0] != 0.0
    assert not view.values[sentence + 2 :].any()  # later words don't act on it
    assert not view.values[sentence, 0]  # the start is the same in the baseline


def test_typed_text_is_shown_as_letters_with_its_attributions_behind_them() -> None:
    predictor, table = untrained("next-letter")
    view = attributions(predictor, table, typed_example(predictor, "abc"))
    drawn = html(view)
    assert drawn is not None
    assert drawn.count("<span") == 3
    assert "<script>" not in (html(view.__class__(**{**view.__dict__, "steps": ("<script>", "b", "c")})) or "")


def test_a_model_that_ignores_its_input_attributes_nothing() -> None:
    predictor, table = untrained("adding-problem", model__hidden_size=3)
    with torch.no_grad():
        dict(predictor.model.named_parameters())["head.weight"].fill_(0.0)
    view = attributions(predictor, table, load_example(predictor, table, "val", 0))
    assert not view.values.any()
    assert view.prediction == view.baseline_prediction
