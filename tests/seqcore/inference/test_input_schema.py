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
        (sounds(), "n.zip", "n.zip: this model needs the columns x and y, and these data are labeled recordings"),
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
    assert "labeled texts, 660 characters in 40 sequences, for classification" in capsys.readouterr().out


OUTCOMES = "trial,t,x,shift,outcome\n" + "".join(
    f"s{s},{t},{(s * 7 + t * 3) % 11}.5,{'ab'[(s + t) % 2]},{'uv'[s % 2]}\n" for s in range(20) for t in range(5)
)
REVIEWS = "id,keyword,text,target\n" + "".join(
    f"{i},{'fire' if i % 3 else ''},a {'good' if i % 2 else 'bad'} day number {i} in town,{i % 2}\n" for i in range(40)
)


def without(text: str, *names: str) -> bytes:
    """The rows of a CSV text without some columns, or with them empty where a name ends in "="."""
    header, *rows = [line.split(",") for line in text.splitlines()]
    kept = [i for i, name in enumerate(header) if name not in names]
    empty = {header.index(name[:-1]) for name in names if name.endswith("=")}
    cells = [header, *([cell if i not in empty else "" for i, cell in enumerate(row)] for row in rows)]
    return "\n".join(",".join(row[i] for i in kept) for row in cells).encode()


@pytest.fixture(scope="module")
def outcomes() -> Predictor:
    options = {"data.source": "file", "data.options": {"name": "o.csv", "label_column": "outcome"}}
    return trained(OUTCOMES.encode(), "o.csv", **options)


@pytest.fixture(scope="module")
def reviews() -> Predictor:
    options = {"data.source": "file", "data.options": {"name": "r.csv", "columns": {"target": "label"}}}
    return trained(REVIEWS.encode(), "r.csv", **options)


@pytest.mark.parametrize("names", [("outcome",), ("outcome=",), ("outcome", "nothing")])
def test_new_sequences_need_no_labels(outcomes: Predictor, names: tuple[str, ...]) -> None:
    table = outcomes.read_file(without(OUTCOMES, *names), name="n.csv")
    assert (table.labels, len(table.lengths)) == (None, 20)
    assert any("outcome" in note for note in table.notes)
    assert not outcomes.can_score(table)
    answer = outcomes.predict(table)
    assert isinstance(answer, LabelsView)
    assert len(answer.probabilities) == 20


@pytest.mark.parametrize("names", [("target",), ("target=",), ("target", "id", "keyword")])
def test_new_texts_need_no_labels(reviews: Predictor, names: tuple[str, ...]) -> None:
    table = reviews.read_file(without(REVIEWS, *names), name="n.csv")
    assert (table.labels, len(table.lengths)) == (None, 40)
    assert table.sentence(0) == ["a", "bad", "day", "number", "0", "in", "town"]


def test_labels_that_the_model_does_not_know_are_said(outcomes: Predictor, reviews: Predictor) -> None:
    table = outcomes.read_file(OUTCOMES.replace(",u\n", ",up\n").replace(",v\n", ",down\n").encode(), name="n.csv")
    assert any("None of the 20 labels is known to the model: these data have 'down', 'up'" in n for n in table.notes)
    some = outcomes.read_file(OUTCOMES.replace(",u\n", ",up\n").encode(), name="n.csv")
    assert any(note.startswith("10 of 20 labels are not known to the model ('up')") for note in some.notes)
    assert not any("known to the model" in note for note in outcomes.read_file(OUTCOMES.encode(), name="n.csv").notes)
    numbers = reviews.read_file(REVIEWS.replace(",0\n", ",no\n").replace(",1\n", ",yes\n").encode(), name="n.csv")
    assert any("None of the 40 labels is known" in note for note in numbers.notes)


def test_levels_of_a_category_are_those_of_the_training_data(outcomes: Predictor) -> None:
    assert outcomes.columns == ("x", "shift=a", "shift=b")
    table = outcomes.read_file(OUTCOMES.replace(",a,", ",c,").encode(), name="n.csv")
    assert table.columns == ("x", "shift=a", "shift=b")
    assert table.values[:, 1].tolist() == [0.0] * 100
    assert any("shift: 'c' is not in the training data" in note for note in table.notes)
    alike = outcomes.read_file(OUTCOMES.replace(",a,", ",b,").encode(), name="n.csv")
    assert (alike.columns, set(alike.values[:, 2].tolist())) == (("x", "shift=a", "shift=b"), {1.0})
    swapped = "t,shift,trial,x\n" + "\n".join(
        ",".join(row[i] for i in (1, 3, 0, 2)) for row in (line.split(",") for line in OUTCOMES.splitlines()[1:])
    )
    assert outcomes.predict(outcomes.read_file(swapped.encode(), name="n.csv")).answers()


def test_a_forecast_takes_new_data_with_other_levels() -> None:
    days = [f"{np.datetime64('2024-01-01') + i},{i * i % 13}.5,{'abc'[i % 3]}" for i in range(112)]
    text = "\n".join(["date,sales,holiday", *days])
    inputs = {"data.inputs": ("sales", "holiday=a", "holiday=b"), "data.target": ("sales",)}
    model = trained(text.encode(), "s.csv", **inputs)
    table = model.read_file(text.replace(",a", ",z").replace(",b", ",z").encode(), name="n.csv")
    assert model.evaluate(table).windows
    assert table.values[:, table.columns.index("holiday=a")].max() == 0
