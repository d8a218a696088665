"""What each picture shows, and that it is drawn in the house's colors."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from seqcore.data.profile.table_info import table_info
from seqcore.data.table import Table, symbol_table
from seqcore.events import Changed, Epoch
from seqcore.plots import plot_view
from seqcore.plots.data import plot_table
from seqcore.plots.fork import ParentLosses
from seqcore.plots.loss import loss_info, plot_loss
from seqcore.plots.scores import plot_scores
from seqcore.plots.series import plot_series, series_info
from seqcore.plots.style import COLORS, LINE_WIDTH, color, empty_figure
from seqcore.plots.symbols import plot_symbols, symbols_info
from seqcore.plots.text import plot_text, text_info
from seqcore.results import SeriesView, SymbolsView, TextView
from seqcore.results.curves import CurvesView, OverlaidCurve
from seqcore.results.scores import scores_info
from seqcore.results.thinning import sparkline, thin

NAN = float("nan")


def epoch(number: int, val_loss: float, *, best: bool = False) -> Epoch:
    return Epoch(epoch=number, step=10 * number, metrics={"val_loss": val_loss}, seconds=0.1, best=best)


def series(n: int = 3, columns: tuple[str, ...] = ("height",)) -> SeriesView:
    values = np.arange(n * len(columns), dtype=np.float64).reshape(n, len(columns))
    return SeriesView(x=np.arange(n, dtype=np.float64), prediction=values + 0.5, truth=values, columns=columns)


def symbols(n: int, count: int = 26) -> SymbolsView:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(count), size=n)
    names = tuple(chr(97 + i) for i in range(count))
    return SymbolsView(tuple((names[i % count],) for i in range(n)), names, probabilities, truth=("b",) * n)


def by_name(figure, name: str):
    return next(trace for trace in figure.data if trace.name == name)


class TestStyle:
    def test_truth_is_dark_on_light_and_light_on_dark(self):
        assert color("truth") < "#333333"
        assert color("truth", dark=True) > "#CCCCCC"

    def test_an_opacity_keeps_the_hue(self):
        assert color("prediction", opacity=0.5) == "rgba(0,114,178,0.5)"

    def test_a_baseline_is_a_grey_dashed_line(self):
        from seqcore.plots.style import line

        assert line("baseline") == {"color": "#8A8A8A", "width": LINE_WIDTH, "dash": "dash"}

    @pytest.mark.parametrize("dark", [False, True])
    def test_an_empty_figure_has_its_title_and_says_why(self, dark):
        figure = empty_figure("Loss", "no step yet", dark=dark)
        assert figure.layout.title.text == "Loss"
        assert figure.layout.annotations[0].text == "no step yet"
        assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"


class TestThin:
    def test_a_short_line_is_kept_whole(self):
        assert thin(np.zeros((5, 1)), 10).tolist() == [0, 1, 2, 3, 4]

    def test_a_spike_a_gap_and_the_ends_survive(self):
        values = np.zeros((100_000, 2))
        values[54_321, 0] = 9.0
        values[12_345, 1] = NAN
        kept = thin(values, 600)
        assert len(kept) < 1300
        assert {0, 54_321, 12_345, 99_999} <= set(kept.tolist())
        assert np.all(np.diff(kept) > 0)


class TestLoss:
    def test_the_curve_and_the_epochs_are_shown_with_the_best_one(self):
        info = loss_info([1, 2], [1.0, 0.5], [epoch(1, 0.4, best=True), epoch(2, 0.6)])
        assert info.train.tolist() == [1.0, 0.5]
        assert info.validation_steps.tolist() == [10.0, 20.0]
        assert (info.best_step, info.best) == (10, 0.4)

    def test_an_epoch_that_came_twice_counts_as_it_was_the_last_time(self):
        info = loss_info([], [], [epoch(1, 0.4), epoch(2, 0.9), epoch(2, 0.3)])
        assert info.validation.tolist() == [0.4, 0.3]

    def test_a_loss_that_is_not_finite_is_a_gap(self):
        info = loss_info([1, 2, 3], [1.0, NAN, float("inf")], logarithmic=False)
        assert np.isnan(info.train).tolist() == [False, True, True]

    def test_what_is_not_above_zero_is_a_gap_only_on_a_logarithmic_axis(self):
        assert np.isnan(loss_info([1], [0.0]).train).all()
        assert loss_info([1], [0.0], logarithmic=False).train.tolist() == [0.0]

    def test_a_change_in_mid_run_is_named_at_its_step(self):
        info = loss_info([1], [1.0], [Changed(step=7, changes={"training.learning_rate": 0.001})])
        assert info.changes == ((1, 7, "learning rate 0.001"),)
        assert plot_loss(info).layout.annotations[0].text == "1: learning rate 0.001"

    @pytest.mark.parametrize(
        ("low", "ticks"), [(1e-13, {"dtick": 3}), (1e-4, {"dtick": 1}), (0.05, {"dtick": "D2"}), (0.7, {})]
    )
    def test_a_logarithmic_axis_has_few_ticks_in_one_notation(self, low, ticks):
        axis = plot_loss(loss_info([1, 2], [1.0, low])).layout.yaxis.to_plotly_json()
        assert {key: axis[key] for key in ("dtick",) if key in axis} == ticks
        assert axis["tickformat"] == ("~e" if low < 1e-4 else ",~g")
        assert "exponentformat" not in axis  # its powers of ten are larger than the ticks of other axes

    def test_nothing_yet_is_a_titled_empty_figure(self):
        figure = plot_loss(loss_info([], [], title="Loss"))
        assert figure.layout.title.text == "Loss"
        assert not figure.data

    @pytest.mark.parametrize(("logarithmic", "kind"), [(True, "log"), (False, None)])
    def test_the_figure_has_units_roles_and_the_axis_asked_for(self, logarithmic, kind):
        figure = plot_loss(loss_info([1, 2], [1.0, 0.5], [epoch(1, 0.4)], logarithmic=logarithmic))
        assert figure.layout.yaxis.type == kind
        assert figure.layout.yaxis.title.text == "loss"
        assert figure.layout.xaxis.title.text == "training step"
        assert by_name(figure, "training").line.color == COLORS["training"][0]
        assert by_name(figure, "validation").line.color == COLORS["validation"][0]
        assert {t.line.width for t in figure.data if t.mode == "lines"} == {LINE_WIDTH}


class TestSeries:
    def test_each_column_gets_a_panel(self):
        info = series_info(series(4, ("height", "speed")))
        assert [p.column for p in info.panels] == ["height", "speed"]
        assert info.panels[1].truth.tolist() == [1.0, 3.0, 5.0, 7.0]
        figure = plot_series(info)
        assert figure.layout.yaxis2.title.text == "speed"
        assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]

    def test_columns_that_do_not_fit_are_counted_and_said(self):
        view = series(3, tuple(f"c{i}" for i in range(10)))
        assert series_info(view).left_out == 2
        assert "2 more columns" in plot_series(series_info(view)).layout.xaxis.title.text

    def test_a_forecast_goes_on_from_what_was_known(self):
        view = SeriesView(
            x=np.array([3.0]), prediction=np.array([[100.0]]),
            context_x=np.arange(3.0), context=np.array([[70.0], [80.0], [90.0]]),
        )  # fmt: skip
        info = series_info(view)
        assert info.panels[0].joined
        figure = plot_series(info)
        assert by_name(figure, "observed").y.tolist() == [70.0, 80.0, 90.0]
        assert by_name(figure, "prediction").line.color == COLORS["prediction"][0]

    def test_times_stay_times(self):
        view = series(3)
        times = np.array(["2020-01", "2020-02", "2020-03"], dtype="datetime64[M]").astype("datetime64[ns]")
        view = SeriesView(x=times, prediction=view.prediction, truth=view.truth, x_title="Month")
        info = series_info(view)
        assert info.panels[0].x.dtype.kind == "M"
        assert plot_series(info).layout.xaxis.title.text == "Month"

    def test_a_long_series_is_thinned_and_keeps_its_gaps(self):
        view = series(50_000)
        view.prediction[25_000] = NAN
        info = series_info(view, max_points=1000)
        assert len(info.panels[0].x) <= 1500
        assert np.isnan(info.panels[0].prediction).sum() == 1

    def test_short_stretches_far_apart_are_put_side_by_side(self):
        x = np.array([1000.0, 1001.0, np.nan, 9000.0, 9001.0])
        values = np.where(np.isnan(x), NAN, 1.0)[:, None]
        before = np.array([998.0, 999.0])
        view = SeriesView(x=x, prediction=values, truth=values, context_x=before, context=np.zeros((2, 1)))
        info = series_info(view)
        assert info.x_title == "step, 2 segments side by side"
        assert info.panels[0].context_x.tolist() == [0.0, 1.0]
        np.testing.assert_equal(info.panels[0].x, [2.0, 3.0, NAN, 4.0, 5.0])

    def test_single_answers_that_do_not_follow_each_other_are_drawn_over_the_truth(self):
        n = 40
        x, truth = np.full(2 * n - 1, NAN), np.full((2 * n - 1, 1), NAN)
        x[::2], truth[::2, 0] = 100.0 * np.arange(n), np.linspace(0.0, 2.0, n)
        view = SeriesView(x=x, prediction=truth + 0.5, truth=truth, columns=("sum",))
        info = series_info(view)
        assert info.scattered
        points = by_name(plot_series(info), "prediction")
        assert points.mode == "markers"
        np.testing.assert_allclose(points.y[::2] - points.x[::2], 0.5)

    def test_answers_that_follow_each_other_stay_lines_over_time(self):
        assert not series_info(series(50)).scattered

    def test_the_interval_of_a_single_answer_can_be_seen(self):
        one = np.array([[5.0]])
        view = SeriesView(x=np.array([3.0]), prediction=one, low=one - 2, high=one + 3, coverage=0.9)
        bar = by_name(plot_series(series_info(view)), "prediction").error_y
        assert (list(bar.arrayminus), list(bar.array)) == ([2.0], [3.0])

    def test_stretches_near_each_other_keep_their_places(self):
        x = np.array([0.0, 1.0, np.nan, 3.0, 4.0])
        info = series_info(SeriesView(x=x, prediction=np.where(np.isnan(x), NAN, 1.0)[:, None]))
        np.testing.assert_equal(info.panels[0].x, x)
        assert info.x_title == "step"

    def test_a_view_of_nothing_is_an_empty_figure(self):
        assert not plot_series(series_info(series(0))).data

    @pytest.mark.parametrize("dark", [False, True])
    def test_truth_is_ink_on_its_ground(self, dark):
        assert by_name(plot_series(series_info(series()), dark), "observed").line.color == COLORS["truth"][dark]


class TestSymbols:
    def test_one_context_shows_the_most_probable_symbols_first(self):
        info = symbols_info(symbols(1))
        assert len(info.symbols) == 12
        assert np.all(np.diff(info.probabilities[0]) <= 0)
        assert info.symbols_left_out == 14
        assert plot_symbols(info).data[0].type == "bar"
        axis = plot_symbols(info).layout.yaxis
        assert (axis.title.text, axis.dtick) == ("next symbol", 1)  # in a low figure, too, every bar has its symbol

    def test_several_contexts_keep_the_symbols_own_order_and_show_what_came(self):
        info = symbols_info(symbols(26))
        assert info.symbols == tuple("abcdefghijklmnopqrstuvwxyz")
        figure = plot_symbols(info)
        assert figure.data[0].type == "heatmap"
        assert by_name(figure, "true symbol").x == tuple([1] * 26)

    def test_what_does_not_fit_is_counted(self):
        info = symbols_info(symbols(100, 60))
        assert (info.contexts_left_out, info.symbols_left_out) == (70, 20)
        assert "70 more contexts" in plot_symbols(info).layout.xaxis.title.text

    def test_blanks_can_be_read(self):
        view = SymbolsView((("a", " "),), (" ", "\n"), np.array([[0.4, 0.6]]))
        info = symbols_info(view)
        assert info.symbols == ("new line", "space")
        assert info.contexts == ("a\u2423",)

    def test_long_contexts_are_shown_by_their_ends(self):
        view = SymbolsView((tuple("bdacf" + "." * 30 + "?bd"), tuple("a line\nand one")), ("s",), np.ones((2, 1)))
        assert symbols_info(view).contexts == ("bdacf.......\u2026.........?bd", "a line\u21b5and one")

    def test_no_context_is_an_empty_figure(self):
        assert not plot_symbols(symbols_info(symbols(0))).data


class TestText:
    def test_given_and_written_stand_in_lines_that_fit(self):
        view = TextView("The cat sat on", " a mat.\n\n" + "word " * 40)
        info = text_info(view)
        assert all(len(given + written) <= 62 for given, written in info.lines)
        assert info.lines[:2] == (("The cat sat on", " a mat."), ("", ""))
        assert " ".join(given + written for given, written in info.lines).split() == (view.prompt + view.text).split()

    def test_a_text_is_shown_to_the_letter(self):
        figure = plot_view(TextView("if a < b:\n    ", "<b>&amp;</b>"))
        shown = figure.layout.annotations[0].text
        assert "&lt;b&gt;&amp;amp;&lt;/b&gt;" in shown
        assert "\u00a0" * 4 in shown
        assert color("prediction") in shown

    def test_a_very_long_text_says_what_is_left_out(self):
        info = text_info(TextView("", "line\n" * 100))
        assert not info.truth
        known = text_info(TextView("The cat", " sits.", truth=" sat on\nthe mat"))
        assert known.truth == ("sat on", "the mat")
        shown = plot_text(known).layout.annotations[0].text.replace("\u00a0", " ")
        assert shown.index("sits.") < shown.index("Original text") < shown.index("the mat")
        assert (len(info.lines), info.lines_left_out) == (24, 76)
        assert "76\u00a0more\u00a0lines" in plot_text(info).layout.annotations[0].text

    def test_no_text_is_an_empty_figure(self):
        assert "no text" in plot_text(text_info(TextView("", ""))).layout.annotations[0].text


class TestScores:
    BASELINES: ClassVar = {
        "last_value": {"mae": 0.06},
        "linear": {"mae": 0.03},
        "seasonal": {"mae": NAN},
        "mean": {"mse": 1.0},
    }

    def test_the_best_comes_first_and_what_is_not_defined_is_left_out(self):
        info = scores_info({"mae": 0.01}, self.BASELINES, metric="mae", reference="last_value")
        assert [s.name for s in info.scores] == ["This model", "Linear regression on the window", "Last value"]

    def test_the_sentence_names_the_headline_and_the_best_baseline(self):
        info = scores_info({"val_mae": 0.01}, {"last_value": {"val_mae": 0.06}, "linear": {"val_mae": 0.03}},
                           metric="mae", part="val", reference="last_value")  # fmt: skip
        assert info.short == "6× lower"
        assert info.sentence == (
            "Skill: MAE 6× lower than last value, and 3× lower than the best baseline, linear regression on the window."
        )

    def test_a_model_that_loses_is_told_so(self):
        info = scores_info({"mae": 0.09}, self.BASELINES, metric="mae", reference="last_value")
        assert info.short == "50% higher"
        assert "3× higher than the best baseline" in info.sentence

    def test_an_exact_baseline_is_called_exact_and_nothing_is_divided_by_zero(self):
        info = scores_info({"mae": 0.5}, {"last_value": {"mae": 10.0}, "linear": {"mae": 0.0}}, metric="mae",
                           reference="last_value")  # fmt: skip
        assert info.exact_baseline
        assert info.sentence.endswith("far higher than the best baseline, linear regression on the window. "
                                      "Linear regression on the window is exact on these data.")  # fmt: skip

    def test_of_several_exact_baselines_the_straight_line_is_named(self):
        info = scores_info({"mae": 0.5}, {"drift": {"mae": 0.0}, "linear": {"mae": 1e-8}}, metric="mae",
                           reference="drift")  # fmt: skip
        assert info.against_best == "Linear regression on the window is exact on these data"
        assert info.best_baseline.name == "Linear regression on the window"

    def test_the_model_beside_the_best_baseline_in_a_few_words(self):
        info = scores_info({"mae": 0.09}, self.BASELINES, metric="mae", reference="last_value")
        assert info.against_best == "3× higher than linear regression on the window"

    def test_two_perfect_scores_are_as_good_as_each_other(self):
        info = scores_info({"mae": 0.0}, {"linear": {"mae": 0.0}}, metric="mae", reference="linear")
        assert info.short == "about equal"
        assert "equal to linear regression" in info.sentence

    def test_accuracy_is_compared_in_points_and_higher_wins(self):
        info = scores_info({"accuracy": 1.0}, {"most_frequent": {"accuracy": 0.04}}, metric="accuracy",
                           reference="most_frequent")  # fmt: skip
        assert info.short == "96 points higher"
        baselines = {"most_frequent": {"accuracy": 0.25}, "nearest": {"accuracy": 0.98659}}
        both = scores_info({"accuracy": 0.994}, baselines, metric="accuracy", reference="most_frequent")
        assert (both.short, both.against_best) == ("74.4 points higher", "0.7 points higher than nearest")
        assert info.scores[0].model
        assert "%" in plot_scores(info).data[0].text[0]

    def test_where_nothing_is_right_it_is_said_and_letters_are_compared(self):
        model, nearest = {"bleu": 0.0, "chrf": 7.5}, {"nearest_sentence": {"bleu": 0.0, "chrf": 31.0}}
        info = scores_info(model, nearest, metric="bleu", reference="nearest_sentence")
        assert info.sentence == ("BLEU is 0 for all. Skill: chrF 23.5 points lower than nearest training sentence.")
        assert info.metric == "chrf"
        assert info.short == "23.5 points lower"
        none = scores_info({"accuracy": 0.0}, {"most_frequent": {"accuracy": 0.0}}, metric="accuracy",
                           reference="most_frequent")  # fmt: skip
        assert none.short == "accuracy 0 for all"
        assert none.sentence == "Accuracy is 0 for the model and for every baseline."
        some = scores_info({"bleu": 0.0, "chrf": 7.5}, {"nearest_sentence": {"bleu": 5.0, "chrf": 1.0}}, metric="bleu",
                           reference="nearest_sentence")  # fmt: skip
        assert (some.metric, some.short) == ("bleu", "5 points lower")

    def test_without_scores_or_baselines_it_says_so(self):
        assert scores_info({}, {}, metric="mae").sentence == "This split has no score."
        assert scores_info({"mae": 1.0}, {}, metric="mae").sentence == "There is no baseline to compare with."
        assert scores_info({"mae": 1.0}, {}, metric="mae").short == "–"
        assert not plot_scores(scores_info({}, {}, metric="mae")).data

    def test_bars_carry_the_unit(self):
        figure = plot_scores(scores_info({"mae": 0.01}, self.BASELINES, metric="mae", unit="m"))
        assert figure.data[0].text[0] == "0.01 m"
        assert figure.layout.xaxis.title.text == "mean absolute error in m, lower is better"


class TestTable:
    def test_a_series_is_cut_in_time_and_drawn_without_holes(self):
        table = Table(np.arange(100.0)[:, None], ("height",))
        info = table_info(table, validation_fraction=0.2, test_fraction=0.1)
        assert [s.split for s in info.segments] == ["training", "validation", "test"]
        assert [s.x[0] for s in info.segments] == [0, 70, 90]
        assert info.segments[0].x[-1] == 70
        assert by_name(plot_table(info), "test").line.color == COLORS["test"][0]

    def test_a_long_part_is_drawn_as_finely_as_a_short_one(self):
        table = Table(np.random.default_rng(0).random((4000, 2)), ("a", "b"))
        info = table_info(table, validation_fraction=0.1, test_fraction=0.1, max_points=2000)
        shares = [len(s.y) / rows for s, rows in zip(info.segments, [3200, 400, 400] * 2, strict=True)]
        assert max(shares) < 1.2 * min(shares)

    def test_independent_sequences_belong_to_one_part_each(self):
        table = Table(np.arange(90.0)[:, None], ("value",), offsets=np.arange(11) * 9, independent=True)
        info = table_info(table, validation_fraction=0.2, test_fraction=0.2)
        assert [s.split for s in info.segments] == ["training"] * 6 + ["validation"] * 2 + ["test"] * 2

    def test_what_does_not_fit_is_counted(self):
        table = Table(np.zeros((200, 9)), tuple("abcdefghi"), offsets=np.arange(101) * 2, independent=True)
        info = table_info(table)
        assert info.columns == tuple("abcdef")
        assert info.omitted == "3 more columns, 88 more sequences"
        assert "88 more sequences" in plot_table(info).layout.xaxis.title.text

    def test_only_the_columns_asked_for_are_drawn(self):
        table = Table(np.zeros((4, 2)), ("a", "b"))
        assert table_info(table, columns=("b",)).columns == ("b",)

    def test_symbols_are_shown_as_text(self):
        table = symbol_table([list("abcdefghij" * 40)], columns=("letter",))
        info = table_info(table, validation_fraction=0.1, test_fraction=0.1)
        assert sum(len(s.y) for s in info.segments) == 240
        assert info.omitted == "160 more symbols"
        assert plot_table(info).data[0].text[:3] == ("a", "b", "c")

    def test_a_table_without_rows_is_an_empty_figure(self):
        assert not plot_table(table_info(Table(np.zeros((0, 1)), ("a",)))).data


class TestSparkline:
    def test_a_long_line_is_thinned(self):
        assert len(sparkline(np.arange(1000.0))) <= 62

    def test_what_is_not_above_zero_is_missing(self):
        assert np.isnan(sparkline([1.0, 0.0])).tolist() == [False, True]

    def test_no_values_give_no_points(self):
        assert len(sparkline([])) == 0


@pytest.mark.parametrize("view", [series(), symbols(3)], ids=lambda v: type(v).__name__)
def test_every_type_of_view_has_a_picture(view):
    assert plot_view(view, dark=True).data


def test_a_run_of_one_step_or_one_epoch_is_seen():
    """A line of one point is not drawn."""
    one = np.ones(1)
    figure = plot_loss(loss_info([1], [0.5], parent=ParentLosses(0, one, one, one, one)))
    modes = {trace.name: trace.mode for trace in figure.data if len(trace.x)}
    assert modes == dict.fromkeys(("training", "training, parent", "validation, parent"), "markers")
    [trace] = plot_view(CurvesView((OverlaidCurve("GRU", np.array([3.0]), one),), "training step", "MAE")).data
    assert (trace.mode, trace.marker.size) == ("lines+markers", 9)
