"""Labeled texts and sentence pairs from a user's columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqcore.data.readers.column_parsing import Columns, Origin, sample
from seqcore.data.readers.detect_kind import Reading
from seqcore.data.readers.roles import Roles
from seqcore.data.readers.sequences import refuse_short, take_groups, take_labels
from seqcore.data.readers.series import Ids
from seqcore.data.table import Table
from seqcore.data.text import cut_words
from seqcore.data.token_encoder import TokenEncoder
from seqcore.errors import DataError
from seqcore.results.formatting import listed

__all__ = ["labeled_text_table", "pair_table"]

_SEVERAL = 5  # median words per text from which words are the better symbols


def labeled_text_table(columns: Columns, origin: Origin, reading: Reading, roles: Roles) -> Table:
    """A sequence of characters or words for each row, with its label (optional as in `take_labels`).

    Several text columns are joined. DataError: rows without a label or text, texts of one character, a single class.
    """
    if not reading.texts:
        raise DataError(f"{origin.name}: there is no text column beside the labels; add one, or set another kind")
    labels = take_labels(columns, origin, reading, roles)
    roles.take(reading.texts, "text", "the text to classify")
    if len(reading.texts) > 1:
        origin.notes.append(f"The text is joined from the columns {' + '.join(reading.texts)}.")
    texts = [columns.pop(name) for name in reading.texts]
    each = Ids("row", np.arange(len(texts[0]), dtype=np.int32), [""] * len(texts[0]))
    groups = take_groups(columns, each, np.arange(len(texts[0])), origin, roles)
    left = [name for name in columns if columns[name].null_count < len(columns[name])]
    if left:
        origin.notes.append(f"Columns left out (neither text nor label): {listed(left, 8)}.")
    roles.take(columns, "ignore", "neither text nor label")
    columns.clear()
    roles.release()
    text = texts.pop() if len(texts) == 1 else _joined(texts)
    del texts
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
        labels=None if labels is None else np.array(labels.names)[labels.codes],
        groups=groups,
    )


def _joined(texts: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    """The cells of several columns, separated by a space."""
    filled = [pc.fill_null(text.cast(pa.string()), "") for text in texts]
    return pc.utf8_trim_whitespace(pc.binary_join_element_wise(*filled, " "))


def pair_table(columns: Columns, origin: Origin, reading: Reading, roles: Roles) -> Table:
    """The sentences of the first text column, paired with those of the second.

    DataError lists rows with an empty sentence.
    """
    from seqcore.data.parallel_text import ONLY_WORDS, pairs_table

    names = reading.texts[:2]
    if len(names) < 2:
        raise DataError(f"{origin.name}: sentence pairs need two text columns; add one, or set another kind")
    left, right = (columns.pop(name) for name in names)
    roles.take(names, "text", "a sentence of each pair")
    roles.release()
    for name, column in zip(names, (left, right), strict=True):
        empty = np.array([not cell.strip() for cell in _cells(column.chunks)])
        if empty.any():
            raise origin.error(name, "the sentence is empty; fill in the cell or remove the row", empty)
    table: Table = pairs_table(zip(_cells(left.chunks), _cells(right.chunks), strict=True), name=origin.name)
    origin.notes += [*table.notes, *([ONLY_WORDS] if origin.options.level == "characters" else [])]
    return table


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
