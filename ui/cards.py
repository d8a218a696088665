"""Metric cards, event log and findings of a run as HTML; all text from outside is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike, NDArray

from seqcore.events import Finding, Finished
from seqcore.experiment.schedule_text import rate_text, schedule_name
from seqcore.plots.band import Band
from seqcore.plots.style import COLORS
from seqcore.results import metric_named
from seqcore.results.formatting import format_duration, typeset
from seqcore.results.scores import ScoresInfo, scores_info
from seqcore.results.thinning import sparkline
from seqcore.runs.records import Run
from ui.event_log import Line, number
from ui.field_titles import by_titles
from ui.run_history import Moment
from ui.run_labels import SPLITS

__all__ = ["cards", "finding_box", "log", "scores_of"]

LOG_LINES = 200
SKILL_HELP = (
    "Skill: the score of the model beside that of a baseline, a simple forecast such as the last value, on the same "
    "windows. Of the epoch with the lowest validation loss, whose weights are kept; a later best epoch may score worse."
)


def scores_of(moment: Moment) -> ScoresInfo:
    """The best weights so far and every baseline, on the validation split (training split if there is none)."""
    run = moment.run
    best = moment.best or moment.last
    metrics = dict(best.metrics) if best else {}
    # A seed that has ended before the others has no value any more.
    replicas = {name: [v for v in own if v == v] for name, own in best.replicas.items()} if best else {}
    if run.ended and moment.step == run.step:
        metrics |= run.metrics  # of the weights that were kept, on every split
        replicas |= next((e.event.replicas for e in moment.events if isinstance(e.event, Finished)), {})
    return scores_info(
        metrics, run.baselines, metric=run.metric, part=_split(moment), reference=run.reference_baseline,
        replicas=replicas,
    )  # fmt: skip


def _split(moment: Moment) -> str:
    last = moment.best or moment.last
    return "val" if last is not None and f"val_{moment.run.metric}" in last.metrics else "train"


def cards(moment: Moment) -> str:
    """Epoch, losses, skill, steps per second and time, at this moment, as HTML."""
    run, last = moment.run, moment.last
    elapsed = format_duration(run.seconds)
    scores = scores_of(moment)
    validation = last.metrics.get("val_loss") if last else None
    boxes = [
        _card("Epoch", str(moment.epoch), f" of {moment.epochs:,}", _steps(moment), progress=_progress(moment)),
        _card(
            "Training loss",
            number(moment.train_loss),
            "",
            _range(moment.band, moment.curve_steps, 20) or "last 20 steps",
            line=_line(moment.curve, "training"),
        ),
        _card(
            "Validation loss",
            number(validation),
            "",
            _range(moment.validation.band, moment.validation.steps, 1) or _validation_note(moment, validation),
            line=_line(moment.validation.losses, "validation"),
        ),
        _skill(scores, SPLITS[_split(moment)], _epoch_note(moment, scores.metric), _test_note(run)),
        _card(
            "Steps per second",
            number(moment.rate),
            "",
            f"{run.parameters:,} parameters" if run.parameters else "",
            more=_rate(moment),
        ),
        _card("Training time", elapsed, "", _before_training(moment), digits=True)
        if run.ended
        else _card("Time left", format_duration(moment.left), "", f"{elapsed} elapsed", digits=True),
    ]
    return f'<div class="sl-cards" data-testid="cards">{"".join(boxes)}</div>'


def _before_training(moment: Moment) -> str:
    """What the training time leaves out, where people have waited for it."""
    return f"after {format_duration(moment.preparation)} of preparation" if moment.preparation >= 1.0 else ""


def _rate(moment: Moment) -> str:
    """The learning rate in force, of a run whose schedule changes it."""
    experiment = moment.experiment
    return f"learning rate {rate_text(experiment, moment.learning_rate)}" if schedule_name(experiment.training) else ""


def _test_note(run: Run) -> str:
    """Where the test score is: the validation split chose the weights, so its score is optimistic.

    During the run it takes as many lines, so that nothing below moves at the end.
    """
    if not run.experiment.data.test_fraction or (run.ended and not run.metrics):
        return ""
    return "; test score in Predict" if run.ended else "; test score at the end"


def _epoch_note(moment: Moment, metric: str) -> str:
    """Of which epoch the score is, and the latest one."""
    best, last, run = moment.best, moment.last, moment.run
    if last is None:
        return ""
    if best is None:
        return f" after epoch {last.epoch:,}"
    chosen = run.best_epoch if run.ended and run.best_epoch and moment.step == run.step else best.epoch
    latest = last.metrics.get(f"val_{metric}")
    shown = "" if latest is None or last.epoch == chosen else f"; latest {metric_named(metric).format(latest)}"
    return f" (best epoch, {chosen:,}){shown}"


def _skill(scores: ScoresInfo, split: str, epoch_note: str, test_note: str = "") -> str:
    """The skill against the reference baseline in large type; below it the model's score and the best baseline."""
    if scores.model is None:
        return _card("Skill", scores.short, "", "", wide=True, help=SKILL_HELP)
    words = metric_named(scores.metric)
    seeds = ""
    if scores.ends is not None:
        low, high = map(words.format, scores.ends)
        seeds = f" ({len(scores.replicas)} seeds: {low} to {high})"
    note = typeset(f"{split.capitalize()} {words.short} {words.format(scores.model)}{epoch_note}{seeds}{test_note}")
    best, base = scores.best_baseline, scores.reference_score
    label = f"{scores.kind}: {words.short} vs {base.phrase}" if base else scores.kind
    if best is None or (best == base and not scores.exact_baseline):
        return _card(label, scores.short, "", note, wide=True, help=SKILL_HELP)
    return _card(
        label, scores.short, "", note, wide=True, more=scores.against_best, bad=scores.beaten, help=SKILL_HELP
    )  # fmt: skip


def log(lines: Sequence[Line]) -> str:
    """The event log, newest first, as HTML: the last `LOG_LINES`."""
    if len(lines) > LOG_LINES:
        lines = [*lines[:LOG_LINES], Line("", "Earlier lines are not shown.", "change")]
    rows = "".join(
        f'<li class="sl-{line.kind}"><span class="sl-when">{escape(line.when)}</span>'
        f"<span>{escape(line.text)}</span></li>"
        for line in lines
    )
    return f'<ol class="sl-log" data-testid="log">{rows}</ol>'


def finding_box(finding: Finding) -> None:
    """A finding: what is wrong, the evidence, and the remedy; fields are named by their titles."""
    message, evidence, remedy = (
        escape(by_titles(text)) for text in (finding.message, finding.evidence, finding.remedy)
    )
    parts = [f"<strong>{message}</strong>"]
    parts += [f"<p>{evidence}</p>"] if evidence else []
    parts += [f'<p class="sl-advice">{remedy}</p>'] if remedy else []
    name = escape(finding.code, quote=True)
    st.html(
        f'<div class="sl-finding sl-{finding.severity}" role="note" data-testid="finding-{name}">{"".join(parts)}</div>'
    )


def _card(
    label: str,
    value: str,
    unit: str,
    note: str,
    *,
    line: str = "",
    progress: float | None = None,
    wide: bool = False,
    digits: bool = False,
    more: str = "",
    bad: bool = False,
    help: str = "",
) -> str:
    extra = line
    if progress is not None:
        extra = f'<div class="sl-bar"><div style="width:{100 * progress:.1f}%"></div></div>'
    if more:
        extra += f'<div class="sl-note{" sl-worse" if bad else ""}">{escape(more)}</div>'
    tooltip = f' title="{escape(help)}"' if help else ""
    return (
        f'<div class="sl-card{" sl-wide" if wide else ""}"{tooltip}>'
        f'<div class="sl-label">{escape(label)}</div>'
        f'<div class="sl-value{" sl-digits" if digits else ""}">{escape(value)}<small>{escape(unit)}</small></div>'
        f'<div class="sl-note">{escape(note)}</div>{extra}</div>'
    )


def _range(band: Band | None, steps: ArrayLike, last: int) -> str:
    """The mean over the last steps of the lowest and of the highest loss over seeds; nothing of a single model."""
    if band is None or not len(known := np.flatnonzero(np.isfinite(band[0]) & np.isfinite(band[1]))):
        return ""
    at = np.asarray(steps)[known]
    recent = known[at > at[-1] - last]
    low, high = (number(float(np.mean(end[recent]))) for end in band)
    return f"median; {low} to {high}"


def _validation_note(moment: Moment, loss: float | None) -> str:
    if moment.last is not None and loss is None:
        return "no validation split"
    return f"best {number(moment.best.metrics.get('val_loss'))}" if moment.best else ""


def _steps(moment: Moment) -> str:
    return f"step {moment.step:,}" + (f" of {moment.steps:,}" if moment.steps else "")


def _progress(moment: Moment) -> float:
    if moment.steps:
        return min(1.0, moment.step / moment.steps)
    return 0.0


def _line(values: NDArray[np.float64], role: str) -> str:
    """A small curve on a logarithmic scale, as an image: `st.html` removes inline SVG."""
    shown = sparkline(values, 40)
    known = np.isfinite(shown)
    points = ""
    if known.sum() > 1:
        low, high = float(shown[known].min()), float(shown[known].max())
        x = np.linspace(0.0, 100.0, len(shown))
        y = 22.0 - 20.0 * (shown - low) / ((high - low) or 1.0)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b, ok in zip(x, y, known, strict=True) if ok)
    code = COLORS[role][0]
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 24" preserveAspectRatio="none">'
        f'<polyline points="{points}" fill="none" stroke="{code}" stroke-width="1.5" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )
    return f'<img class="sl-spark" alt="" src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}">'
