"""Classification on the command line: train a labeled file, classify a sequence, evaluate a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcore.cli import main


def steps(path: Path, *, count: int = 40, labeled: bool = True, seed: int = 0) -> str:
    """A row for each step of rising and falling sequences of unequal lengths."""
    random = np.random.default_rng(seed)
    lines = ["id,time,a,b" + (",label" if labeled else "")]
    for i in range(count):
        slope = 1 if i % 2 else -1
        for t in range(int(random.integers(4, 9))):
            row = f"s{i},{t},{slope * t + random.normal() / 9:.3f},{random.normal():.3f}"
            lines.append(row + (f",{'up' if i % 2 else 'down'}" if labeled else ""))
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one run on a labeled file."""
    folder = tmp_path_factory.mktemp("classes")
    small = ["training.epochs=12", "model.hidden_size=8", "training.batch_size=8", "training.learning_rate=0.02"]
    settings = [word for s in small for word in ("--set", s)]
    assert main(["train", steps(folder / "old.csv"), "--store", str(folder / "runs"), *settings]) == 0
    return folder


def ask(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["predict", "latest", "--store", str(folder / "runs"), "--json", *words]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_sequence_is_answered_with_a_probability_for_each_class(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (answer,) = ask(capsys, folder, "--input", "0,0; 1,0; 2,0; 3,0; 4,0")
    assert answer["prediction"] == "up"
    assert set(answer["probabilities"]) == {"up", "down"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
    assert len(answer["unfolding"]) == 5
    assert answer["input"] == "0,0; 1,0; 2,0; 3,0; 4,0"


def test_a_labeled_file_is_scored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scores,) = ask(capsys, folder, "--file", steps(folder / "new.csv", count=10, seed=3))
    assert scores["metrics"]["accuracy"] == 1.0
    assert scores["baselines"]["majority"]["accuracy"] == 0.5
    assert scores["scored"] == "10 sequences"
    assert scores["more"][0]["view"] == "confusion"


def test_a_file_without_labels_is_answered_a_line_for_each_sequence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = steps(folder / "bare.csv", count=6, labeled=False, seed=4)
    answers = ask(capsys, folder, "--file", file, "--csv", str(folder / "answers.csv"))
    assert [(a["input"], a["prediction"]) for a in answers] == [(f"s{i}", "up" if i % 2 else "down") for i in range(6)]
    assert (folder / "answers.csv").read_text().startswith("sequence,")


def test_an_input_that_can_not_be_read_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["predict", "latest", "--store", str(folder / "runs"), "--input", "1,2,3"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_file_with_some_labels_is_predicted_and_scored_where_it_can_be(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(steps(folder / "some.csv", count=10, seed=3))
    lines = [
        line.rpartition(",")[0] + "," if line.startswith(("s1,", "s4,")) else line
        for line in file.read_text().splitlines()
    ]
    file.write_text("\n".join(lines) + "\n")
    *answers, scores = ask(capsys, folder, "--file", str(file), "--csv", str(folder / "some-answers.csv"))
    assert [answer["prediction"] for answer in answers] == ["down", "up"] * 5
    assert scores["scored"] == "8 sequences"
    assert scores["metrics"]["accuracy"] == 1.0
    assert "s4," in (folder / "some-answers.csv").read_text()
