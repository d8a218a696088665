"""Replicas in the shell: training, scores over seeds, predictions of the ensemble."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seqcore.cli import main
from seqcore.export import export, history_to_csv
from seqcore.results.scores import scores_info
from seqcore.runs.store import Store


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_replicas_are_trained_shown_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["--store", str(tmp_path)]
    changes = ["--set", "training.replicas=3", "--set", "training.epochs=4"]
    assert main([*store, "train", "ramp-next-value", *changes]) == 0
    shown = capsys.readouterr()
    assert "in each of 3 models" in shown.err
    assert "Median of 3 seeds" in shown.out
    assert "Lowest" in shown.out

    assert main([*store, "--json", "show", "latest"]) == 0
    run = objects(capsys.readouterr().out)[0]
    assert len(run["replicas"]["train_mae"]) == 3
    assert run["metrics"]["train_mae"] == sorted(run["replicas"]["train_mae"])[1]

    assert main([*store, "predict", "latest", "--input", "70, 80, 90"]) == 0
    assert "(3 seeds: " in capsys.readouterr().out
    assert main([*store, "--json", "predict", "latest", "--input", "70, 80, 90"]) == 0
    answer = objects(capsys.readouterr().out)[0]
    each = [own[0] for own in answer["replicas"]]
    assert answer["prediction"][0] == pytest.approx(sum(each) / 3)
    assert len(set(each)) == 3
    assert main([*store, "--json", "predict", "latest", "--steps", "2"]) == 0
    assert len(objects(capsys.readouterr().out)[0]["replicas"]) == 3
    assert main([*store, "--json", "predict", "latest", "--split", "train"]) == 0
    assert len(objects(capsys.readouterr().out)[0]["replicas"]["mae"]) == 3
    assert main([*store, "runs"]) == 0

    runs = Store(tmp_path)
    (found,) = runs.runs()
    assert runs.curve(found.id, max_points=None).replicas.shape == (4, 3)  # type: ignore[union-attr]
    assert export(runs, found.id, "history").splitlines()[0].endswith(b"train_loss 1,train_loss 2,train_loss 3")
    assert history_to_csv([]).startswith("epoch")
    runs.close()


def test_a_class_and_a_symbol_come_with_how_many_replicas_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ["--store", str(tmp_path)]
    assert main([*store, "train", "next-letter", "--set", "training.replicas=2", "--set", "training.epochs=1"]) == 0
    capsys.readouterr()
    assert main([*store, "predict", "latest", "--input", "abc"]) == 0
    assert "of 2 seeds agree)" in capsys.readouterr().out
    assert main([*store, "--json", "predict", "latest", "--input", "abc"]) == 0
    assert len(objects(capsys.readouterr().out)[0]["replicas"]) == 2


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        ([1.0, 2.0, 3.0], "Skill: MAE 2× lower than last value (median; all 3 seeds agree)."),
        ([1.0, 3.0, 5.0], "Skill: MAE better than last value in 2 of 3 seeds only."),
        ([5.0, 6.0, 8.0], "Skill: MAE 50% higher than last value (median; all 3 seeds agree)."),
    ],
)
def test_a_model_is_better_than_a_baseline_only_where_every_replica_is(each: list[float], expected: str) -> None:
    info = scores_info(
        {"mae": sorted(each)[1]}, {"last_value": {"mae": 4.0}}, metric="mae", reference="last_value",
        replicas={"mae": each},
    )  # fmt: skip
    assert info.sentence == expected


def test_replica_cost_measures_the_numbers_of_seeds_that_were_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--store", str(tmp_path), "replica-cost", "ramp-next-value", "--counts", "2", "3"]
    assert main([*command, "--json"]) == 0
    (cost,) = objects(capsys.readouterr().out)
    assert set(cost["ratios"]) == {"2", "3"}
    assert cost["step_seconds"] > 0
    assert main(command) == 0
    assert "seeds together" in capsys.readouterr().out
    assert Store(tmp_path).runs() == []


def test_replica_cost_refuses_what_cannot_be_trained_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--store", str(tmp_path), "replica-cost", "english-french"]) == 1
    assert "one model at a time" in capsys.readouterr().err
