"""Pairs of sentences as a table: words coded on both sides, and what is the same kept together."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqcore.data.sentences import cut_sentence, normalised
from seqcore.data.table import Table
from seqcore.data.token_encoder import TokenEncoder
from seqcore.errors import DataError
from seqcore.results.spacing import bare, is_word

__all__ = ["MOST_WORDS", "ONLY_WORDS", "pairs_table"]

MOST_WORDS = 200  # words and marks of a sentence
ONLY_WORDS = "Pairs of sentences are always cut into words: characters, which were asked for, have no effect here."
_NAMED = 10

Rows = NDArray[np.int64]


def pairs_table(
    pairs: Iterable[tuple[str, str]],
    *,
    name: str,
    columns: tuple[str, str] = ("sentence", "translation"),
    groups: Iterable[str] | None = None,
) -> Table:
    """Sentences and their translations, the s-th of `paired` belonging to the s-th.

    Odd apostrophes, spaces and letters of two signs become one kind; capitals stay. The same pair twice counts once.
    Equal sentences - in the same words, whatever capitals and marks - are one group, and so always in one split.
    `groups` names other ones, one for each pair. DataError: an empty side, with its row; no pair at all.
    """
    left, right = TokenEncoder(), TokenEncoder()
    same, sentence = array("q"), array("q")  # a hash of the pair, and of the words of its sentence
    empty: list[int] = []
    for row, (a, b) in enumerate(pairs, 1):
        source, target = normalised(a), normalised(b)
        if not source or not target:
            empty.append(row)
            continue
        words = cut_sentence(source)
        left.add(words)
        right.add(cut_sentence(target))
        same.append(hash((source, target)))
        sentence.append(hash(tuple(bare(w).lower() for w in words if is_word(w)) or source))
    if empty:
        rows = ", ".join(map(str, empty[:_NAMED])) + (f" and {len(empty) - _NAMED:,} more" if empty[_NAMED:] else "")
        raise DataError(
            f"{name}, row{'s' * (len(empty) > 1)} {rows}: an empty sentence in the pair; correct or remove the row"
        )
    if not same:
        raise DataError(f"{name}: there are no pairs in it; give two sentences a row")
    sources = left.table(columns=columns[:1], separator=" ", x_title="word", independent=True)
    targets = right.table(columns=columns[1:], separator=" ", x_title="word", independent=True)
    _, first, inverse = np.unique(np.frombuffer(sentence, dtype=np.int64), return_index=True, return_inverse=True)
    together: NDArray[Any] = first[inverse.reshape(-1)] if groups is None else np.array(list(groups))
    once = np.zeros(len(same), dtype=bool)
    once[np.unique(np.frombuffer(same, dtype=np.int64), return_index=True)[1]] = True
    short = (sources.lengths <= MOST_WORDS) & (targets.lengths <= MOST_WORDS)
    kept = np.flatnonzero(once & short)
    if not len(kept):
        raise DataError(f"{name}: every sentence has more than {MOST_WORDS} words; give shorter ones")
    notes = _notes(int((~once).sum()), int((once & ~short).sum()))
    if len(kept) < len(same):
        sources, targets, together = _chosen(sources, kept), _chosen(targets, kept), together[kept]
    return replace(sources, groups=together, paired=targets, notes=notes)


def _notes(copies: int, long: int) -> tuple[str, ...]:
    notes = []
    if copies:
        notes.append(f"{copies:,} pair{'s that came' if copies > 1 else ' that came'} before left out.")
    if long:
        notes.append(f"{long:,} pair{'s' * (long > 1)} of more than {MOST_WORDS} words left out.")
    return tuple(notes)


def _chosen(table: Table, sequences: Rows) -> Table:
    """Some sequences of a table, and the symbols that are left."""
    assert table.symbols is not None
    lengths = table.lengths[sequences]
    keep = np.zeros(len(table.lengths), dtype=bool)
    keep[sequences] = True
    codes = table.values[np.repeat(keep, table.lengths)]
    there = np.bincount(codes[:, 0], minlength=len(table.symbols)) > 0
    if not there.all():
        codes = (np.cumsum(there) - 1).astype(codes.dtype)[codes]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return replace(table, values=codes, offsets=offsets, symbols=table.symbols[there])
