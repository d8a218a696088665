"""Questions about a file in the shell: in one line each, with the options that answer them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from seqcore.cli import main

ROWS = [f"2024-01-{d + 1:02},{-200 if d % 9 == 5 else d % 5 + d / 10}" for d in range(31)]
ANSWER = "  Make -200 missing: --set data.options.missing_codes=-200"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SEQCORE_STORE", str(tmp_path / "runs"))
    path = tmp_path / "air.csv"
    path.write_text("\n".join(["date,load", *ROWS]))
    return str(path)


def test_data_asks_and_its_answer_can_be_copied(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", file]) == 0
    said = capsys.readouterr()
    assert "question: A value far from all others" in said.err
    assert "-200 in load (3 rows, 9.7%)" in said.err
    assert ANSWER in said.err.splitlines()
    assert "No problems found." not in said.out
    assert main(["data", file, *shlex.split(ANSWER.partition(": ")[2])]) == 0
    said = capsys.readouterr()
    assert "question" not in said.err
    assert "-200 is a missing value: 3 cells." in said.out


def test_questions_and_roles_are_in_the_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", file, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert isinstance(value["roles"], list)
    (question,) = value["questions"]
    assert [answer["set"] for answer in question["answers"]] == [
        {"data.options.missing_codes": "-200"}, {"data.options.missing_codes": "none"},
    ]  # fmt: skip


def test_train_and_predict_ask_and_take_the_answer(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", file, "--set", "training.epochs=1", "--set", "data.scaling=standard"]) == 0
    assert ANSWER in capsys.readouterr().err.splitlines()
    assert main(["predict", "latest", "--file", file]) == 0
    assert ANSWER in capsys.readouterr().err.splitlines()
    assert main(["predict", "latest", "--file", file, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["questions"]) == 1
    assert main(["predict", "latest", "--file", file, "--set", "data.options.missing_codes=none"]) == 0
    assert "question" not in capsys.readouterr().err
    assert main(["predict", "latest", "--file", file, "--set", "data.options.missing_code=none"]) == 1
    assert "did you mean missing_codes?" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["predict", "latest", "--file", file, "--set", "data.window=3"])
    assert main(["train", file, "--json", "--set", "training.epochs=1", "--set", "data.scaling=standard"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["event"], len(first["questions"])) == ("read", 1)


def test_a_file_name_that_is_no_unicode_is_replaced(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    strange = Path(file).with_name("a\udcffb.csv")
    try:
        strange.write_bytes(Path(file).read_bytes())
    except OSError:
        pytest.skip("this file system takes Unicode names alone")
    for words in (["data"], ["data", "--json"], ["train", "--set", "training.epochs=1", "--set", "data.scaling=none"]):
        assert main([*words, str(strange)]) == 0
        capsys.readouterr().out.encode()
    assert main(["predict", "latest", "--file", str(strange)]) == 0
    capsys.readouterr().out.encode()
