"""ParallelTextCodec: vocabularies of two languages, capitalization and sentence endings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictStr

from seqcore.data.codec import Codec
from seqcore.data.sentences import cut_sentence, normalized
from seqcore.data.stored_codec import Count, Names, Stored, array, decoding, indices
from seqcore.data.table import Table
from seqcore.data.vocabulary import UNKNOWN, Vocabulary
from seqcore.errors import DataError
from seqcore.results.spacing import bare, is_word, join_sentence

__all__ = ["Language", "ParallelTextCodec", "fit_language"]

MANY = 1_000  # in larger vocabularies, words that occur once are unknown, so that "unknown" is trained
MARKS = frozenset(".!?\u2026\u3002\uff01\uff1f")
_USUAL = 0.9

Rows = NDArray[np.int64]
Words = tuple[str, ...]


@dataclass(frozen=True)
class Language:
    """The vocabulary of one language. The first word of a sentence is read in lower case unless it is a name.

    `names` are words that keep their capital although their lower-case form is known, too.
    """

    vocabulary: Vocabulary
    names: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.vocabulary)

    def known(self, word: str, *, first: bool) -> str:
        """The known form of a word, ignoring case if necessary, or `UNKNOWN`."""
        small = word.lower()
        if first and small != word and self.vocabulary.knows(small) and word not in self.names:
            return small
        forms = (word, small, small.capitalize(), word.upper())
        return next((form for form in forms if self.vocabulary.knows(form)), UNKNOWN)

    def read(self, words: Sequence[str]) -> list[str]:
        """The known forms of the words of a sentence."""
        start = next((i for i, word in enumerate(words) if is_word(word)), -1)
        return [self.known(word, first=i == start) for i, word in enumerate(words)]

    def encode(self, words: Sequence[str]) -> Rows:
        """The codes of a sentence, 0 for unknown words."""
        return self.vocabulary.encode(self.read(words))

    def encode_table(self, table: Table) -> Rows:
        """The codes of all rows of a table, [N]."""
        assert table.symbols is not None
        symbols = table.symbols.tolist()
        within = self.vocabulary.encode([self.known(s, first=False) for s in symbols])
        ahead = self.vocabulary.encode([self.known(s, first=True) for s in symbols])
        codes: Rows = within[table.values[:, 0]]
        rows = first_words(table)
        codes[rows] = ahead[table.values[rows, 0]]
        return codes

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"words": list(self.vocabulary.symbols), "names": sorted(self.names)}

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> Language:
        """The inverse of `to_dict`. ValueError where the values are not possible."""
        stored = _StoredLanguage(**d)
        return cls(Vocabulary(stored.words, " "), frozenset(stored.names))


class _StoredLanguage(Stored):
    """The JSON values of a language."""

    words: Names = Field(min_length=1)
    names: Names


@dataclass(frozen=True)
class ParallelTextCodec(Codec):
    """The codec of a translation model.

    `capitals`: whether a translation begins with a capital after a source that begins with a capital, a lower-case
    letter, or neither. `endings`: the usual final mark by first word, "" for any other; empty if sentences have none.
    `remembered` are translations of training sentences, whose source codes are in `memory`.
    """

    input_kind = "sentence"
    source: Language
    target: Language
    capitals: tuple[bool, bool, bool]
    endings: dict[str, str]
    lengths: tuple[int, int]
    example: str
    remembered: Words = ()
    memory: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def symbols_known(self) -> Vocabulary:
        """The source vocabulary."""
        return self.source.vocabulary

    @property
    def end(self) -> int:
        """The code that starts and ends a translation: the first after all words."""
        return len(self.target)

    def read(self, text: str) -> list[str]:
        """Tokenize a typed sentence and add the usual final mark if there is none."""
        words = cut_sentence(normalized(text))
        if words and self.endings and not any(mark in MARKS for mark in bare(words[-1])):
            first = self.source.known(next((w for w in words if is_word(w)), ""), first=True)
            words.append(self.endings.get(first, self.endings.get("", "")))
        return [word for word in words if word]

    def written(self, words: Sequence[str], source: Sequence[str]) -> Words:
        """A translation with its first word capitalized as usual after this source."""
        start = next((i for i, word in enumerate(words) if is_word(word)), None)
        if start is None or not self.capitals[_case(source)]:
            return tuple(words)
        return (*words[:start], _capital(words[start]), *words[start + 1 :])

    def to_dict(self) -> dict[str, Any]:
        """JSON values, without `arrays`."""
        return {
            "source": self.source.to_dict(),
            "target": self.target.to_dict(),
            "capitals": list(self.capitals),
            "endings": self.endings,
            "lengths": list(self.lengths),
            "example": self.example,
            "remembered": list(self.remembered),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays that are saved with `to_dict`."""
        return dict(self.memory)

    @classmethod
    def from_dict(cls, d: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> ParallelTextCodec:
        """The inverse of `to_dict` and `arrays`."""
        with decoding("the checkpoint's codec"):
            stored = _StoredCodec(**d)
            return cls(
                source=Language.from_dict(stored.source),
                target=Language.from_dict(stored.target),
                capitals=stored.capitals,
                endings=stored.endings,
                lengths=stored.lengths,
                example=stored.example,
                remembered=stored.remembered,
                memory=_memory(arrays, len(stored.source["words"]), len(stored.remembered)) if arrays else {},
            )


class _StoredCodec(Stored):
    """The JSON values of a codec."""

    source: dict[str, Any]
    target: dict[str, Any]
    capitals: tuple[bool, bool, bool]
    endings: dict[StrictStr, StrictStr]
    lengths: tuple[Count, Count]
    example: StrictStr
    remembered: Names


def _memory(arrays: dict[str, NDArray[Any]], words: int, sentences: int) -> dict[str, NDArray[Any]]:
    """The arrays of `remembered` sentences. KeyError or ValueError where they don't fit each other."""
    codes = indices(arrays, "memory.codes", (-1,), below=words)
    lengths = indices(arrays, "memory.lengths", (sentences,))
    if lengths.sum() != len(codes):
        raise ValueError("memory.lengths don't fit memory.codes")
    sequences, table = indices(arrays, "memory.sequences", (sentences,)), array(arrays, "memory.table", (3,))
    return {"memory.codes": codes, "memory.lengths": lengths, "memory.sequences": sequences, "memory.table": table}


def fit_language(table: Table, sequences: Rows, *, most: int, least: int | None, side: str) -> Language:
    """The vocabulary of these sentences: the `most` frequent words that occur at least `least` times.

    `least` None: once, or twice if there are over 1,000 distinct words. DataError for fewer than two words.
    """
    assert table.symbols is not None
    chosen = np.zeros(len(table.lengths), dtype=bool)
    chosen[sequences] = True
    rows = np.repeat(chosen, table.lengths)
    ahead = np.zeros(len(table), dtype=bool)
    ahead[first_words(table)] = True
    codes, size = table.values[:, 0], len(table.symbols)
    within = np.bincount(codes[rows & ~ahead], minlength=size)
    begins = np.bincount(codes[rows & ahead], minlength=size)
    symbols = table.symbols.tolist()
    place = {symbol: i for i, symbol in enumerate(symbols)}
    counts = {symbols[i]: int(within[i]) for i in np.flatnonzero(within)}
    for i in np.flatnonzero(begins):
        word, small = symbols[i], symbols[i].lower()
        elsewhere = within[place[small]] if small in place else 0
        form = word if word != small and within[i] > elsewhere else small
        counts[form] = counts.get(form, 0) + int(begins[i])
    least = least or (1 if len(counts) <= MANY else 2)
    kept = sorted((w for w, n in counts.items() if n >= least and w != UNKNOWN), key=lambda w: (-counts[w], w))[:most]
    if len(kept) < 2:
        raise DataError(
            f"the training split has {len(kept)} distinct words in its {side} that occur {least} times; give "
            "more sentences, or reduce data.min_count"
        )
    known = set(kept)
    names = {w for w in kept if w != w.lower() and w.lower() in known and within[place[w]] > within[place[w.lower()]]}
    return Language(Vocabulary((UNKNOWN, *sorted(kept)), " "), frozenset(names))


def first_words(table: Table) -> Rows:
    """The row of the first word of each sentence that has one."""
    assert table.symbols is not None
    words = np.array([is_word(s) for s in table.symbols.tolist()], dtype=bool)
    rows = np.flatnonzero(words[table.values[:, 0]])
    sequence = np.searchsorted(table.offsets, rows, side="right") - 1
    return np.asarray(rows[np.unique(sequence, return_index=True)[1]])


def capitals_of(source: Table, target: Table, sequences: Sequence[int]) -> tuple[bool, bool, bool]:
    """Whether translations usually begin with a capital: after a capital, a lower-case letter, or neither."""
    votes = np.zeros((3, 2), dtype=np.int64)
    for s in sequences:
        left, right = (t.sentence(s) for t in (source, target))
        case = _case(right)
        if case < 2:
            votes[_case(left), 1 - case] += 1
    total = votes.sum(axis=0)
    found = [bool(v[1] * 2 > v.sum()) if v.sum() else bool(total[1] > total[0]) for v in votes]
    return found[0], found[1], found[2]


def endings_of(source: Table, sequences: Sequence[int], language: Language) -> dict[str, str]:
    """The usual final mark by first word; empty if more than a tenth of the sentences have none."""
    counts: dict[str, dict[str, int]] = {"": {}}
    ended = 0
    for s in sequences:
        words = source.sentence(s)
        last = words[-1]
        if not any(mark in MARKS for mark in bare(last)):
            continue
        ended += 1
        first = language.known(next((w for w in words if is_word(w)), ""), first=True)
        for key in ("", first):
            marks = counts.setdefault(key, {})
            marks[last] = marks.get(last, 0) + 1
    if ended < _USUAL * len(sequences):
        return {}
    usual = {word: max(marks, key=lambda m: marks[m]) for word, marks in counts.items() if marks}
    return {word: mark for word, mark in usual.items() if word == "" or mark != usual[""]}


def sentence_of(table: Table, s: int) -> str:
    """One sentence of a table as text."""
    return join_sentence(table.sentence(s))


def _case(words: Sequence[str]) -> int:
    """The first letter: 0 upper case, 1 lower case, 2 neither."""
    letter = next((c for word in words for c in word if c.isalpha()), "")
    return 0 if letter.isupper() else 1 if letter.islower() else 2


def _capital(word: str) -> str:
    place = next((i for i, c in enumerate(word) if c.isalnum()), 0)
    return f"{word[:place]}{word[place].upper()}{word[place + 1 :]}"
