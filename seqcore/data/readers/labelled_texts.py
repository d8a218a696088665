"""Texts with labels, and pairs of sentences, from a user's columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from seqcore.data.readers.column_parsing import Columns, Origin, encode, sample
from seqcore.data.readers.detect_kind import label_column, text_columns
from seqcore.data.readers.sequences import refuse_one_class, refuse_short, take_groups
from seqcore.data.readers.series import Ids
from seqcore.data.table import Table
from seqcore.data.text import cut_words
from seqcore.data.token_encoder import TokenEncoder
from seqcore.errors import DataError

__all__ = ["labelled_text_table", "pair_table"]

_SEVERAL = 5  # words that a text usually has where they are the better symbols


def labelled_text_table(columns: Columns, origin: Origin) -> Table:
    """A sequence of characters or words for each row, with its label (as `sequence_table`, or without one).

    DataError: rows without a label or text, texts of one character, one class only.
    """
    label = label_column(columns, origin)
    texts = text_columns(columns, origin, label)
    if label is None and len(texts) == 2:
        label = min(texts, key=lambda name: len(set(sample(columns[name]))))  # said to be labelled texts
        texts.remove(label)
    if label is None and (origin.kind == "auto" or len(texts) != 1):
        raise DataError(f"{origin.name}: no column holds the labels; call it label, or name it (label column)")
    if not texts:
        raise DataError(f"{origin.name}: no column holds texts beside the labels; add one, or say another kind")
    labels = None
    if label is not None:
        codes, names = encode(label, columns.pop(label), origin, "the label")
        refuse_one_class(names, label, origin)
        labels = np.array(names)[codes]
    text = columns.pop(texts[0])
    each = Ids("row", np.arange(len(text), dtype=np.int32), [""] * len(text))
    groups = take_groups(columns, each, np.arange(len(text)), origin)
    left = [name for name in columns if columns[name].null_count < len(columns[name])]
    if left:
        origin.notes.append(f"Left out, neither text nor label: {', '.join(left[:8])}.")
    columns.clear()
    level = origin.level if origin.level != "auto" else _level(text)
    coder = TokenEncoder()
    lengths = np.empty(len(text), dtype=np.int64)
    chunks = text.chunks
    del text  # each chunk goes when it has been coded
    for i, cell in enumerate(_cells(chunks)):
        lengths[i] = coder.add(cut_words(cell) if level == "words" else cell)
    least = 1 if level == "words" else 2
    what = "word" if level == "words" else "character"
    refuse_short(lengths, np.arange(len(lengths)), what, origin, least=least)
    return coder.table(
        columns=(what,),
        separator=" " if level == "words" else "",
        independent=True,
        x_title=what,
        labels=labels,
        groups=groups,
        notes=tuple(origin.notes),
    )


def pair_table(columns: Columns, origin: Origin) -> Table:
    """The sentences of the first column of text beside those of the second.

    DataError names rows with an empty side.
    """
    from seqcore.data.parallel_text import ONLY_WORDS, pairs_table

    names = text_columns(columns, origin)[:2]
    if len(names) < 2:
        raise DataError(f"{origin.name}: pairs need two columns of sentences; say another kind, or add a column")
    left, right = (columns.pop(name) for name in names)
    for name, column in zip(names, (left, right), strict=True):
        empty = np.array([not cell.strip() for cell in _cells(column.chunks)])
        if empty.any():
            raise DataError(
                f"{origin.name}, column {name}, {origin.listed(empty, most=10)}: this side of the pair is empty; "
                "fill it in, or take the row out"
            )
    table: Table = pairs_table(zip(_cells(left.chunks), _cells(right.chunks), strict=True), name=origin.name)
    return replace(table, notes=(*table.notes, ONLY_WORDS)) if origin.level == "characters" else table


def _cells(chunks: list[pa.Array]) -> Iterator[str]:
    """The cells as text, piece by piece; nothing for an empty one. The list is empty in the end."""
    while chunks:
        chunk = chunks.pop(0)
        if len(chunks) % 8 == 7:
            pa.default_memory_pool().release_unused()
        for start in range(0, len(chunk), 10_000):
            for cell in chunk.slice(start, 10_000).to_pylist():
                yield "" if cell is None else cell.strip()


def _level(text: pa.ChunkedArray) -> str:
    """Words where a text usually has several, else characters."""
    counts = [len(cell.split()) for cell in sample(text)]
    return "words" if counts and float(np.median(counts)) >= _SEVERAL else "characters"
