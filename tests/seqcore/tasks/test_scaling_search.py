"""Scaling "auto": short trials, selection on validation data, kept in the codec."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import seqcore.tasks.regression
from seqcore.data.numeric_codec import NumericCodec
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.events import CheckpointReady, Finding, Finished, Preparing, Started
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.tasks.regression import Regression
from seqcore.tasks.scaling_search import KINDS
from seqcore.training.control import Control
from seqcore.training.fit import fit

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few steps as a trial may have."""
    monkeypatch.setattr("seqcore.tasks.scaling_search._MOST_STEPS", 40)


def growing(rows: int = 120) -> np.ndarray:
    """Monthly values that grow by a share, with a season that grows along."""
    t, noise = np.arange(rows), np.random.default_rng(0).normal(0, 0.02, rows)
    return np.exp(4.8 + 0.012 * t + 0.15 * np.sin(2 * np.pi * t / 12) + noise)


def plan(**data: Any) -> Experiment:
    return Experiment.make(
        {
            "data": {"window": 12, "scaling": "auto", **data},
            "model": {"hidden_size": 8},
            "training": {"epochs": 2, "device": "cpu"},
        }
    )


def choose(values: np.ndarray, **data: Any) -> NumericCodec:
    codec: NumericCodec = Regression(plan(**data)).make_dataset(Table(values[:, None], ("value",)), CPU).codec
    return codec


def test_a_log_scaling_is_selected_for_exponential_growth() -> None:
    before = torch.random.get_rng_state()
    codec = choose(growing())
    assert codec.scalers.kind in ("log-last-value", "window-mean", "last-value")
    assert {row[0] for row in codec.choice} == set(KINDS)
    errors = [row[1] for row in codec.choice]
    assert errors == sorted(errors)
    assert codec.choice[0] == (codec.scalers.kind, errors[0], "selected")
    by_kind = {row[0]: row[1] for row in codec.choice}
    assert 2 * by_kind["log-last-value"] < by_kind["standard"]
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_scaling_search_reports_progress_and_tries_each_once() -> None:
    said = []
    for event in fit(plan(), data=growing()):
        if isinstance(event, Started):
            break
        assert isinstance(event, Preparing)
        said.append(event.sentence)
    searched = [s for s in said if "Scaling" in s]
    assert [s.partition(", ")[0] for s in searched] == [f"Scaling search: {n} of {len(KINDS)}" for n in range(1, 7)]
    assert len({s.partition(", ")[2] for s in searched} - {""}) == len(KINDS)
    assert said[-2:] == ["Scoring the baselines: 1 of 2", "Scoring the baselines: 2 of 2"]


def test_impossible_scalings_have_a_reason() -> None:
    rows = {row[0]: row for row in choose(np.random.default_rng(0).normal(0, 1, 200), window=4).choice}
    assert rows["log-last-value"][1] is None
    assert rows["log-last-value"][2].startswith("value: row ")
    assert rows["log-last-value"][2].endswith("needs values above 0")
    assert "needs a period" in rows["seasonal"][2]


def test_without_a_validation_split_the_end_of_the_training_split_is_used() -> None:
    codec = choose(growing(), window=4, validation_fraction=0.0, test_fraction=0.2)
    assert codec.choice[0][1] is not None


def test_no_possible_scaling_is_one_error() -> None:
    with pytest.raises(DataError, match=r"data\.window"):
        choose(growing(8))


def test_the_selected_scaling_is_shown_and_kept_on_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    values, checkpoints, remarks, ends = growing(), [], [], []
    control = Control()
    for event in fit(plan(), data=values, control=control):
        if isinstance(event, CheckpointReady):
            checkpoints.append(event.content)
        if isinstance(event, Finding) and event.code == "scaling-chosen":
            remarks.append(event)
        if isinstance(event, Finished):
            ends.append(event)
    assert len(remarks) == 1
    assert remarks[0].severity == "info"

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a finished choice was made again")

    monkeypatch.setattr(seqcore.tasks.regression, "scaling_trials", never)
    predictor = Predictor.from_checkpoint(checkpoints[-1])
    assert predictor._codec.scalers.kind in remarks[0].message
    table = Table(values[:, None], ("value",))
    evaluation = predictor.evaluate(table, split="test")
    shown = predictor.scaling_search
    assert shown is not None
    assert shown.rows == predictor._codec.choice
    assert shown not in predictor.evaluate(table).more  # it says nothing of new data
    assert evaluation.metrics["mae"] == pytest.approx(ends[0].metrics["test_mae"], rel=1e-6)
    longer = plan().with_changes({"training.epochs": 3})
    again = [e for e in fit(longer, data=values, resume=checkpoints[-1]) if isinstance(e, CheckpointReady)]
    kept = Predictor.from_checkpoint(again[-1].content)
    assert kept._codec.choice == predictor._codec.choice
    assert kept._codec.scalers.kind == predictor._codec.scalers.kind
