"""Several series on the command line: `--series` selects the one to forecast."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from seqcore.cli import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The id of a small finished run on six series."""
    monkeypatch.setenv("SEQCORE_STORE", f"sqlite:///{tmp_path / 'seqcore.db'}")
    small = ("training.epochs=1", "training.interval_coverage=0", "model.hidden_size=4")
    assert main(["train", "stock-next-week", "--json", *(word for change in small for word in ("--set", change))]) == 0
    last: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    found: str = last["run"]
    return found


def test_a_series_is_named(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", run, "--steps", "3", "--series", "MSFT", "--json"]) == 0
    ahead = json.loads(capsys.readouterr().out)
    assert (ahead["series"], ahead["columns"], len(ahead["prediction"])) == ("MSFT", ["price"], 3)
    assert main(["predict", run, "--steps", "3", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["series"] == "GOOG"
    assert first["prediction"] != ahead["prediction"]
    assert main(["predict", run, "--steps", "3"]) == 0
    assert capsys.readouterr().out.startswith("GOOG; with --series: AAPL, AMZN, FB, NFLX, MSFT, or all\n")
    assert main(["predict", run, "--input", "1 1.1 1.2", "--json"]) == 0
    assert "scaled as 'GOOG', the first of 6 series" in json.loads(capsys.readouterr().out)["note"]
    assert main(["predict", run, "--input", "1 1.1 1.2", "--series", "FB", "--json"]) == 0
    assert "GOOG" not in json.loads(capsys.readouterr().out)["note"]


def test_several_series_or_all_are_one_json_line_or_block_each(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    alone = []
    for name in ("MSFT", "FB"):
        assert main(["predict", run, "--steps", "2", "--series", name, "--json"]) == 0
        alone.append(json.loads(capsys.readouterr().out))
    assert main(["predict", run, "--steps", "2", "--series", "MSFT", "--series", "FB", "--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == alone
    assert main(["predict", run, "--steps", "2", "--series", "all", "--json"]) == 0
    every = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["series"] for line in every] == ["GOOG", "AAPL", "AMZN", "FB", "NFLX", "MSFT"]
    assert [line for line in every if line["series"] in ("FB", "MSFT")] == alone[::-1]
    assert main(["predict", run, "--steps", "2", "--series", "all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), lines[0], lines[4]) == (6 * 4, "GOOG", "AAPL")


def test_the_csv_names_the_series(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ahead.csv"
    assert main(["predict", run, "--steps", "2", "--series", "all", "--csv", str(out)]) == 0
    header, *rows = list(csv.reader(out.read_text().splitlines()))
    assert header == ["series", "date", "price predicted"]
    assert (
        [row[0] for row in rows[::2]]
        == [row[0] for row in rows[1::2]]
        == ["GOOG", "AAPL", "AMZN", "FB", "NFLX", "MSFT"]
    )
    assert main(["predict", run, "--steps", "2", "--series", "FB", "--csv", str(out)]) == 0
    assert list(csv.reader(out.read_text().splitlines())) == [header, *rows[6:8]]


def test_an_input_belongs_to_one_series(run: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["predict", run, "--input", "1 2 3", "--series", "FB", "--series", "GOOG"])
    assert end.value.code == 2


def test_a_wrong_name_is_one_line_and_a_name_alone_is_a_mistake_in_usage(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", run, "--steps", "3", "--series", "MSFF"]) == 1
    assert capsys.readouterr().err.splitlines() == ["series: there is no series 'MSFF'; did you mean MSFT?"]
    with pytest.raises(SystemExit) as end:
        main(["predict", run, "--part", "test", "--series", "FB"])
    assert end.value.code == 2
