"""Sentence pairs as a table: encoded words of both languages, with equal sentences in one group."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.sentences import cut_sentence, normalized
from seqcore.data.table import Table
from seqcore.data.token_encoder import TokenEncoder
from seqcore.errors import DataError
from seqcore.results.formatting import listed
from seqcore.results.spacing import bare, is_word

__all__ = ["MOST_WORDS", "ONLY_WORDS", "pairs_table"]

MOST_WORDS = 200  # tokens of a sentence
ONLY_WORDS = "Sentence pairs are always split into words; the option characters has no effect."
_NAMED = 10

Rows = NDArray[np.int64]


def pairs_table(
    pairs: Iterable[tuple[str, str]],
    *,
    name: str,
    columns: tuple[str, str] = ("sentence", "translation"),
    groups: Iterable[str] | None = None,
) -> Table:
    """Sentences with their translations in `paired`.

    Text is normalized, but capitals are kept. Duplicate pairs are removed. Sentences with the same words, ignoring
    capitals and marks, are in one group and so in one split; `groups` gives other groups, one for each pair. DataError:
    an empty sentence, with its row; no pairs.
    """
    left, right = TokenEncoder(), TokenEncoder()
    same, sentence = array("q"), array("q")  # hashes of the pair and of the words of the sentence
    empty: list[int] = []
    for row, (a, b) in enumerate(pairs, 1):
        source, target = normalized(a), normalized(b)
        if not source or not target:
            empty.append(row)
            continue
        words = cut_sentence(source)
        left.add(words)
        right.add(cut_sentence(target))
        same.append(hash((source, target)))
        sentence.append(hash(tuple(bare(w).lower() for w in words if is_word(w)) or source))
    if empty:
        rows = f"row{'s' * (len(empty) > 1)} {listed(empty, _NAMED)}"
        raise DataError(f"{name}, {rows}: an empty sentence in the pair; correct or remove the row")
    if not same:
        raise DataError(f"{name}: there are no sentence pairs; give two sentences per row")
    sources = left.table(columns=columns[:1], separator=" ", x_title="word", independent=True)
    targets = right.table(columns=columns[1:], separator=" ", x_title="word", independent=True)
    _, first, inverse = np.unique(np.frombuffer(sentence, dtype=np.int64), return_index=True, return_inverse=True)
    together: NDArray[Any] = first[inverse.reshape(-1)] if groups is None else np.array(list(groups))
    once = np.zeros(len(same), dtype=bool)
    once[np.unique(np.frombuffer(same, dtype=np.int64), return_index=True)[1]] = True
    short = (sources.lengths <= MOST_WORDS) & (targets.lengths <= MOST_WORDS)
    kept = np.flatnonzero(once & short)
    if not len(kept):
        raise DataError(f"{name}: all sentences have more than {MOST_WORDS} words; give shorter ones")
    left_out = ((~once, "duplicate"), (once & ~short, f"with more than {MOST_WORDS} words"))
    notes = tuple(f"Sentence pairs left out ({what}): {rows.sum():,}." for rows, what in left_out if rows.any())
    if len(kept) < len(same):
        sources, targets, together = _select(sources, kept), _select(targets, kept), together[kept]
    return replace(sources, groups=together, paired=targets, notes=notes)


def _select(table: Table, sequences: Rows) -> Table:
    """Some sequences of a table, without the symbols that only others have."""
    table = table.select(sequences)
    assert table.symbols is not None
    used = np.bincount(table.values[:, 0], minlength=len(table.symbols)) > 0
    codes = (np.cumsum(used) - 1).astype(table.values.dtype)[table.values]
    return replace(table, values=codes, symbols=table.symbols[used])
