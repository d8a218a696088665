"""Labeled data: columns that encode the class are found before training; correlated columns are not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.sources import SOURCES
from seqcore.data.splits import assigned_splits
from seqcore.data.table import Table, symbol_table
from seqcore.errors import DataError
from seqcore.evaluation.leakage.detection import find_leaks
from seqcore.events import Finding, Steps
from seqcore.experiment.config import DataConfig
from seqcore.experiment.experiment import Experiment
from seqcore.training.fit import fit
from tests.tables import small_table

LABELED = [name for name, source in SOURCES.items() if "classification" in source.tasks and not source.stored]
CONFIG = DataConfig(task="classification")
CLASSES = ("sit", "walk", "run")


def labeled(count: int = 60, steps: int = 12, *, seed: int = 0) -> Table:
    """Sequences of three classes, of `steps` rows and a few more, told by the level of `x`; `y` is noise."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(steps, steps + 4, count)
    of = np.arange(count) % len(CLASSES)
    values = rng.normal(size=(lengths.sum(), 2))
    values[:, 0] += np.repeat(of, lengths)
    return Table(
        values=values,
        columns=("x", "y"),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        independent=True,
        labels=np.array(CLASSES)[of],
    )


def with_column(table: Table, each: NDArray[np.float64]) -> Table:
    """The table with a column more: a value for each sequence, in all of its rows, or one for each row."""
    column = np.repeat(each, table.lengths) if len(each) == len(table.lengths) else each
    return replace(table, values=np.column_stack([table.values, column]), columns=(*table.columns, "extra"))


def codes(table: Table, config: DataConfig = CONFIG) -> list[str]:
    return [leak.code for leak in find_leaks(table, config) if leak.severity != "info"]


def class_codes(table: Table) -> NDArray[np.float64]:
    return np.unique(table.labels, return_inverse=True)[1].astype(np.float64)


@pytest.mark.parametrize("name", LABELED)
def test_packaged_labeled_sources_have_no_leakage(name: str) -> None:
    assert codes(small_table(name)) == []


def test_a_label_code_in_every_row_is_found_unless_it_is_no_input() -> None:
    table = with_column(labeled(), class_codes(labeled()))
    (leak,) = find_leaks(table, CONFIG)
    assert (leak.code, leak.severity) == ("leak-label", "warning")
    assert "'extra'" in leak.message
    assert "1 for 'sit'" in leak.message  # run 0, sit 1, walk 2
    assert codes(table, DataConfig(task="classification", inputs=("x", "y"))) == []


@pytest.mark.parametrize("values", [(7.5, -3.0, 1e6), (0.1, 0.3, 0.2)])
def test_a_value_per_class_is_found_despite_missing_values_and_rounding(values: tuple[float, ...]) -> None:
    table = labeled()
    column = np.repeat(np.array(values)[class_codes(table).astype(int)], table.lengths)
    column *= 1.0 + 1e-9 * np.random.default_rng(1).normal(size=len(column))
    column[::5] = np.nan
    assert "leak-label" in codes(with_column(table, column))


def test_constants_of_a_sequence_that_are_not_its_class_are_no_leakage() -> None:
    table, rng = labeled(), np.random.default_rng(3)
    of = class_codes(table)
    age, sex, device = rng.integers(20, 70, 60), rng.integers(0, 2, 60), rng.integers(0, 3, 60)
    one_wrong = of.copy()
    one_wrong[7] = (one_wrong[7] + 1) % 3
    several_a_class = of * 2 + (np.arange(60) // 3) % 2  # each person is of one class: told by, but not the class
    for each in (age, sex, device, one_wrong, several_a_class, np.ones(60), rng.normal(size=60)):
        assert codes(with_column(table, each.astype(np.float64))) == []


def test_levels_cues_and_columns_of_few_values_are_regular_features() -> None:
    table, rng = labeled(), np.random.default_rng(4)
    rows = np.repeat(class_codes(table), table.lengths)
    cue = np.zeros(len(rows))
    cue[table.offsets[:-1]] = 1.0 + class_codes(table)
    for column in (10.0 * rows + 0.1 * rng.normal(size=len(rows)), cue, rng.integers(0, 3, len(rows))):
        assert codes(with_column(table, column.astype(np.float64))) == []


def test_a_match_of_few_sequences_may_be_chance() -> None:
    table = labeled(count=6)
    assert codes(with_column(table, class_codes(table))) == []
    table = labeled(count=18)
    assert codes(with_column(table, class_codes(table))) == ["leak-label"]


def rows_of(values: NDArray[np.float64], labels: NDArray[np.str_]) -> Table:
    count, length = values.shape
    offsets = np.arange(count + 1) * length
    return Table(values=values.reshape(-1, 1), columns=("value",), offsets=offsets, independent=True, labels=labels)


@pytest.mark.parametrize("place", [0, 9, 19])
def test_the_position_of_a_label_in_single_column_sequences_is_found(place: int) -> None:
    labels = np.array(["no", "yes"])[np.arange(80) % 2]
    values = np.random.default_rng(0).normal(size=(80, 20)).cumsum(axis=1)
    assert codes(rows_of(values, labels)) == []
    values[:, place] = np.arange(80) % 2
    (leak,) = find_leaks(rows_of(values, labels), CONFIG)
    assert leak.code == "leak-label"
    assert f"Value {place + 1} of each" in leak.message


def test_a_memory_task_on_the_first_bit_is_no_leakage() -> None:
    bits = np.random.default_rng(0).integers(0, 2, (200, 40)).astype(np.float64)
    assert codes(rows_of(bits, bits[:, 0].astype(int).astype(str))) == []


def test_a_text_with_words_of_its_class_is_no_leakage() -> None:
    good = np.arange(40) % 2 == 0
    texts = [["it", "is", "good" if g else "bad", str(i)] for i, g in enumerate(good.tolist())]
    labels = np.where(good, "good", "bad")
    assert codes(symbol_table(texts, separator=" ", independent=True, labels=labels)) == []


def test_duplicate_labeled_sequences_in_two_splits_are_found() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(np.array(["a", "b"]), 200)
    values = rng.normal(size=(200, 10))
    assert codes(rows_of(values, labels)) == []
    parts = assigned_splits(rows_of(values, labels), 0.15, 0.15)
    trained, tested = np.flatnonzero(parts == 0)[0], np.flatnonzero(parts == 2)[0]
    values[tested] = values[trained]
    assert codes(rows_of(values, labels)) == ["leak-duplicates"]
    assert codes(rows_of(np.tile(values[:40], (5, 1)), labels)) == ["leak-duplicates"]


def test_two_million_labeled_rows_are_sampled() -> None:
    steps, count = 1_000, 2_000
    values = np.zeros((steps * count, 1))
    labels = np.array(["a", "b"])[np.arange(count) % 2]
    values[:, 0] = np.repeat((np.arange(count) % 2) * 3.0, steps)
    table = Table(values=values, columns=("v",), offsets=np.arange(count + 1) * steps, independent=True, labels=labels)
    assert "leak-label" in codes(table)


def test_a_run_reports_the_column_before_its_first_step() -> None:
    table = with_column(labeled(), class_codes(labeled()))
    data = {"task": "classification"}
    experiment = Experiment.make({"data": data, "training": {"epochs": 1}, "model": {"hidden_size": 4}})
    named: Iterator[str] = (
        e.code for e in fit(experiment, data=table) if isinstance(e, Finding | Steps) and named_ok(e)
    )
    assert next(named) == "leak-label"


def named_ok(event: Finding | Steps) -> bool:
    assert not isinstance(event, Steps), "a step was taken before the leak was named"
    return event.code == "leak-label"


def csv_of(column: str, cells: list[str]) -> bytes:
    """Two sequences for each cell, of two classes, in long form."""
    rng = np.random.default_rng(0)
    rows = [f"id,time,x,label,{column}"]
    for s in range(2 * len(cells)):
        cell = cells[s // 2]
        rows += [f"s{s},{t},{rng.normal():.4f},{'ab'[s % 2]},{cell}" for t in range(5)]
    return "\n".join(rows).encode()


def test_a_group_column_keeps_its_sequences_in_one_split() -> None:
    cells = [str(i) for i in range(30)]
    cells[3] = cells[9] = ""
    table = read_table(csv_of("speaker", cells), name="a.csv")
    assert table.columns == ("x",)
    assert table.groups is not None
    assert len(np.unique(table.groups)) == 28 + 4  # each of four unknown ones alone
    parts = assigned_splits(table, 0.2, 0.2)
    for group in np.unique(table.groups):
        assert len(set(parts[table.groups == group])) == 1
    assert any("4 sequences have no speaker" in note for note in table.notes)


def test_a_group_column_can_be_named_and_is_constant_within_a_sequence() -> None:
    cells = [f"r{i}" for i in range(30)]
    content = csv_of("rider", cells)
    assert read_table(content, name="a.csv").groups is None
    table = read_table(content, name="a.csv", options=FileOptions(group_column="rider"))
    assert table.groups is not None
    assert len(np.unique(table.groups)) == 30
    broken = content.replace(b",r4\n", b",r5\n", 1)
    with pytest.raises(DataError, match=r"column rider, rows? .*differs from the earlier"):
        read_table(broken, name="a.csv", options=FileOptions(group_column="rider"))
    with pytest.raises(DataError, match="no column 'ryder' for the groups; did you mean rider"):
        read_table(content, name="a.csv", options=FileOptions(group_column="ryder"))


def test_texts_of_one_numbered_author_are_in_one_split() -> None:
    rows = ["text,label,user_id"]
    rows += [f"the {i}th of these is a text,{'ab'[i % 2]},{i // 4}" for i in range(80)]
    table = read_table("\n".join(rows).encode(), name="a.csv")
    assert table.symbolic
    assert table.groups is not None
    assert len(np.unique(table.groups)) == 20


def test_the_command_line_and_the_data_page_report_it(
    capsys: pytest.CaptureFixture[str], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqcore.cli import main

    monkeypatch.setenv("SEQCORE_STORE", f"sqlite:///{tmp_path}/runs.db")
    file = f"{tmp_path}/moves.csv"
    with open(file, "wb") as out:
        lines = csv_of("code", ["0"] * 30).decode().splitlines()
        out.write("\n".join([lines[0], *(f"{line[:-1]}{int(',b,' in line)}" for line in lines[1:])]).encode())
    assert main(["data", file, "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "leak-label" in json.dumps(said)
