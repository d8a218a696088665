"""The best baseline of compared runs, from the scores that are stored with them."""

from __future__ import annotations

from collections.abc import Iterable

from seqcore.results.formatting import format_number
from seqcore.results.metrics import Metric
from seqcore.results.scores import Score, scores_info
from seqcore.runs.records import Run

__all__ = ["best_baseline", "best_baseline_text"]


def best_baseline(runs: Iterable[Run], split: str | None) -> Score | None:
    """The best baseline of runs of one problem on a split, in original units (shares from 0 to 1).

    Runs whose inputs differ may have different values of a baseline; the best one counts. None where none is stored.
    """
    found = []
    for run in runs:
        info = scores_info({}, run.baselines, metric=run.metric, part=split or "", reference=run.reference_baseline)
        if split and info.best_baseline is not None:
            found.append((info.best_baseline, info.words))
    if not found:
        return None
    sign = -1.0 if found[0][1].higher_is_better else 1.0
    return min((score for score, _ in found), key=lambda score: sign * score.value)


def best_baseline_text(score: Score, words: Metric) -> tuple[str, str]:
    """How tables have it: "Best baseline: last value", and the value, a share in percent."""
    return f"Best baseline: {score.phrase}", format_number(words.scale * score.value)
