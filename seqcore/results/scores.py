"""The skill of a model: its score beside every baseline's, in a sentence and for a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from seqcore.registry import baseline_title
from seqcore.results.metrics import Metric, metric_named

__all__ = ["FINER", "MODEL", "NOTHING", "Score", "ScoresInfo", "scores_info"]

MODEL = "This model"
EQUAL = "about equal"
NOTHING = 0.05  # points: what is scored lower is as good as never right
FINER = {"bleu": "chrf"}
"""What is compared where a metric is 0 for all: chrF counts characters, not words."""
EXACT = 1e-9  # a score this near to perfect, beside the others, is exact
FITTED = 1e-5  # and so is, beside one that is, a line whose weights had to be computed


class Score(NamedTuple):
    """One bar. `value` is in original units (accuracies from 0 to 1)."""

    name: str
    value: float
    model: bool
    short: str = ""  # the name for a narrow place

    @property
    def phrase(self) -> str:
        """The name within a sentence: "last value"."""
        return self.name[:1].lower() + self.name[1:]


class ScoresInfo(NamedTuple):
    """What the figure shows, best first. Scores that aren't defined are left out."""

    scores: tuple[Score, ...]
    metric: str
    reference: str  # the title of the baseline that is compared with first
    unit: str
    nothing_right: str = ""  # the metric that was to be compared by, where it is 0 for all
    replicas: tuple[float, ...] = ()  # the score of each of several seeds, whose median is the model's
    on_training: bool = False  # the score is on the data that the model was trained on, and no skill

    @property
    def words(self) -> Metric:
        """How the metric is called and read."""
        return metric_named(self.metric)

    @property
    def model(self) -> float | None:
        """The model's score."""
        return next((s.value for s in self.scores if s.model), None)

    @property
    def best_baseline(self) -> Score | None:
        """The strongest baseline. Where several are exact: linear regression, if it is one of them."""
        known = [s for s in self.scores if not s.model]
        if any(self._is_exact(s, EXACT) for s in known):
            known.sort(key=lambda s: s.name != baseline_title("linear") or not self._is_exact(s, FITTED))
        return known[0] if known else None

    @property
    def reference_score(self) -> Score | None:
        """The score of the reference baseline; of the strongest one where that has none."""
        named = next((s for s in self.scores if not s.model and s.name == self.reference), None)
        return named or self.best_baseline

    @property
    def kind(self) -> str:
        """What the comparison is: the skill, unless the model was trained on these data."""
        return "On the training data" if self.on_training else "Skill"

    @property
    def short(self) -> str:
        """The skill in a few words: "9.2× lower", "4 points higher"; "–" where nothing can be compared."""
        base = self.reference_score
        if self.model is None or base is None:
            return "–"
        if self.metric != self.nothing_right and self._is_mixed(base):
            return f"better in {self.wins(base)} of {len(self.replicas)}"
        return f"{self.words.short} 0 for all" if self.metric == self.nothing_right else self._compare(base.value)

    @property
    def against_reference(self) -> str:
        """What stands after `short`: "than last value"."""
        base = self.reference_score
        if self.model is None or base is None or self.metric == self.nothing_right:
            return ""
        if self._is_mixed(base):
            return f"seeds than {base.phrase}"
        return f"{_joint(self.short)} {base.phrase}"

    @property
    def against_best(self) -> str:
        """The model beside the best baseline, whichever wins: "3.6× higher than linear regression on the window"."""
        best = self.best_baseline
        if self.model is None or best is None or self.metric == self.nothing_right:
            return ""
        if self.exact_baseline:
            return f"{best.name} is exact on these data"
        return self._against(best)

    @property
    def beaten(self) -> bool:
        """Whether a baseline is better than the model."""
        return self._loses_to(self.best_baseline)

    @property
    def worse(self) -> bool:
        """Whether the reference baseline is better than the model."""
        return self._loses_to(self.reference_score)

    @property
    def sentence(self) -> str:
        """The comparison with the reference and the best baseline, whichever wins."""
        best, base = self.best_baseline, self.reference_score
        if self.model is None:
            return "This split has no score."
        if best is None or base is None:
            return "There is no baseline to compare with."
        name = self.words.short[:1].upper() + self.words.short[1:]
        if self.nothing_right and self.metric == self.nothing_right:
            return f"{name} is 0 for the model and for every baseline."
        text = f"{self.kind}: {self.words.short} {self._against(base)}"
        if self.nothing_right:
            text = f"{metric_named(self.nothing_right).title} is 0 for all. {text}"
        if best.name != base.name:
            text += f", and {self._against(best, 'the best baseline, ')}"
        return f"{text}. {best.name} is exact on these data." if self.exact_baseline else f"{text}."

    @property
    def exact_baseline(self) -> bool:
        """Whether the best baseline makes no error that can be seen beside the others'."""
        return any(self._is_exact(s, EXACT) for s in self.scores if not s.model)

    def _against(self, other: Score, name: str = "") -> str:
        """The model's score beside a baseline's, whose name follows `name`.

        Of replicas, "lower" or "higher" is said only where it holds for every seed.
        """
        words, count = self._compare(other.value), len(self.replicas)
        if self._is_mixed(other):
            return f"better than {name}{other.phrase} in {self.wins(other)} of {count} seeds only"
        text = f"{words} {_joint(words)} {name}{other.phrase}"
        seeds = f"median of {count} seeds" if words == EQUAL else f"median; all {count} seeds agree"
        return f"{text} ({seeds})" if count else text

    @property
    def ends(self) -> tuple[float, float] | None:
        """The lowest and the highest score of the replicas; None of a single model."""
        known = [value for value in self.replicas if math.isfinite(value)]
        return (min(known), max(known)) if known else None

    @property
    def spread(self) -> str:
        """How the score of replicas is to be read: "Median of 8 seeds; line: lowest to highest seed."; else nothing."""
        return f"Median of {len(self.replicas)} seeds; line: lowest to highest seed." if self.replicas else ""

    def wins(self, other: Score) -> int:
        """How many replicas are better than a baseline."""
        return sum(
            (value > other.value) if self.words.higher_is_better else (value < other.value) for value in self.replicas
        )

    def _is_mixed(self, other: Score) -> bool:
        """Whether some replicas are better than a baseline and others are not."""
        return 0 < self.wins(other) < len(self.replicas)

    def _compare(self, base: float) -> str:
        """How the model's score stands to a baseline's."""
        assert self.model is not None
        if self.words.higher_is_better:
            return _in_points(self.model - base, 100.0 if self.words.share else 1.0)
        return _in_times(self.model, base)

    def _loses_to(self, other: Score | None) -> bool:
        if self.model is None or other is None:
            return False
        return (self.model < other.value) == self.words.higher_is_better and self._compare(other.value) != EQUAL

    def _is_exact(self, score: Score, tolerance: float) -> bool:
        if self.words.higher_is_better:
            return score.value >= self.words.best
        worst = max(abs(s.value) for s in self.scores)
        return worst > 0 and abs(score.value) <= tolerance * worst


def scores_info(
    metrics: Mapping[str, float],
    baselines: Mapping[str, Mapping[str, float]],
    *,
    metric: str,
    part: str = "",
    reference: str = "",
    unit: str = "",
    replicas: Mapping[str, Sequence[float]] | None = None,
    on_training: bool = False,
) -> ScoresInfo:
    """From metrics by name ("mae", or "val_mae" with `part="val"`) of the model and of each baseline.

    `replicas` has the values of each of several seeds by the same names. `on_training`: these are scores on the
    training split, as they are with `part="train"`.
    """
    nothing_right = ""
    if _nothing_right(metrics, baselines, metric, part):
        nothing_right, finer = metric, FINER.get(metric, metric)
        all_have = [f"{part}_{finer}" if part else finer] * (len(baselines) + 1)
        if all(name in scores for name, scores in zip(all_have, (metrics, *baselines.values()), strict=True)):
            metric = finer
    key = f"{part}_{metric}" if part else metric
    scores = [Score(MODEL, float(metrics[key]), True)] if key in metrics else []
    scores += [
        Score(baseline_title(name), float(m[key]), False, baseline_title(name, short=True))
        for name, m in baselines.items()
        if key in m
    ]
    words = metric_named(metric)
    known = [s for s in scores if math.isfinite(s.value)]
    return ScoresInfo(
        scores=tuple(sorted(known, key=lambda s: -s.value if words.higher_is_better else s.value)),
        metric=metric,
        reference=baseline_title(reference) if reference else "",
        unit=unit,
        nothing_right=nothing_right,
        replicas=tuple((replicas or {}).get(key, ())),
        on_training=on_training or part == "train",
    )


def _nothing_right(
    metrics: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]], metric: str, part: str
) -> bool:
    """Whether the metric, whose best is 1 or 100, is 0 for the model and for every baseline."""
    words, key = metric_named(metric), f"{part}_{metric}" if part else metric
    values = [scores[key] for scores in (metrics, *baselines.values()) if key in scores]
    nothing = NOTHING / 100 if words.share else NOTHING
    return words.higher_is_better and key in metrics and len(values) > 1 and all(0 <= v < nothing for v in values)


def _in_points(gain: float, points: float) -> str:
    """A difference of two shares or points, in points."""
    size = points * abs(gain)
    shown = f"{size:.1f}".removesuffix(".0")
    point = "point" if shown == "1" else "points"
    return EQUAL if size < 0.05 else f"{shown} {point} {'higher' if gain > 0 else 'lower'}"


def _in_times(model: float, base: float) -> str:
    """How an error stands to another, without a division by zero."""
    low, high = sorted((abs(model), abs(base)))
    if high == low or (high - low) < 0.005 * high:
        return EQUAL
    word = "lower" if model < base else "higher"
    if low <= EXACT * high:
        return f"far {word}"
    ratio = high / low
    return f"{ratio:.3g}× {word}" if ratio >= 2 else f"{100 * (high - low) / abs(base):.3g}% {word}"


def _joint(comparison: str) -> str:
    return "to" if comparison == EQUAL else "than"
