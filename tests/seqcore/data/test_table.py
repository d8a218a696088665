"""What a table says of itself, and the rows and sequences that are taken out of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqcore.data.audio import Sound, sound_table
from seqcore.data.parallel_text import pairs_table
from seqcore.data.table import Table, symbol_table

SERIES = Table(np.arange(12.0).reshape(6, 2), ("a", "b"))
SEVERAL = replace(SERIES, offsets=np.array([0, 2, 6]), names=("x", "y"), row_numbers={1: 10, 4: 40})
LABELED = replace(SEVERAL, independent=True, labels=np.array(["up", "down"]), groups=np.array([7, 8]))
VIDEOS = Table(np.zeros((6, 4)), ("1", "2", "3", "4"), np.array([0, 2, 6]), frame=(2, 2), independent=True)
TEXT = symbol_table([["a", "fine", "day"], ["no"]], separator=" ", independent=True)
PAIRS = pairs_table([("Go on.", "Va."), ("I see.", "Je vois.")], name="x")
SOUND = sound_table([Sound(16_000, np.sin(np.arange(8_000) / 5).astype(np.float32))] * 2, labels=["a", "b"])


@pytest.mark.parametrize(
    ("table", "kind", "summary", "sequence"),
    [
        (SERIES, "one series", "6 rows of 2 columns", "series"),
        (SEVERAL, "many series", "6 rows of 2 columns in 2 series", "series"),
        (LABELED, "labeled sequences", "6 rows of 2 columns in 2 sequences", "sequence"),
        (replace(LABELED, labels=None), "independent sequences", "6 rows of 2 columns in 2 sequences", "sequence"),
        (VIDEOS, "videos", "6 frames in 2 videos", "video"),
        (TEXT, "texts", "4 words in 2 sequences", "sequence"),
        (PAIRS, "pairs of sentences", "2 pairs of sentences", "sentence"),
        (SOUND, "labeled recordings", "1.0 s audio in 2 recordings", "recording"),
    ],
)
def test_a_table_says_what_it_is_and_how_much(table: Table, kind: str, summary: str, sequence: str) -> None:
    assert (table.kind, table.summary, table.sequence_unit.one) == (kind, summary, sequence)


def test_only_columns_of_numbers_that_are_variables_are_tabular() -> None:
    assert [t.tabular for t in (SERIES, LABELED, SOUND, VIDEOS, TEXT, PAIRS)] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert (SERIES.numeric_columns, TEXT.numeric_columns) == (("a", "b"), ())


def test_the_details_of_the_size_fit_the_kind() -> None:
    sizes = [t.size for t in (SERIES, VIDEOS, SOUND, PAIRS)]
    assert [(s.title, s.detail) for s in sizes] == [
        ("Rows", "2 columns: a, b"),
        ("Frames", "2 by 2 pixels"),
        ("Audio", "16,000 Hz, 96 frames of 40 mel bands"),
        ("Pairs", "6 words to 5"),
    ]


def test_kept_rows_stay_in_their_sequences_with_their_row_numbers() -> None:
    table = SEVERAL.keep_rows(np.array([True, True, False, False, True, True]))
    assert table.values[:, 0].tolist() == [0.0, 2.0, 8.0, 10.0]
    assert (table.offsets.tolist(), table.row_numbers) == ([0, 2, 4], {1: 10, 2: 40})


def test_selected_sequences_keep_all_that_is_known_of_them() -> None:
    table = LABELED.select(np.array([1]))
    assert table.values[:, 0].tolist() == [4.0, 6.0, 8.0, 10.0]
    assert (table.names, table.labels.tolist(), table.groups.tolist()) == (("y",), ["down"], [8])
    assert (table.offsets.tolist(), table.row_numbers) == ([0, 4], {2: 40})
    pair, sound = PAIRS.select(np.array([1])), SOUND.select(np.array([1]))
    assert (pair.sentence(0), pair.paired.sentence(0)) == (["I", "see", "."], ["Je", "vois", "."])
    assert len(sound.recordings.samples) == 1
