"""A model's score beside every baseline's, and one honest sentence about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import plotly.graph_objects as go

from seqcore.plots.style import apply_style, colour, empty_figure
from seqcore.results import metric_named

__all__ = ["Score", "ScoresInfo", "plot_scores", "scores_info"]

NAMES = {
    "linear": "A straight line on the window",
    "linear_calendar": "A linear model with the calendar",
    "linear_scaled": "A linear model on the scaled window",
    "most_frequent": "The most frequent symbol",
    "majority": "The most frequent class",
    "nearest_neighbour": "The nearest neighbour",
    "nearest_sentence": "The nearest sentence",
    "uniform": "Pure chance",
    "unigram": "Single symbols' frequencies",
    "bigram": "A bigram",
    "trigram": "A trigram",
    "five_gram": "A 5-gram",
}
AS_GOOD = "about as good"
NONE_RIGHT = "nothing right"  # neither the model nor any baseline
NOTHING = 0.05  # points: what is scored lower is as good as never right
FINER = {"bleu": "chrf"}
"""What still tells answers apart where a metric finds nothing right in any of them: chrF counts letters, not words."""
EXACT = 1e-9  # a score this near to perfect, beside the others, is exact
FITTED = 1e-5  # and so is, beside one that is, a line whose weights had to be computed


class Score(NamedTuple):
    """One bar. `value` is in original units (accuracies from 0 to 1)."""

    name: str
    value: float
    model: bool


class ScoresInfo(NamedTuple):
    """What the picture shows, best first. Scores that aren't defined are left out."""

    scores: tuple[Score, ...]
    metric: str
    metric_title: str
    headline: str  # the baseline that the headline compares with, as it is shown
    higher_is_better: bool
    unit: str
    title: str
    nothing_right: str = ""  # what was to be compared by, where it finds nothing right in any answer

    @property
    def model(self) -> float | None:
        """The model's score."""
        return next((s.value for s in self.scores if s.model), None)

    @property
    def best_baseline(self) -> Score | None:
        """The strongest baseline. Where several are exact: the straight line, if it is one of them."""
        known = [s for s in self.scores if not s.model]
        if any(self._is_exact(s, EXACT) for s in known):
            known.sort(key=lambda s: s.name != NAMES["linear"] or not self._is_exact(s, FITTED))
        return known[0] if known else None

    @property
    def headline_score(self) -> Score | None:
        """The reference baseline, with which the headline compares."""
        return next((s for s in self.scores if not s.model and s.name == self.headline), None)

    @property
    def short(self) -> str:
        """A few words for a card: "9.2× better", "no better", "–" where nothing can be compared."""
        base = self.headline_score or self.best_baseline
        if self.model is None or base is None:
            return "–"
        if self.metric == self.nothing_right:
            return NONE_RIGHT
        return self._compare(base.value)

    @property
    def against_best(self) -> str:
        """A few words on the model beside the best baseline, whichever wins: "3.6× worse than a straight line"."""
        best = self.best_baseline
        if self.model is None or best is None or self.metric == self.nothing_right:
            return ""
        if self.exact_baseline:
            return f"{best.name[:1].lower()}{best.name[1:]} solves this exactly"
        words = self._compare(best.value)
        return f"{words} {_than(words)} {best.name[:1].lower()}{best.name[1:]}"

    @property
    def sentence(self) -> str:
        """What the scores say, with the best baseline named, whichever wins."""
        model, best, base = self.model, self.best_baseline, self.headline_score
        if model is None:
            return "There is no score for this part."
        if best is None:
            return "There is no baseline to compare with."
        base = base or best
        words = self._compare(base.value)
        if self.nothing_right and self.metric == self.nothing_right:
            return f"Neither this model nor {base.name.lower()} is right even once."
        text = f"{words[:1].upper()}{words[1:]} {_than(words)} {base.name.lower()} by {self.metric_title}"
        if self.nothing_right:
            title = metric_named(self.nothing_right).title
            text = (
                f"Neither gets a sentence's words right ({title} is 0 for both). By {self.metric_title} the model is "
                f"{words} {_than(words)} {base.name.lower()}"
            )
        if best.name != base.name:
            against = self._compare(best.value)
            text += f", and {against} {_than(against)} the best baseline, {best.name.lower()}"
        text += "."
        if self.exact_baseline:
            text += f" {best.name} solves this exactly."
        return text

    @property
    def exact_baseline(self) -> bool:
        """Whether the best baseline makes no error that can be seen beside the others'."""
        return any(self._is_exact(s, EXACT) for s in self.scores if not s.model)

    def _compare(self, base: float) -> str:
        """How the model stands to a baseline's score."""
        assert self.model is not None
        words = metric_named(self.metric)
        if words.higher_is_better:
            return _in_points(self.model - base, 100.0 if words.share else 1.0)
        return _in_times(self.model, base)

    def _is_exact(self, score: Score, tolerance: float) -> bool:
        if self.higher_is_better:
            return score.value >= metric_named(self.metric).best
        worst = max(abs(s.value) for s in self.scores)
        return worst > 0 and abs(score.value) <= tolerance * worst


def scores_info(
    metrics: Mapping[str, float],
    baselines: Mapping[str, Mapping[str, float]],
    *,
    metric: str,
    part: str = "",
    headline: str = "",
    unit: str = "",
    title: str = "",
) -> ScoresInfo:
    """From metrics by name ("mae", or "val_mae" with `part="val"`) of the model and of each baseline."""
    nothing_right = ""
    if _nothing_right(metrics, baselines, metric, part):
        nothing_right, finer = metric, FINER.get(metric, metric)
        all_have = [f"{part}_{finer}" if part else finer] * (len(baselines) + 1)
        if all(name in scores for name, scores in zip(all_have, (metrics, *baselines.values()), strict=True)):
            metric = finer
    key = f"{part}_{metric}" if part else metric
    scores = [Score("This model", float(metrics[key]), True)] if key in metrics else []
    scores += [Score(_title(name), float(m[key]), False) for name, m in baselines.items() if key in m]
    words = metric_named(metric)
    known = [s for s in scores if math.isfinite(s.value)]
    return ScoresInfo(
        scores=tuple(sorted(known, key=lambda s: -s.value if words.higher_is_better else s.value)),
        metric=metric,
        metric_title=words.title,
        headline=_title(headline) if headline else "",
        higher_is_better=words.higher_is_better,
        unit=unit,
        title=title,
        nothing_right=nothing_right,
    )


def _nothing_right(
    metrics: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]], metric: str, part: str
) -> bool:
    """Whether neither the model nor any baseline has anything right by a metric whose best is 1 or 100."""
    words, key = metric_named(metric), f"{part}_{metric}" if part else metric
    values = [scores[key] for scores in (metrics, *baselines.values()) if key in scores]
    nothing = NOTHING / 100 if words.share else NOTHING
    return words.higher_is_better and key in metrics and len(values) > 1 and all(0 <= v < nothing for v in values)


def plot_scores(info: ScoresInfo, dark: bool = False) -> go.Figure:
    """A bar for each, best on top: the model in blue, baselines in grey."""
    if not info.scores:
        return empty_figure(info.title, "no scores yet", dark=dark, height=160)
    share = metric_named(info.metric).share
    factor = 100.0 if share else 1.0
    unit = "%" if share or info.metric == "mape" else info.unit
    values = [factor * s.value for s in info.scores]
    figure = go.Figure(
        go.Bar(
            x=values, y=[f"{s.name} " for s in info.scores], orientation="h",
            marker={
                "color": [
                    colour("prediction", dark=dark) if s.model else colour("baseline", dark=dark, opacity=0.55)
                    for s in info.scores
                ],
                "cornerradius": 3,
            },
            text=[f"{v:.4g}{'' if not unit else f' {unit}'}" for v in values], textposition="outside", cliponaxis=False,
            hovertemplate="%{y}: %{x:.6g}<extra></extra>",
        )
    )  # fmt: skip
    apply_style(figure, dark=dark, title=info.title, height=70 + 32 * len(values) + (28 if info.title else 0))
    better = "higher is better" if info.higher_is_better else "lower is better"
    title = f"{info.metric_title}{f' in {unit}' if unit else ''}, {better}"
    figure.update_xaxes(title_text=title, range=[min(0.0, *values) * 1.25, max(0.0, *values) * 1.25 or 1.0], nticks=5)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, nticks=0)
    figure.update_layout(hovermode="closest", bargap=0.35)
    return figure


def _in_points(gain: float, points: float) -> str:
    """A difference of two shares or points, in points."""
    size = points * abs(gain)
    said = f"{size:.1f}".removesuffix(".0")
    point = "point" if said == "1" else "points"
    return AS_GOOD if size < 0.05 else f"{said} {point} {'better' if gain > 0 else 'worse'}"


def _in_times(model: float, base: float) -> str:
    """How an error stands to another, without dividing by nothing and without flattering."""
    low, high = sorted((abs(model), abs(base)))
    if high == low or (high - low) < 0.005 * high:
        return AS_GOOD
    word = "better" if model < base else "worse"
    if low <= EXACT * high:
        return f"far {word}"
    ratio = high / low
    return f"{ratio:.3g}× {word}" if ratio >= 2 else f"{100 * (high - low) / abs(base):.3g} % {word}"


def _than(comparison: str) -> str:
    return "as" if comparison == AS_GOOD else "than"


def _title(name: str) -> str:
    return NAMES.get(name, name.replace("_", " ").replace("-", " ").capitalize())
