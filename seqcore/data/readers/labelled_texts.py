"""Labelled texts and sentence pairs from a user's columns."""

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

_SEVERAL = 5  # median words per text from which words are the better symbols


def labelled_text_table(columns: Columns, origin: Origin) -> Table:
    """A sequence of characters or words for each row, with its label (optional as in `sequence_table`).

    DataError: rows without a label or text, texts of one character, a single class.
    """
    label = label_column(columns, origin)
    texts = text_columns(columns, origin, label)
    if label is None and len(texts) == 2:
        label = min(texts, key=lambda name: len(set(sample(columns[name]))))  # the kind was given
        texts.remove(label)
    if label is None and (origin.options.kind == "auto" or len(texts) != 1):
        raise DataError(f"{origin.name}: there is no label column; name it label, or set the label column")
    if not texts:
        raise DataError(f"{origin.name}: there is no text column beside the labels; add one, or set another kind")
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
        origin.notes.append(f"Columns left out (neither text nor label): {', '.join(left[:8])}.")
    columns.clear()
    level = origin.options.level if origin.options.level != "auto" else _level(text)
    encoder = TokenEncoder()
    lengths = np.empty(len(text), dtype=np.int64)
    chunks = text.chunks
    del text  # each chunk is released after encoding
    for i, cell in enumerate(_cells(chunks)):
        lengths[i] = encoder.add(cut_words(cell) if level == "words" else cell)
    least = 1 if level == "words" else 2
    what = "word" if level == "words" else "character"
    refuse_short(lengths, np.arange(len(lengths)), what, origin, least=least)
    return encoder.table(
        columns=(what,),
        separator=" " if level == "words" else "",
        independent=True,
        x_title=what,
        labels=labels,
        groups=groups,
        notes=tuple(origin.notes),
    )


def pair_table(columns: Columns, origin: Origin) -> Table:
    """The sentences of the first text column, paired with those of the second.

    DataError lists rows with an empty sentence.
    """
    from seqcore.data.parallel_text import ONLY_WORDS, pairs_table

    names = text_columns(columns, origin)[:2]
    if len(names) < 2:
        raise DataError(f"{origin.name}: sentence pairs need two text columns; add one, or set another kind")
    left, right = (columns.pop(name) for name in names)
    for name, column in zip(names, (left, right), strict=True):
        empty = np.array([not cell.strip() for cell in _cells(column.chunks)])
        if empty.any():
            raise origin.error(name, "the sentence is empty; fill in the cell or remove the row", empty)
    table: Table = pairs_table(zip(_cells(left.chunks), _cells(right.chunks), strict=True), name=origin.name)
    return replace(table, notes=(*table.notes, ONLY_WORDS)) if origin.options.level == "characters" else table


def _cells(chunks: list[pa.Array]) -> Iterator[str]:
    """The cells as text, "" for empty ones; the chunks are removed from the list."""
    while chunks:
        chunk = chunks.pop(0)
        if len(chunks) % 8 == 7:
            pa.default_memory_pool().release_unused()
        for start in range(0, len(chunk), 10_000):
            for cell in chunk.slice(start, 10_000).to_pylist():
                yield "" if cell is None else cell.strip()


def _level(text: pa.ChunkedArray) -> str:
    """Words if texts usually have several, else characters."""
    counts = [len(cell.split()) for cell in sample(text)]
    return "words" if counts and float(np.median(counts)) >= _SEVERAL else "characters"
