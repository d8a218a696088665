"""Command `probe`: every result in JSON and as text, every input, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from seqcore.cli import main
from seqcore.insight import PROBES

_NEEDS = {"similar": ("--span", "1:2", "--threshold", "-1")}
_REFUSED = {"weights"}  # of an LSTM


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run of an LSTM, and one of two replicas, which is the latest."""
    folder = tmp_path_factory.mktemp("probe")
    small = ["--set", "training.epochs=3", "--set", "model.hidden_size=4", "--store", str(folder)]
    assert main(["train", "ramp-next-value-lstm", *small]) == 0
    assert main(["train", "ramp-next-value", *small, "--set", "training.replicas=2"]) == 0
    return folder


@pytest.fixture(scope="module")
def lstm(store: Path) -> str:
    from seqcore.runs.api import open_store

    return next(run.id for run in open_store(str(store)).runs() if run.outline.architecture == "lstm")


def asked(capsys: pytest.CaptureFixture[str], store: Path, run: str, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["probe", run, "--store", str(store), "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refusal(capsys: pytest.CaptureFixture[str], store: Path, run: str, *words: str) -> str:
    capsys.readouterr()
    assert main(["probe", run, "--store", str(store), *words]) == 1
    out, err = capsys.readouterr()
    assert not out
    (line,) = err.splitlines()
    return line


@pytest.mark.parametrize("what", [name for name in PROBES if name not in _REFUSED])
def test_every_result_is_printed(capsys: pytest.CaptureFixture[str], store: Path, lstm: str, what: str) -> None:
    words = ("--what", what, *_NEEDS.get(what, ()))
    found = asked(capsys, store, lstm, *words)
    assert (found["run"], found["what"], found["model_step"]) == (lstm, what, 3)
    assert found["view"]
    assert main(["probe", lstm, "--store", str(store), *words]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    about = {"example": "; window 1: row 1 to row 3", "split": "; training split", "model": ""}
    assert header == f"{lstm[:8]}: weights of step 3, epoch 3{about[PROBES[what].traits['of']]}"
    assert len(lines) > 1


def test_states_are_those_of_the_example_and_the_snapshot(
    capsys: pytest.CaptureFixture[str], store: Path, lstm: str
) -> None:
    typed = asked(capsys, store, lstm, "--input", "10 20 30")
    first = asked(capsys, store, lstm, "--split", "train", "--index", "1")
    assert typed["arrays"] == first["arrays"]
    assert first["inputs"] == [[10.0], [20.0], [30.0]]
    early = asked(capsys, store, lstm, "--at", "0")
    assert early["model_step"] == 0
    assert early["arrays"]["hidden_state"] != first["arrays"]["hidden_state"]


def test_equations_count_units_and_windows_as_the_options_do_and_show_the_factors_of_a_product(
    capsys: pytest.CaptureFixture[str], store: Path, lstm: str
) -> None:
    assert (
        main(
            [
                "probe",
                lstm,
                "--store",
                str(store),
                "--what",
                "equations",
                "--unit",
                "3",
                "--split",
                "train",
                "--index",
                "2",
            ]
        )
        == 0
    )
    out, err = capsys.readouterr()
    assert "unit 3" in out
    assert "; window 2: " in out
    assert err == ""
    (hidden,) = (line for line in out.splitlines() if line.startswith("Hidden state"))
    assert re.search(r"-?[\d.e-]+ × -?[\d.e-]+ = -?[\d.e-]+$", hidden.strip())


def test_one_replica_is_looked_into(capsys: pytest.CaptureFixture[str], store: Path) -> None:
    zero, one = (asked(capsys, store, "latest", "--replica", number) for number in ("1", "2"))
    assert zero["arrays"] != one["arrays"]
    assert one["replica"] == 2
    line = refusal(capsys, store, "latest")
    assert line == "replica: this run has 2 models, one for each seed; choose one with --replica, from 1 to 2"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--at", "99999"), "has no snapshot at step 99999; the last one is at 3"),
        (("--input", "abc"), "input: value 1: 'abc' is not a number"),
        (("--split", "val"), "split: this run has no val split; use one of train"),
        (("--index", "99"), "index: 99 is not allowed; use 1 to 6"),
        (("--what", "equations", "--step", "4"), "step: 4 is not allowed; use 1 to 3"),
        (("--what", "inputs", "--step", "3"), "step: 3 is not allowed; this model predicts at 1 step, numbered from 1"),
        (("--input", "1 1e300"), "input: value is 1e+300 in row 2, which is too far from the training data"),
        (("--what", "equations", "--layer", "2"), "layer: 2 is not allowed; use 1 to 1"),
        (("--what", "response", "--unit", "5"), "unit: 5 is not allowed; use 1 to 4"),
        (("--what", "projection", "--name", "reset_gate"), "name: this model shows no 'reset_gate'; use one of"),
        (("--what", "similar"), "span: which steps should be found again?"),
        (("--what", "similar", "--span", "2:9"), "span: 2:9 is not allowed; use two steps from 1 to 3"),
        (("--what", "weights"), "weights: those of LSTM do not belong to lags; NLinear's do"),
        (("--replica", "2"), "replica: 2 is not allowed; use 1 to 1"),
    ],
)
def test_what_there_is_not_is_one_line(
    capsys: pytest.CaptureFixture[str], store: Path, lstm: str, words: tuple[str, ...], message: str
) -> None:
    assert message in refusal(capsys, store, lstm, *words)


def test_a_run_without_snapshots_says_so(capsys: pytest.CaptureFixture[str], store: Path, tmp_path: Path) -> None:
    settings = ("training.epochs=3", "model.hidden_size=4", "training.snapshots=false")
    words = [word for setting in settings for word in ("--set", setting)]
    assert main(["train", "ramp-next-value", "--store", str(tmp_path), *words]) == 0
    assert "snapshots" in refusal(capsys, tmp_path, "latest", "--at", "1")
    assert asked(capsys, tmp_path, "latest")["view"] == "internals"
    assert main(["delete", "latest", "--yes", "--store", str(tmp_path)]) == 0
    assert "there is no run" in refusal(capsys, tmp_path, "latest")


@pytest.mark.parametrize(
    "words",
    [
        ("--input", "1 2 3", "--index", "1"),
        ("--span", "3"),
        ("--what", "dreams"),
        ("--index", "-1"),
        ("--index", "0"),
        ("--what", "spectrum", "--input", "1 2 3"),
        ("--what", "spectrum", "--split", "train"),
        *(("--step", "99"), ("--unit", "99"), ("--layer", "99"), ("--name", "nothing"), ("--span", "1:2")),
        *(("--what", "lag", "--output", "value"), ("--what", "equations", "--beside", "latest")),
    ],
)
def test_wrong_usage_exits_with_2(store: Path, lstm: str, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["probe", lstm, "--store", str(store), *words])


def test_the_memory_of_two_runs_on_the_same_data_is_one_result(
    capsys: pytest.CaptureFixture[str], store: Path, lstm: str
) -> None:
    found = asked(capsys, store, lstm, "--what", "lag", "--beside", "latest")
    assert [curve["architecture"] for curve in found["curves"]] == ["LSTM", "RNN"]
    assert all(sum(curve["median"]) == pytest.approx(1.0) for curve in found["curves"])


def test_what_is_explained_is_chosen_by_name_or_number(
    capsys: pytest.CaptureFixture[str], store: Path, lstm: str
) -> None:
    by_name = asked(capsys, store, lstm, "--what", "attributions", "--input", "10 20 30", "--output", "value")
    assert by_name == asked(capsys, store, lstm, "--what", "attributions", "--input", "10 20 30", "--output", "0")
    difference = by_name["prediction"] - by_name["baseline_prediction"]
    assert sum(map(sum, by_name["values"])) + by_name["remainder"] == pytest.approx(difference)
    refused = refusal(capsys, store, lstm, "--what", "attributions", "--output", "nothing")
    assert refused.endswith("output: 'nothing' is not allowed; use one of value")
