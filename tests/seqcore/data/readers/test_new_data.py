"""New data for a trained classifier: its label column may be absent, empty, filled in part, or without a name."""

from __future__ import annotations

import numpy as np
import pytest

from seqcore.data.readers.read_table import FileOptions, read_table
from seqcore.data.sources.stored_file import Trained
from seqcore.data.table import Table

TEXTS = [f"the {word} thing number {i}" for i, word in enumerate(["good", "bad", "fine", "poor", "great", "weak"])]
MODEL = Trained((), ("down", "up"))
SEQUENCES = Trained(("u", "v"), ("calm", "wild"))
ROWS = Trained(("value",), ("0", "1"))


def read(rows: list[list[object]], model: Trained, kind: str) -> Table:
    text = "".join(",".join(map(str, row)) + "\n" for row in rows)
    return read_table(text.encode(), name="new.csv", options=FileOptions(kind=kind).for_model(model))


def labels_of(table: Table) -> list[str] | None:
    return None if table.labels is None else table.labels.tolist()


@pytest.mark.parametrize("header", [True, False])
def test_texts_with_some_labels(header: bool) -> None:
    head: list[list[object]] = [["opinion", "stance of the reader"]] if header else []
    some = ["", "up", "down", "up", "", "up"]
    table = read(head + [[t, x] for t, x in zip(TEXTS, some, strict=True)], MODEL, "labeled-text")
    assert labels_of(table) == some
    assert "missing in 2 of 6 rows" in table.notes[0]
    one = read(head + [[t, x] for t, x in zip(TEXTS, ["", *["up"] * 5], strict=True)], MODEL, "labeled-text")
    assert labels_of(one) == ["", *["up"] * 5]
    empty = read(head + [[t, ""] for t in TEXTS], MODEL, "labeled-text")
    assert len(empty.lengths) == 6
    assert empty.labels is None


def test_texts_alone_lose_no_row_to_a_header() -> None:
    assert len(read([[t] for t in TEXTS], MODEL, "labeled-text").lengths) == 6
    assert len(read([["opinion"], *[[t] for t in TEXTS]], MODEL, "labeled-text").lengths) == 6
    assert len(read([["id", "opinion"], *[[i, t] for i, t in enumerate(TEXTS)]], MODEL, "labeled-text").lengths) == 6


def steps(labels: list[str], *, rows: int = 4) -> list[list[object]]:
    body = [[f"r{i}", t, i + t / 10, t / 7, label] for i, label in enumerate(labels) for t in range(rows)]
    return [["rec", "tick", "u", "v", "mood"], *body]


def test_sequences_with_some_labels() -> None:
    table = read(steps(["calm", "", "wild", ""]), SEQUENCES, "sequences")
    assert labels_of(table) == ["calm", "", "wild", ""]
    assert table.columns == ("u", "v")
    rows = steps(["calm", "calm", "wild"])
    for row in rows[1:]:
        row[4] = row[4] if row[1] == 2 else ""
    assert labels_of(read(rows, SEQUENCES, "sequences")) == ["calm", "calm", "wild"]


def test_a_single_sequence_without_a_label() -> None:
    table = read([row[:4] for row in steps(["calm"])], SEQUENCES, "sequences")
    assert table.lengths.tolist() == [4]
    assert table.columns == ("u", "v")


@pytest.mark.parametrize("header", [True, False])
def test_rows_with_some_labels(header: bool) -> None:
    head: list[list[object]] = [["target", *(f"t{k}" for k in range(9))]] if header else []
    values = [[round(float(np.sin(i + k)), 3) for k in range(9)] for i in range(6)]
    some = ["", 0, 1, "", 1, 0]
    table = read(head + [[x, *v] for x, v in zip(some, values, strict=True)], ROWS, "sequences")
    assert table.lengths.tolist() == [9] * 6
    assert labels_of(table) == [str(x) for x in some]
    empty = read(head + [["", *v] for v in values], ROWS, "sequences")
    assert empty.lengths.tolist() == [9] * 6
    assert empty.labels is None
