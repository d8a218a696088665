"""New data of another kind than the training data: one line names what the model needs and what the data have."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from seqcore.cli import main
from seqcore.data.readers.read_table import read_table
from seqcore.errors import DataError
from seqcore.events import CheckpointReady
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.results import LabelsView
from seqcore.training.fit import fit


def long_form(names: str = "x,y", *, label: bool = True) -> bytes:
    rows = [
        f"{i},{t},{(-1) ** i * t},{t}" + (f",{'ab'[i % 2]}" if label else "")
        for i in range(20)
        for t in range(4 + i % 3)
    ]
    return "\n".join([f"id,time,{names}" + (",label" if label else ""), *rows]).encode()


def ts(dimensions: int = 2) -> bytes:
    rows = [":".join(["1,2,3,4"] * dimensions) + ":" + "ab"[i % 2] for i in range(8)]
    return "\n".join(["@problemName x", "@classLabel true a b", "@data", *rows]).encode()


def sounds() -> bytes:
    held = io.BytesIO()
    soundfile.write(held, np.sin(np.arange(4_000)), 8_000, format="WAV", subtype="PCM_16")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for i in range(6):
            archive.writestr(f"{'ab'[i % 2]}/{i}.wav", held.getvalue())
    return packed.getvalue()


TEXTS = "review,sentiment\n" + "it was good today,yes\nit was bad today,no\n" * 20


def trained(content: bytes, name: str, **changes: Any) -> Predictor:
    table = read_table(content, name=name)
    task = "classification" if table.labels is not None else "regression"
    small = {"data.task": task, "model.hidden_size": 4, "training.epochs": 1, "data.window": 3}
    events = list(fit(Experiment().with_changes({**small, **changes}), data=table))
    return Predictor.from_checkpoint(next(e for e in reversed(events) if isinstance(e, CheckpointReady)).content)


@pytest.fixture(scope="module")
def gestures() -> Predictor:
    return trained(long_form(), "gestures.csv")


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (long_form("x,z"), "n.csv", "n.csv: this model needs the columns x and y, and these data have x and z"),
        (ts(3), "n.ts", "n.ts: this model needs the columns x and y, and these data have dimension 1, "),
        (ts(1), "n.ts", "n.ts: this model needs the columns x and y, and these data have one column of"),
        (TEXTS.encode(), "n.csv", "n.csv: this model needs the columns x and y, and these data are"),
        (
            b"Go on.\tVa.\nI see.\tJe vois.\n",
            "n.tsv",
            "n.tsv: this model needs the columns x and y, and these data are pairs",
        ),
        (sounds(), "n.zip", "n.zip: this model needs the columns x and y, and these data are labelled recordings"),
    ],
)
def test_another_form_is_one_line_that_says_what_the_model_needs(
    gestures: Predictor, content: bytes, name: str, words: str
) -> None:
    with pytest.raises(DataError) as caught:
        gestures.read_file(content, name=name)
    assert len(caught.value.lines) == 1
    assert caught.value.lines[0].startswith(words)


def test_a_fault_in_a_file_of_the_right_form_is_still_that_fault(gestures: Predictor) -> None:
    with pytest.raises(DataError, match="column label, rows 3, 52: the label 'b' differs"):
        gestures.read_file(long_form().replace(b"0,1,1,1,a", b"0,1,1,1,b"), name="n.csv")


def test_columns_without_names_are_matched_in_order_with_a_note(gestures: Predictor) -> None:
    table = gestures.read_file(ts(), name="n.ts")
    assert table.columns == ("x", "y")
    assert table.notes[-1] == "Columns are matched in order: dimension 1 and dimension 2 as x and y."
    assert gestures.evaluate(table).windows == 8
    bare = read_table(ts(), name="n.ts")
    assert gestures.evaluate(bare).metrics == gestures.evaluate(table).metrics
    answer = gestures.predict(bare)
    assert isinstance(answer, LabelsView)
    assert len(answer.probabilities) == 8


def test_the_models_own_columns_go_before_others_and_need_no_note(gestures: Predictor) -> None:
    table = gestures.read_file(long_form("y,x", label=False), name="n.csv")
    assert table.columns == ("y", "x")
    assert not any("in order:" in note for note in table.notes)


def test_series_are_held_against_inputs_and_targets() -> None:
    series = b"wind,load,price\n" + b"".join(b"%d,%d,%d\n" % (i % 9, i % 7, i % 5) for i in range(60))
    model = trained(series, "s.csv", **{"data.inputs": ["wind"], "data.target": ["load"]})
    assert model.evaluate(model.read_file(series, name="s.csv")).windows
    with pytest.raises(DataError, match="needs the columns wind and load, and these data have wind, gust and price"):
        model.read_file(series.replace(b"load", b"gust"), name="n.csv")
    with pytest.raises(DataError, match="new data: this model needs the columns wind and load, and these data are"):
        model.evaluate(read_table(b"It was a text about nothing much, and nobody read it.\n", name="n.txt"))


def test_a_model_of_sounds_says_that_it_needs_recordings() -> None:
    model = trained(sounds(), "s.zip")
    with pytest.raises(DataError, match=r"needs recordings .*, and these data have x and y"):
        model.read_file(long_form(), name="n.csv")
    assert model.read_file(sounds(), name="n.zip").recordings is not None


def test_an_input_that_is_a_file_points_to_the_option_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.csv").write_bytes(long_form())
    small = ["--set", "training.epochs=1", "--set", "model.hidden_size=4"]
    assert main(["train", "g.csv", *small, "--store", "runs"]) == 0
    capsys.readouterr()
    assert main(["predict", "latest", "--input", "g.csv", "--store", "runs"]) == 1
    assert capsys.readouterr().err.strip() == ("input: 'g.csv' is a file, and --input takes values; use --file g.csv")
    assert main(["predict", "latest", "--input", "x," * 300, "--store", "runs"]) == 1
    assert "'x' is not a number" in capsys.readouterr().err


def test_rows_are_counted_in_the_unit_of_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "n.csv").write_text(TEXTS)
    assert main(["data", str(tmp_path / "n.csv")]) == 0
    assert "labelled texts, 660 characters in 40 sequences, for classification" in capsys.readouterr().out
