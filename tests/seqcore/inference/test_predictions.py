"""Exported predictions: the scores of an evaluation can be computed from them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import seqcore
from seqcore.data.readers.read_table import read_table
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.results import SeriesView

FIXED: dict[str, Any] = {
    "data.scaling": "standard", "data.window": 8, "model.hidden_size": 4, "training.epochs": 1, "training.device": "cpu"
}  # fmt: skip


def trained(table: Any, changes: dict[str, Any]) -> tuple[Predictor, Any]:
    """A model that has seen the data once, and its test scores."""
    experiment = Experiment.make({"data": {"source": "sine"}}).with_changes(FIXED | changes)
    for event in seqcore.fit(experiment, data=table):
        if (content := getattr(event, "content", None)) is not None:
            last = content
    predictor = Predictor.from_checkpoint(last)
    return predictor, predictor.evaluate(table, split="test")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_forecast_of_several_steps_is_exported_from_every_origin() -> None:
    table = _dated(range(160))
    predictor, evaluation = trained(table, {"data.horizon": 5, "training.interval_coverage": 0.8})
    rows = rows_of(predictor.predictions(table, split="test").to_csv())
    errors = [abs(float(row["sales"]) - float(row["sales predicted"])) for row in rows]
    within = [float(row["sales low"]) <= float(row["sales"]) <= float(row["sales high"]) for row in rows]
    assert np.mean(errors) == pytest.approx(evaluation.metrics["mae"])
    assert np.mean(within) == pytest.approx(evaluation.metrics["coverage"])
    assert {row["steps ahead"] for row in rows} == set("12345")
    last = str(table.times[-1])[:10]
    assert rows[-1] == rows[-1] | {"date": last, "steps ahead": "5"}
    ahead = np.datetime64(last) - np.datetime64(rows[-1]["origin"])
    assert ahead == np.timedelta64(5, "D")


def test_the_picture_of_a_forecast_reaches_the_last_row() -> None:
    table = _dated(range(160))
    _, evaluation = trained(table, {"data.horizon": 5, "training.interval_coverage": 0.0})
    view = evaluation.view
    assert isinstance(view, SeriesView)
    assert view.x[-1] == table.times[-1]
    assert (np.diff(view.x) > np.timedelta64(0)).all()


def test_several_series_are_exported_with_their_names(tmp_path: Path) -> None:
    lines = [f"2024-01-{day:02},{shop},{day + place}" for day in range(1, 31) for place, shop in enumerate("abc")]
    path = tmp_path / "shops.csv"
    path.write_text("\n".join(("date,shop,sales", *lines)))
    table = read_table(path, name="shops.csv")
    predictor, evaluation = trained(table, {"data.horizon": 2, "data.window": 4, "training.interval_coverage": 0.0})
    rows = rows_of(predictor.predictions(table, split="test").to_csv())
    assert {row["shop"] for row in rows} == set("abc")
    assert np.mean([abs(float(r["sales"]) - float(r["sales predicted"])) for r in rows]) == pytest.approx(
        evaluation.metrics["mae"]
    )


def _dated(values: Any) -> Any:
    days = np.arange("2024-01-01", np.datetime64("2024-01-01") + len(values), dtype="datetime64[D]")
    rng = np.random.default_rng(0)
    text = "\n".join(["date,sales", *(f"{d},{v + rng.normal():.3f}" for d, v in zip(days, values, strict=True))])
    return read_table(text.encode(), name="sales.csv")


def test_typed_input_is_read_like_the_training_file() -> None:
    rng = np.random.default_rng(0)
    cells = (f"{v:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".") for v in rng.uniform(4e4, 9e4, 60))
    table = read_table("\n".join(("Umsatz;", *(f"{cell};" for cell in cells))).encode(), name="umsatz.csv")
    predictor, _ = trained(table, {"training.interval_coverage": 0.0})
    given = predictor.parse_input("70.000,5 80.000,5")
    assert given.tolist() == [[70000.5], [80000.5]]
    assert predictor.parse_input(predictor.example()) == pytest.approx(table.values[-8:], rel=1e-5)


def test_new_data_that_lie_in_the_training_period_are_counted() -> None:
    table = _dated(range(100))
    predictor, _ = trained(table, {"data.validation_fraction": 0.2, "data.test_fraction": 0.2})
    (finding,) = predictor.check_new(table, table)
    assert finding.code == "overlaps-training"
    assert "80 of 100 rows" in finding.message
    assert "2024-03-20" in finding.remedy
    later = table.keep_rows(np.arange(len(table)) >= 80)
    assert predictor.check_new(table, later) == []


def test_a_forecast_says_where_its_intervals_end() -> None:
    predictor, _ = trained(_dated(range(100)), {"data.horizon": 2, "training.interval_coverage": 0.5})
    view = predictor.forecast(60)
    last = view.no_interval_after
    assert last is not None
    assert np.isfinite(view.low[last - 1]).all()
    assert np.isnan(view.low[last:]).all()
    assert f"for the first {last} steps" in view.caption
    rows = rows_of(view.to_csv())
    assert [bool(row["note"]) for row in rows] == [place >= last for place in range(60)]
    short = predictor.forecast(last)
    assert short.no_interval_after is None
    assert "note" not in short.to_csv()
