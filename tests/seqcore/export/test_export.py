"""Exports read back as what the run has."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from seqcore.errors import NotFoundError
from seqcore.events import Epoch
from seqcore.experiment.experiment import Experiment
from seqcore.export import FORMATS, export, history_to_csv, scored_split
from seqcore.results import SeriesView, SymbolsView

NAN = float("nan")


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


class TestSeries:
    def test_each_row_has_truth_and_prediction_under_the_users_own_names(self):
        view = SeriesView(
            x=np.array([0.0, 1.0]), prediction=np.array([[0.1], [0.2]]), truth=np.array([[0.0], [NAN]]),
            columns=("height",), x_title="row",
        )  # fmt: skip
        assert rows(view.to_csv()) == [["row", "height", "height predicted"], ["0", "0", "0.1"], ["1", "", "0.2"]]

    def test_a_forecast_has_no_truth_column(self):
        view = SeriesView(x=np.array([3.0]), prediction=np.array([[100.0, 5.0]]), columns=("a", "b"))
        assert rows(view.to_csv()) == [["step", "a predicted", "b predicted"], ["3", "100.0", "5.0"]]

    def test_numbers_read_back_exactly(self):
        value = 0.1 + 0.2
        view = SeriesView(x=np.array([0.5]), prediction=np.array([[value]]))
        assert float(rows(view.to_csv())[1][1]) == value

    def test_days_are_written_without_a_clock_and_hours_with_one(self):
        for unit, expected in (("D", "2020-01-02"), ("h", "2020-01-01T01:00:00")):
            times = np.array([0, 1]).astype(f"timedelta64[{unit}]") + np.datetime64("2020-01-01", "ns")
            view = SeriesView(x=times, prediction=np.zeros((2, 1)), x_title="Month")
            assert rows(view.to_csv())[2][0] == expected

    def test_the_break_between_two_stretches_is_no_row(self):
        view = SeriesView(x=np.arange(3.0), prediction=np.array([[1.0], [NAN], [3.0]]))
        assert [row[0] for row in rows(view.to_csv())[1:]] == ["0", "2"]

    def test_a_name_with_a_comma_stays_one_name(self):
        view = SeriesView(x=np.array([0.0]), prediction=np.array([[1.0]]), columns=('a,"b"',))
        assert rows(view.to_csv())[0] == ["step", 'a,"b" predicted']


def test_symbols_come_with_all_their_probabilities():
    view = SymbolsView((("a", "b"),), ("b", "c"), np.array([[0.25, 0.75]]), truth=("c",))
    assert rows(view.to_csv()) == [
        ["context", "truth", "predicted", "p(b)", "p(c)"],
        ["ab", "c", "c", "0.25", "0.75"],
    ]
    view = SymbolsView((("a", "b"),), ("b", "c"), np.array([[0.25, 0.75]]))
    assert "truth" not in rows(view.to_csv())[0]


def test_a_history_has_each_epoch_once_as_it_was_last_and_a_gap_for_what_is_not_a_number():
    epochs = [
        Epoch(1, 10, {"train_loss": 1.0}, 0.5),
        Epoch(2, 20, {"train_loss": 9.0}, 0.5),
        Epoch(2, 20, {"train_loss": NAN, "val_loss": 0.25}, 0.5),
    ]
    assert rows(history_to_csv(epochs)) == [
        ["epoch", "step", "seconds", "train_loss", "val_loss"],
        ["1", "10", "0.5", "1.0", ""],
        ["2", "20", "0.5", "", "0.25"],
    ]


@pytest.mark.parametrize(("validation", "test", "part"), [(0.1, 0.1, "test"), (0.1, 0.0, "val"), (0.0, 0.0, "train")])
def test_the_part_that_counts_most_is_the_last_one_there_is(validation, test, part):
    changes = {"data.validation_fraction": validation, "data.test_fraction": test}
    assert scored_split(Experiment().with_changes(changes)) == part


def test_an_unknown_format_is_refused_with_the_nearest_one():
    with pytest.raises(NotFoundError, match="did you mean weights"):
        export(None, "latest", "weigths")


def test_every_format_says_what_it_is():
    for name, form in FORMATS.items():
        assert form.suffix.startswith("."), name
        assert form.help.endswith("."), name
