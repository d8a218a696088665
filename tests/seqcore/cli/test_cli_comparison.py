"""Commands that compare runs, race them, and train several seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seqcore.cli import main
from seqcore.results.formatting import format_number
from seqcore.runs.api import open_store

QUICK = ("--set", "training.epochs=2", "--set", "data.options.samples=200", "--set", "model.hidden_size=4")


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(words)
        return code, *capsys.readouterr()

    return run


def objects(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_seeds_against_another_experiment_are_tested_and_compared_again_by_their_group(ask: Any) -> None:
    code, out, _ = ask(
        "seeds", "bouncing-ball", "6", *QUICK, "--against", "training.learning_rate=0.0001", "--group", "two", "--json"
    )
    assert code == 0
    test = next(line["test"] for line in objects(out) if "test" in line)
    assert len(test["seeds"]) == len(test["differences"]) == 6
    assert (test["better"] is not None) == (test["p"] < 0.05)
    code, out, _ = ask("compare", "--group", "two", "--by", "seconds", "--what", "val_loss", "--json")
    found, curves, again = objects(out)
    assert [d["path"] for d in found["differences"]] == ["training.learning_rate"]
    assert found["comparable"] is True
    assert [entry["title"] for entry in found["entries"]] == ["learning rate 0.01", "learning rate 0.0001"]
    assert (curves["by"], curves["what"], curves["view"]) == ("seconds", "val_loss", "curves")
    assert again["test"] == test
    baselines = open_store().run(found["entries"][0]["runs"][0]).baselines
    lowest = min(scores["test_mae"] for scores in baselines.values())
    assert found["best_baselines"] == [{"title": found["best_baselines"][0]["title"], "split": "test", "score": lowest}]
    code, out, _ = ask("compare", "--group", "two", "--split", "test")
    assert "p = " in out
    row = next(line for line in out.splitlines() if "Best baseline: " in line)
    assert format_number(lowest) in row
    assert "height learning rate 0.01" in out


def test_different_problems_are_said_not_to_be_comparable(ask: Any) -> None:
    ids = []
    for horizon in ("1", "2"):
        ask("train", "bouncing-ball", *QUICK, "--set", f"data.horizon={horizon}")
        ids.append(open_store().run("latest").id)
    code, out, error = ask("compare", *ids, "feed")
    assert code == 0
    assert "must not be ranked" in error
    assert "there is no run 'feed'" in error
    assert out.count("test MAE") == 2  # a table for each problem


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("race", "bouncing-ball", "--over", "model.architecture=gru"), "at least two competitors"),
        (("race", "bouncing-ball", "--over", "model.architecture=gru,nonsense"), "nonsense"),
        (("race", "bouncing-ball", "--over", "foo.bar=1,2"), "foo.bar: unknown field"),
        (("race", "bouncing-ball", "--over", "model.architecture=,"), "model.architecture has no values"),
        (("race", "bouncing-ball", "--over", "model.architecture=rnn,gru", "--over", "model.architecture=lstm"),
         "over: model.architecture is given twice"),
        (("race", "bouncing-ball", "--over", "data.gaps=drop,refuse", "--over", "data.missing=drop"),
         "over: data.missing is given twice"),
        (("race", "bouncing-ball", "--over", "model.nonlinearity=tanh,relu"), "an option of another architecture"),
        (("race", "bouncing-ball", "--over", "model.architecture=rnn,gru", "--group", "\udcff"), "not valid Unicode"),
        (("seeds", "bouncing-ball", "1"), "2 to 64"),
        (("seeds", "bouncing-ball", "6", "--against", "training.seed=9"), "the same experiment"),
        (("seeds", "bouncing-ball", "6", "--against", "model.architecture=lstm"), "the same experiment"),
        (("seeds", "bouncing-ball", "6", "--against", "data.window=5"), "against: with other data or targets"),
        (("race", "bouncing-ball", "--over", "data.window=5,10"), "over: data.window can't differ"),
        (("compare",), "no runs to compare"),
        (("compare", "feed", "--by", "hours"), "there is no axis 'hours'; use one of step, epoch, examples, seconds\n"),
    ],
)  # fmt: skip
def test_what_can_not_be_compared_is_refused_in_one_line_and_nothing_is_stored(
    ask: Any, words: tuple[str, ...], line: str
) -> None:
    code, out, error = ask(*words)
    assert (code, out) == (1, "")
    assert line in error
    assert not error.startswith("1: ")
    assert len(error.splitlines()) == 1
    assert open_store().runs() == []


@pytest.mark.timeout(600)
def test_a_race_starts_its_competitors_together_and_says_who_leads(ask: Any) -> None:
    code, out, _ = ask("race", "bouncing-ball", *QUICK, "--over", "model.architecture=rnn,gru", "--json")
    assert code == 0
    *_, last = objects(out)
    assert last["standings"]["leader_at_step"] in ("RNN", "GRU")
    runs = open_store().runs()
    assert {run.status for run in runs} == {"completed"}
    assert len({run.created for run in runs}) == 1
    assert {run.experiment.training.threads for run in runs} == {1}


@pytest.mark.timeout(600)
def test_nobody_leads_a_race_without_a_validation_split(ask: Any) -> None:
    code, out, notes = ask(
        "race", "sine-to-cosine", "--over", "training.learning_rate=0.01,0.02", "--set", "data.options.steps=20"
    )
    assert code == 0
    assert "nobody leads: not every competitor has a validation score" in notes
    assert "best validation" not in out
    assert "learning rate 0.02: completed" in notes
