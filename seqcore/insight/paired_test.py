"""The exact sign-flip permutation test on paired differences of scores over seeds (Fisher 1935; Good 2005, ch. 3).

Two experiments that are trained with the same seeds give pairs of scores. If it makes no difference which experiment a
score came from, each difference could as well have the other sign. The p-value is the share of all 2^K assignments of
signs whose mean difference is at least as far from 0 as the observed one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqcore.results import metric_named
from seqcore.results.formatting import counted, format_number

__all__ = ["FEWEST", "LEVEL", "METHOD", "PairedTest", "paired_test", "sign_flip_p"]

FEWEST = 6
"""Seeds from which on p < 0.05 is possible: with K seeds the smallest two-sided p is 2 / 2^K."""
LEVEL = 0.05
MOST = 40
"""Pairs that are tested: the test is exact, and takes time and memory of 2^(K/2)."""
_TOLERANCE = 1e-12  # relative: sums of the same numbers in another order differ by rounding


@dataclass(frozen=True)
class PairedTest:
    """Two experiments, `first` and `second`, compared over K seeds.

    `differences[K]` are the scores of the first minus those of the second, by seed in `seeds`; `p` is None where there
    are no pairs. `left_out` says why pairs don't count.
    """

    first: str
    second: str
    metric: str
    split: str
    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    p: float | None
    left_out: str = ""

    @property
    def different(self) -> bool | None:
        """Whether the test calls them different; None where there are too few seeds to tell."""
        return None if self.p is None or len(self.seeds) < FEWEST else self.p < LEVEL

    @property
    def better(self) -> str | None:
        """The better of the two by the mean difference, where they are different."""
        if not self.different:
            return None
        higher = sum(self.differences) > 0
        return self.first if higher == metric_named(self.metric).higher_is_better else self.second

    @property
    def sentence(self) -> str:
        """The outcome in one or two sentences."""
        count, words = len(self.seeds), metric_named(self.metric)
        name = f"{self.split} {words.short}"
        pair = f"{self.first} and {self.second}"
        if self.p is None:
            return f"{pair}: no seed with a {name} of both; train both with the same seeds.{self.left_out}"
        mean = sum(self.differences) / count
        size = f"{words.scale * abs(mean):.3g} percentage points" if words.share else format_number(abs(mean))
        seeds = counted(count, "paired seed")
        if count < FEWEST:
            few = f"{seeds} {'is' if count == 1 else 'are'} too few for a test; train at least {FEWEST}."
            return f"{pair}: {few} Mean difference of {name} {size}, p = {self.p:.3g}.{self.left_out}"
        if self.different:
            outcome = f"{self.better} is better: {name} differs by {size} in the mean of {seeds}"
            return f"{outcome}, p = {self.p:.3g}.{self.left_out}"
        return (
            f"{pair} are not shown to be different: {name} differs by {size} in the mean of {seeds}, "
            f"p = {self.p:.3g}.{self.left_out}"
        )


METHOD = (
    "Exact sign-flip permutation test on the paired differences, two-sided; different means p < "
    f"{LEVEL} with at least {FEWEST} seeds."
)
"""The test in one sentence."""


def paired_test(
    first: tuple[str, Mapping[int, float]],
    second: tuple[str, Mapping[int, float]],
    *,
    metric: str,
    split: str,
) -> PairedTest:
    """Test two experiments, each with its title and its scores by seed, over the seeds that both have.

    A pair with a score that is not finite can't be tested and is left out, which the result says.
    """
    common = sorted(first[1].keys() & second[1].keys())
    finite = [seed for seed in common if math.isfinite(first[1][seed]) and math.isfinite(second[1][seed])]
    seeds = finite[:MOST]
    left_out = ""
    if len(finite) < len(common):
        left_out += f" Left out: {len(common) - len(finite)} with a score that is not finite."
    if len(seeds) < len(finite):
        left_out += f" Tested: the first {MOST} of {len(finite)}."
    differences = np.array([first[1][seed] - second[1][seed] for seed in seeds])
    p = sign_flip_p(differences) if len(seeds) else None
    names = {"first": first[0], "second": second[0], "metric": metric, "split": split}
    return PairedTest(**names, seeds=tuple(seeds), differences=tuple(differences.tolist()), p=p, left_out=left_out)


def sign_flip_p(differences: NDArray[np.float64]) -> float:
    """The two-sided p-value of K differences, exact for K up to `MOST`; 1 where all of them are 0.

    The sums of all assignments of signs to each half of the differences are sorted; for each sum of one half the number
    of sums of the other that reach the observed total is found by bisection, so that 2^K assignments take 2^(K/2) K.
    """
    count = len(differences)
    if not 1 <= count <= MOST:
        raise ValueError(f"{count} differences can't be tested; use 1 to {MOST}")
    scale = float(np.abs(differences).sum())
    if scale == 0.0:
        return 1.0
    observed = abs(float(differences.sum())) - _TOLERANCE * scale
    left, right = _signed_sums(differences[: count // 2]), np.sort(_signed_sums(differences[count // 2 :]))
    above = len(right) - np.searchsorted(right, observed - left, side="left")
    below = np.searchsorted(right, -observed - left, side="right")
    reached = int(above.sum()) + int(below.sum())
    return min(1.0, reached / 2.0**count)


def _signed_sums(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums over all 2^k assignments of signs."""
    sums = np.zeros(1)
    for difference in differences.tolist():
        sums = np.concatenate([sums + difference, sums - difference])
    return sums
