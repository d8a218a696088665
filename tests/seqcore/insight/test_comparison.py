"""What differs between experiments, which scores can be compared, common axes, and predictions side by side."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.errors import PredictionError, SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.insight.comparison import (
    ABSENT,
    Progress,
    axis_named,
    comparable_sets,
    differences,
    same_but_seeds,
    same_loss,
    short_titles,
    side_by_side,
)
from seqcore.insight.standings import Lap, standings
from seqcore.results import (
    FramesView,
    LabelsView,
    SeriesView,
    SymbolsView,
    TableView,
    TextView,
    Translated,
    TranslationView,
)
from seqcore.results.answers import AnswersView
from seqcore.results.predictions import PredictionsView, VideosView

BASE = Experiment.make()


def with_(**changes: object) -> Experiment:
    return BASE.with_changes({path.replace("__", "."): value for path, value in changes.items()})


class TestDifferences:
    def test_only_what_differs_is_listed_in_the_words_of_forms(self) -> None:
        [found] = differences([BASE, with_(model__architecture="gru")])
        assert (found.path, found.values) == ("model.architecture", ("LSTM", "GRU"))
        assert differences([BASE, BASE]) == []

    def test_a_field_that_does_not_apply_has_no_value(self) -> None:
        sgd = with_(training__optimizer="sgd", training__momentum=0.9)
        found = {d.path: d.values for d in differences([sgd, BASE])}
        assert found["training.momentum"] == (0.9, ABSENT)
        assert found["training.optimizer"] == ("SGD", "Adam")

    def test_titles_are_what_differs(self) -> None:
        experiments = [with_(model__architecture=name) for name in ("rnn", "lstm")]
        assert short_titles(experiments, ["a", "b"]) == ["RNN", "LSTM"]
        rates = [with_(training__learning_rate=rate) for rate in (0.1, 0.01)]
        assert short_titles(rates, ["a", "b"]) == ["learning rate 0.1", "learning rate 0.01"]
        assert short_titles([BASE, BASE], ["a", "b"]) == ["a", "b"]
        assert short_titles([*experiments, experiments[0]], ["a", "b", "c"]) == ["RNN, a", "LSTM", "RNN, c"]
        options = [with_(model__architecture="rnn", model__options={"nonlinearity": n}) for n in ("tanh", "relu")]
        assert short_titles(options, ["a", "b"]) == ["nonlinearity tanh", "nonlinearity ReLU"]
        assert short_titles([*options, BASE], ["a", "b", "c"]) == ["RNN, a", "RNN, b", "LSTM"]

    def test_seeds_do_not_make_another_experiment(self) -> None:
        assert same_but_seeds(BASE) == same_but_seeds(with_(training__seed=3, training__replicas=4))
        assert same_but_seeds(BASE) != same_but_seeds(with_(training__epochs=7))


class TestComparable:
    def test_models_scalings_and_inputs_do_not_matter_and_data_do(self) -> None:
        same = [BASE, with_(model__hidden_size=7), with_(data__scaling="minmax"), with_(training__loss="mae")]
        assert comparable_sets(same) == [[0, 1, 2, 3]]
        other = [with_(data__options={"samples": 300}), with_(data__horizon=3), with_(data__test_fraction=0.3)]
        assert comparable_sets([BASE, *other, BASE]) == [[0, 4], [1], [2], [3]]

    def test_losses_need_the_same_scaling_and_loss(self) -> None:
        assert same_loss([BASE, with_(model__architecture="gru")])
        assert not same_loss([BASE, with_(data__scaling="minmax")])
        assert not same_loss([BASE, with_(training__loss="huber")])
        auto = with_(data__scaling="auto")
        assert not same_loss([auto, auto.with_changes({"model.hidden_size": 7})])


class TestAxes:
    def test_positions_are_exact_at_epochs_and_interpolated_within(self) -> None:
        progress = Progress(
            np.array([10, 20]), np.array([1, 2]), np.array([3.0, 5.0]), examples=100, steps_per_epoch=10
        )
        steps = np.array([0, 5, 10, 15, 20, 25])
        assert progress.at(steps, "step").tolist() == steps.tolist()
        assert progress.at(steps, "epoch").tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
        assert progress.at(steps, "examples").tolist() == [0, 50, 100, 150, 200, 250]
        assert progress.at(steps, "seconds").tolist() == [0, 1.5, 3, 4, 5, 6]

    def test_the_time_is_not_known_before_the_first_epoch(self) -> None:
        none = Progress(np.zeros(0, int), np.zeros(0, int), np.zeros(0), examples=100, steps_per_epoch=10)
        assert np.isnan(none.at(np.array([5]), "seconds")).all()
        assert none.at(np.array([5]), "epoch").tolist() == [0.5]

    def test_an_unknown_axis_is_refused_with_a_suggestion(self) -> None:
        with pytest.raises(SeqcoreError, match="seconds"):
            axis_named("second")


class TestStandings:
    def test_leaders_at_equal_steps_and_at_equal_time(self) -> None:
        slow = Lap(np.array([10, 20]), np.array([4.0, 8.0]), np.array([0.5, 0.1]))
        fast = Lap(np.array([10, 20, 30]), np.array([1.0, 2.0, 3.0]), np.array([0.6, 0.4, 0.3]))
        found = standings([slow, fast], higher_is_better=False)
        assert (found.step, found.seconds) == (20, 3.0)
        assert found.at_step == (0.1, 0.4)
        assert found.whole == (0.1, 0.3)
        assert np.isnan(found.at_time[0])
        assert (found.leader_at_step, found.leader_at_time) == (0, 1)

    def test_the_best_score_so_far_counts_and_not_a_number_does_not(self) -> None:
        lap = Lap(np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0]), np.array([0.7, 0.9, np.nan]))
        assert standings([lap, lap], higher_is_better=True).at_step == (0.9, 0.9)
        assert standings([lap, lap], higher_is_better=False).at_step == (0.7, 0.7)

    def test_one_that_failed_holds_nobody_back(self) -> None:
        failed = Lap(np.zeros(0, int), np.zeros(0), np.zeros(0), counts=False)
        lap = Lap(np.array([5]), np.array([1.0]), np.array([0.5]))
        assert standings([failed, lap], higher_is_better=False).leader_at_step == 1
        waiting = Lap(np.zeros(0, int), np.zeros(0), np.zeros(0))
        assert standings([waiting, lap], higher_is_better=False).leader_at_step is None


def series(x: list[int], shift: float) -> SeriesView:
    values = np.array(x, dtype=np.float64)[:, None]
    return SeriesView(np.array(x, dtype=np.float64), values + shift, truth=values)


class TestSideBySide:
    def test_values_are_shown_at_the_rows_that_all_models_predict(self) -> None:
        view = side_by_side(["a", "b"], [series([3, 4, 5, 6], 0.5), series([4, 5, 6, 7], -0.25)], rows=2, start=1)
        assert isinstance(view, PredictionsView)
        assert view.x.tolist() == [5, 6]
        assert view.truth[:, 0].tolist() == [5, 6]
        assert view.predictions[:, :, 0].tolist() == [[5.5, 6.5], [4.75, 5.75]]
        assert view.errors == [0.5, 0.25]
        assert view.of == 3

    def test_views_without_a_common_row_or_of_different_kinds_are_refused(self) -> None:
        with pytest.raises(PredictionError, match="no common row"):
            side_by_side(["a", "b"], [series([1, 2], 0), series([5, 6], 0)])
        with pytest.raises(PredictionError, match="different kinds"):
            side_by_side(["a", "b"], [series([1, 2], 0), TextView("a", "b")])
        with pytest.raises(PredictionError, match="side by side"):
            side_by_side(["a"], [TableView((), ())])

    def test_classes_are_matched_by_the_name_of_the_sequence(self) -> None:
        labels, truth = ("x", "y"), ("x", "y")
        one = LabelsView(labels, np.array([[0.9, 0.1], [0.8, 0.2]]), truth=truth, names=("s", "t"))
        two = LabelsView(labels, np.array([[0.3, 0.7], [0.6, 0.4]]), truth=("y", "x"), names=("t", "s"))
        view = side_by_side(["a", "b"], [one, two])
        assert isinstance(view, AnswersView)
        assert view.inputs == ("s", "t")
        assert view.given == (("x", "x"), ("x", "y"))
        assert view.right == [1, 2]
        assert "a 1, b 2" in view.reading

    def test_text_symbols_translations_and_frames(self) -> None:
        text = side_by_side(["a", "b"], [TextView("Once", " upon", truth=" more"), TextView("Once", " again")])
        assert isinstance(text, AnswersView)
        assert (text.given, text.truth, text.exact) == (((" upon", " again"),), (" more",), False)
        symbols = [SymbolsView((("a", "b"),), ("c", "d"), np.array([[p, 1 - p]]), truth=("c",)) for p in (0.9, 0.2)]
        answered = side_by_side(["a", "b"], symbols)
        assert isinstance(answered, AnswersView)
        assert answered.given == (("c", "d"),)
        sentences = [
            TranslationView((Translated(("the", "cat"), words, ("le", "chat")),)) for words in (("le", "chat"), ("la",))
        ]
        translated = side_by_side(["a", "b"], sentences)
        assert isinstance(translated, AnswersView)
        assert translated.right == [1, 0]
        videos = [FramesView(np.full((n, 2, 2), 0.5), truth=np.ones((n, 2, 2))) for n in (3, 4)]
        video = side_by_side(["a", "b"], videos)
        assert isinstance(video, VideosView)
        assert video.predictions.shape == (2, 3, 2, 2)
