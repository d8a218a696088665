"""N-gram language models with interpolated Witten-Bell smoothing, and the uniform distribution."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcore.data.token_dataset import LONGEST_GRAM, TokenDataset

__all__ = ["NGrams", "TokenInputs", "fit_ngrams", "most_counted"]

_MOST_COUNTED = 2_000_000  # characters that are counted, or twice the words
_CHARACTERS = 1_000  # different symbols, at most: more are words

Codes = NDArray[np.integer]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class _Order:
    """The different n-grams of one length, sorted by context and then by symbol.

    A gram's number is its place here. `keys` = number of its first n - 1 symbols among the shorter grams * V + its last
    symbol; `probability` is P(last | the others). By context (a gram of length n - 1): `seen`, how often
    anything followed it plus how many different symbols did; `share`, the share of the probability that falls to the
    shorter context; `best` and `best_p`, what follows it most probably.
    """

    keys: Numbers
    count: Numbers
    seen: NDArray[np.float64]
    share: NDArray[np.float64]
    probability: NDArray[np.float64]
    best: Numbers
    best_p: NDArray[np.float64]


class NGrams:
    """n-grams up to length `order` over V symbols: exact, sparse, and counted by sorting.

    P(w | h) = (c(h w) + T(h) P(w | h')) / (c(h) + T(h)), where T(h) is how many different symbols followed h, and h' is
    h without its first symbol; below single symbols lies 1 / V (Witten and Bell 1991, method C, interpolated as in Chen
    and Goodman 1998). A context that was never seen says what the shorter one says.
    """

    def __init__(self, counted: list[tuple[Numbers, Numbers]], size: int) -> None:
        """From (keys, counts) of each length, as `counted` gives them; see `fit`."""
        self.size = size
        self.orders: list[_Order] = []
        suffix = np.zeros(1, dtype=np.int64)  # by context: the same without its first symbol
        best, best_p = np.zeros(1, dtype=np.int64), np.full(1, 1.0 / size)
        for keys, count in counted:
            context, symbol = np.divmod(keys, size)
            contexts = len(self.orders[-1].keys) if self.orders else 1
            kinds = np.bincount(context, minlength=contexts)
            seen = np.bincount(context, weights=count, minlength=contexts).astype(np.float64) + kinds
            share = np.where(kinds > 0, kinds / np.maximum(seen, 1.0), 1.0)
            if self.orders:
                shorter = np.searchsorted(self.orders[-1].keys, suffix[context] * size + symbol)
                lower = self.orders[-1].probability[shorter]
            else:
                shorter, lower = np.zeros(len(keys), dtype=np.int64), np.full(len(keys), 1.0 / size)
            probability = count / seen[context] + share[context] * lower
            # the best is among what followed, or else it is what is best after the shorter context
            lower_best, lower_p = best[suffix], share * best_p[suffix]
            best, best_p = _best(context, symbol, probability, kinds)
            best, best_p = np.where(lower_p > best_p, lower_best, best), np.maximum(best_p, lower_p)
            self.orders.append(_Order(keys, count, seen, share, probability, best, best_p))
            suffix = shorter

    @classmethod
    def fit(cls, stretches: Iterable[Codes], size: int, order: int) -> NGrams:
        """Count in stretches of codes below `size` [n]; no n-gram crosses the end of one."""
        pieces = [np.asarray(s, dtype=np.int64) for s in stretches if len(s)]
        codes = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)
        starts = np.cumsum([0, *map(len, pieces[:-1])]) if pieces else np.zeros(0, dtype=np.int64)
        behind = np.arange(len(codes)) - np.repeat(starts, [len(p) for p in pieces])  # symbols before it in its stretch
        counted: list[tuple[Numbers, Numbers]] = []
        grams = np.zeros(len(codes) + 1, dtype=np.int64)  # what stands before each place, by its number
        for n in range(order):
            there = np.flatnonzero(behind >= n)
            keys, number, count = np.unique(grams[there] * size + codes[there], return_inverse=True, return_counts=True)
            if not len(keys):
                break
            counted.append((keys, count))
            grams[there + 1] = number
        return cls(counted, size)

    @property
    def counted(self) -> list[tuple[Numbers, Numbers]]:
        """What `NGrams` is made from: (keys, counts) of each length."""
        return [(order.keys, order.count) for order in self.orders]

    def __len__(self) -> int:
        """Different n-grams of all lengths."""
        return sum(len(order.keys) for order in self.orders)

    def log_prob(
        self, codes: Codes, rows: Numbers, behind: Numbers, order: int
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """(ln P of `codes[rows]` [n], whether it is the most probable symbol[n]) by n-grams up to `order`.

        `behind[n]` says how many symbols before each row may be looked at. An `order` of 0 is 1 / V for all.
        """
        target = codes[rows].astype(np.int64)
        probability, best = np.full(len(rows), 1.0 / self.size), np.zeros(len(rows), dtype=np.int64)
        for n, level in enumerate(self.orders[:order]):
            context = self._numbers(codes, rows, behind, n)
            known = context >= 0
            gram, found = _find(level.keys, context * self.size + target)
            own = np.where(found & known, level.count[gram] / np.maximum(level.seen[context], 1.0), 0.0)
            probability = np.where(known, own + level.share[context] * probability, probability)
            best = np.where(known, level.best[context], best)
        return np.log(probability), best == target

    def _numbers(self, codes: Codes, rows: Numbers, behind: Numbers, n: int) -> Numbers:
        """The numbers of the n symbols before each row as an n-gram; -1 where it was never seen or isn't there."""
        number = np.where(behind >= n, 0, -1)
        for i in range(n):
            before = codes[np.maximum(rows - n + i, 0)].astype(np.int64)
            place, found = _find(self.orders[i].keys, number * self.size + before)
            number = np.where(found & (number >= 0), place, -1)
        return number


def fit_ngrams(data: TokenDataset) -> NGrams | None:
    """N-grams of the end of the training split; of new data without splits, those that came with the codec."""
    kept, size = data.codec.ngrams, len(data.codec.vocabulary)
    own = data.new or data.config.validation_fraction + data.config.test_fraction > 0.0
    if len(kept) == LONGEST_GRAM or not own:
        return NGrams(list(kept), size) if kept else None
    stretches, left = [], most_counted(data)
    never_targets = data.burn_in + 1 if data.burn_in else 0  # symbols at the beginning of a sequence
    for _, start, high in reversed(data.bounds["train"]):
        low = min(start + never_targets, high)
        stretches.append(data.codes[max(low, high - left) : high])
        left -= high - max(low, high - left)
        if left <= 0:
            break
    return NGrams.fit(stretches[::-1], size, LONGEST_GRAM)


def most_counted(data: TokenDataset) -> int:
    """Symbols at the end of the training split that n-grams are counted in."""
    return _MOST_COUNTED if len(data.codec.vocabulary) <= _CHARACTERS else _MOST_COUNTED // 2


class TokenInputs(NamedTuple):
    """What a baseline for symbols is given: the targets are `codes[rows]`, [n], each after `behind[n]` known symbols.

    `free_text`: the model continues text from every step, so that the probabilities count and not the best symbol.
    """

    grams: NGrams
    codes: Codes
    rows: Numbers
    behind: Numbers
    free_text: bool


Scored = tuple[NDArray[np.float64], NDArray[Any]]  # ln P of the target [n], whether it was predicted [n]


def uniform(s: TokenInputs) -> Scored | None:
    """All symbols but the unknown one alike."""
    size = s.grams.size - 1
    return (np.full(len(s.rows), -np.log(size)), np.full(len(s.rows), 1.0 / size)) if s.free_text else None


def most_frequent(s: TokenInputs) -> Scored | None:
    """The most frequent symbol."""
    return None if s.free_text else _ngram(s, 1)


def unigram(s: TokenInputs) -> Scored | None:
    """The frequencies of symbols."""
    return _ngram(s, 1) if s.free_text else None


def _ngram(s: TokenInputs, order: int) -> Scored | None:
    if order > len(s.grams.orders) or (order > 1 and order - 1 > int(s.behind.max(initial=0))):
        return None
    return s.grams.log_prob(s.codes, s.rows, s.behind, order)


bigram, trigram, five_gram = (partial(_ngram, order=order) for order in (2, 3, 5))


def _find(keys: Numbers, wanted: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """(place among the sorted keys[n], whether it is there[n])."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, keys[place] == wanted


def _best(
    context: Numbers, symbol: Numbers, probability: NDArray[np.float64], kinds: Numbers
) -> tuple[Numbers, NDArray[np.float64]]:
    """By context (they are sorted): the symbol that followed it with the highest probability, and that; 0 for none."""
    best, best_p = np.zeros(len(kinds), dtype=np.int64), np.zeros(len(kinds))
    followed = np.flatnonzero(kinds)
    starts = np.cumsum(kinds)[followed] - kinds[followed]
    best_p[followed] = np.maximum.reduceat(probability, starts)
    highest = np.flatnonzero(probability == best_p[context])[::-1]
    best[context[highest]] = symbol[highest]  # of equals the first is written last
    return best, best_p
