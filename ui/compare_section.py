"""Sections of the Compare page: curves on one axis, scores, what differs, tests over seeds, predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from seqcore.errors import SeqcoreError
from seqcore.evaluation.interruption import EvaluationInterrupted
from seqcore.insight.comparison import AXES, side_by_side
from seqcore.insight.paired_test import FEWEST, METHOD
from seqcore.plots import plot_view
from seqcore.results import View, metric_named
from seqcore.results.answers import AnswersView
from seqcore.results.curves import CurvesView
from seqcore.results.formatting import format_duration, format_number, median_and_range, typeset
from seqcore.results.predictions import PredictionsView
from seqcore.runs.best_baseline import best_baseline, best_baseline_text
from seqcore.runs.comparison import (
    CURVES,
    Comparison,
    Entry,
    curves_view,
    score_title,
    seed_tests,
    shared_split,
    shown_scores,
    tradeoff_view,
)
from seqcore.runs.labels import short_id
from ui import run_labels, scoring, session
from ui.compare_state import curves_of
from ui.data_picker import table_of
from ui.field_titles import by_titles
from ui.live_chart import figure_text, live_chart
from ui.results import download_csv, picture
from ui.session import escape

__all__ = ["curves_section", "differences_section", "predictions_section", "seeds_section", "tradeoff_section"]

POLL = 1.5  # seconds between two updates of the curves while a run is active
ROWS = 160  # of a series that are shown beside the truth
MOST_SETS = 6  # different problems that are shown
EVALUATION_POLL = 0.7  # seconds
MOST_EVALUATED = 12  # models whose predictions are shown


def curves_section(found: Comparison, *, active: bool, first: str = "score") -> None:
    """The curves of every problem and the scores of its runs, updated while a run is active.

    `first` is shown until another is chosen: below the board of a race, a curve that the board has not.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare-axes"):
        by = st.segmented_control(
            "Horizontal axis", list(AXES), default="step", required=True, key="compare-by",
            format_func=lambda name: {"step": "Steps", "epoch": "Epochs", "examples": "Examples seen",
                                      "seconds": "Seconds"}[name],
            help="What the curves are drawn over. " + " ".join(axis.help for axis in AXES.values()),
        )  # fmt: skip
        what = st.segmented_control(
            "Curves", list(CURVES), default=first, required=True, key=f"compare-what-{first}",
            format_func=CURVES.__getitem__,
            help="The validation score is in original units; losses are in the units of the scaled data.",
        )  # fmt: skip
    st.fragment(_curves, run_every=POLL if active else None)(found, by, what, active)


def _curves(found: Comparison, by: str, what: str, was_active: bool) -> None:
    runs = [curves_of(run.id).run for run in found.runs]
    if was_active and all(run.ended for run in runs):
        st.rerun()
    now = {run.id: run for run in runs}
    for place, old in enumerate(found.sets[:MOST_SETS]):
        entries = [replace(entry, runs=tuple(now[run.id] for run in entry.runs)) for entry in old]
        if len(found.sets) > 1:
            st.markdown(f"**Problem {place + 1}: {escape(_problem(entries[0]))}**")
        view = curves_view(entries, curves_of, what=what, by=by)
        live_chart(
            figure_text(plot_view(view.with_title(view.title))), key=f"compare-curves-{place}", label=_label(view),
            height=340, revision=f"{what}-{by}-{[entry.runs[0].id for entry in entries]}",
            scale="log" if view.logarithmic else "linear",
        )  # fmt: skip
        st.caption(escape(view.caption))
        _scores(entries)
    if len(found.sets) > MOST_SETS:
        st.caption(f"{len(found.sets) - MOST_SETS} more problems are not shown; choose fewer runs.")


def _problem(entry: Entry) -> str:
    run = entry.runs[0]
    return f"{run_labels.title(run)}, {run_labels.trained_on(run)}"


def _label(view: CurvesView) -> str:
    """What the figure shows, for those who can't see it: the last value of each curve."""
    ends = []
    for curve in view.curves:
        known = np.flatnonzero(np.isfinite(curve.y) & np.isfinite(curve.x))
        if known.size:
            last = known[-1]
            ends.append(f"{curve.name} {format_number(float(curve.y[last]))} at {format_number(float(curve.x[last]))}")
    return f"{view.y_title} over {view.over}. " + ("Last values: " + "; ".join(ends) if ends else "No values yet.")


def _scores(entries: Sequence[Entry]) -> None:
    """A row for each entry: status, epochs, score, parameters and time; below them the best baseline."""
    split = shared_split(entries)
    name = score_title(entries, split) if split else "score"
    name = name[:1].upper() + name[1:]
    rows = []
    for entry in entries:
        run = entry.runs[0]
        statuses = {run_labels.STATUSES[one.status].word for one in entry.runs}
        scores = shown_scores(session.store(), entry, split)
        rows.append({
            "Experiment": escape(entry.title),
            "Status": " and ".join(sorted(statuses)),
            "Epochs": f"{run.epoch:,} of {run.epochs:,}",
            "Seeds": f"{entry.seeds}",
            name: typeset(median_and_range(scores)) if scores else _why_none(entry),
            "Parameters": f"{entry.parameters:,}" if entry.parameters else "–",
            "Time": format_duration(sum(one.seconds for one in entry.runs) / len(entry.runs)),
            "Id": f"`{short_id(run.id)}`" + (f" and {len(entry.runs) - 1} more" if len(entry.runs) > 1 else ""),
        })  # fmt: skip
    rows += _baseline_row(entries, split, name)
    table = pd.DataFrame(rows).fillna("")
    st.table(table, hide_index=True, border="horizontal", alt="Scores of the compared runs")


def _baseline_row(entries: Sequence[Entry], split: str | None, name: str) -> list[dict[str, str]]:
    """The row of the best baseline. Before the first score it has its place, so that what is below does not move."""
    runs = [run for entry in entries for run in entry.runs]
    best = best_baseline(runs, split)
    if best is None:
        return [] if all(run.ended for run in runs) else [{"Experiment": "Best baseline", name: "–"}]
    title, value = best_baseline_text(best, metric_named(runs[0].metric))
    return [{"Experiment": escape(title), name: typeset(value)}]


def _why_none(entry: Entry) -> str:
    run = entry.runs[0]
    if run.status == "queued":
        return f"queued, position {run.queue_position}" if run.queue_position else "queued"
    return "at the end of the run" if not run.ended else "no score"


def differences_section(found: Comparison) -> None:
    """A table of what differs between the experiments, and nothing else."""
    st.subheader("What differs", anchor=False)
    if len(found.entries) < 2:
        st.caption("One experiment: nothing to compare it with. Choose another run.")
        return
    if not found.differences:
        st.caption("Nothing: these runs have the same experiment and the same seed.")
        return
    titles = [escape(entry.title) for entry in found.entries]
    rows = [
        {"Field": f"{escape(d.title)} `{d.path}`", **dict(zip(titles, map(escape, d.texts), strict=True))}
        for d in found.differences
    ]
    st.table(pd.DataFrame(rows), hide_index=True, border="horizontal", alt="Fields in which the experiments differ")
    caption = "Every field in which the experiments differ; all others are the same. A dash: it does not apply."
    st.caption(f"{caption} {found.schedule_note}".strip())


def tradeoff_section(found: Comparison) -> None:
    """The score against training time and against parameters."""
    drawn = False
    for place, entries in enumerate(found.sets[:MOST_SETS]):
        views = [tradeoff_view(entries, session.store(), cost=cost) for cost in ("seconds", "parameters")]
        if not views[0].points:
            continue
        if not drawn:
            st.subheader("Score against cost", anchor=False)
            drawn = True
        if len(found.sets) > 1:
            st.markdown(f"**Problem {place + 1}: {escape(_problem(entries[0]))}**")
        for column, view, cost in zip(st.columns(2, gap="medium"), views, ("time", "parameters"), strict=True):
            points = "; ".join(f"{p.name}: {format_number(p.y)} at {format_number(p.x)}" for p in view.points)
            label = f"{view.y_title} against {view.x_title}. {points}"
            with column:
                picture(plot_view(view), key=f"compare-{cost}-{place}", label=label, reading=escape(view.caption))


def seeds_section(found: Comparison) -> None:
    """The outcome of the paired test for every two experiments that can be compared."""
    tests = [test for entries in found.sets for test in seed_tests(session.store(), entries)]
    if not tests:
        st.caption(
            f"With one seed each a difference may be chance. Train at least {FEWEST} seeds of each experiment. {METHOD}"
        )
        return
    rows = []
    for test in tests[:50]:
        scale = metric_named(test.metric).scale
        mean = scale * sum(test.differences) / len(test.differences) if test.differences else math.nan
        rows.append({
            "Compared": escape(f"{test.first} − {test.second}"),
            "Seeds": str(len(test.seeds)),
            f"Mean difference, {test.split} {metric_named(test.metric).short}": typeset(format_number(mean)),
            "Differences": typeset(", ".join(format_number(scale * d) for d in test.differences[:12]))
            + (" ..." if len(test.differences) > 12 else ""),
            "p": "–" if test.p is None else f"{test.p:.3g}",
            "Outcome": {True: f"{escape(test.better or '')} is better", False: "not shown to be different",
                        None: f"too few seeds (at least {FEWEST})"}[test.different] + escape(test.left_out),
        })  # fmt: skip
    st.table(pd.DataFrame(rows), hide_index=True, border="horizontal", alt="Paired tests over seeds")
    st.caption(METHOD + " Each difference is between two models of the same seed.")


def predictions_section(found: Comparison) -> None:
    """The truth and every model's predictions for the same examples of a split."""
    st.subheader("Truth and predictions", anchor=False)
    experiments = [entry.experiment for entry in found.entries]
    splits = [
        split for split, fraction in (("test", "test_fraction"), ("val", "validation_fraction"))
        if all(getattr(experiment.data, fraction) for experiment in experiments)
    ] + ["train"]  # fmt: skip
    split = st.segmented_control(
        "Split", splits, default=splits[0], required=True, key="compare-split", label_visibility="collapsed",
        format_func=lambda name: run_labels.SPLITS[name].capitalize(), help="The split that every model predicts.",
    )  # fmt: skip
    for place, entries in enumerate(found.sets[:MOST_SETS]):
        if len(found.sets) > 1:
            st.markdown(f"**Problem {place + 1}: {escape(_problem(entries[0]))}**")
        _predictions(entries, split, place)


def _predictions(entries: Sequence[Entry], split: str, place: int) -> None:
    ready = [entry for entry in entries if session.store().checkpoint_step(entry.runs[0].id) is not None]
    left = [entry.title for entry in entries if entry not in ready]
    if left:
        st.caption(f"Not shown, because nothing is trained yet: {escape(', '.join(left))}.")
    if len(ready) > MOST_EVALUATED:
        st.caption(f"Shown: the first {MOST_EVALUATED} of {len(ready)}.")
    ready = ready[:MOST_EVALUATED]
    if not ready:
        return
    try:
        table = table_of(ready[0].experiment)
        tasks = [
            scoring.scoring(entry.runs[0].id, session.store().checkpoint_step(entry.runs[0].id) or 0, split, table)
            for entry in ready
        ]
        for task in tasks:
            task.done(scoring.PATIENCE)
        waiting = sum(not task.done() for task in tasks)
        if waiting:
            st.fragment(_await, run_every=EVALUATION_POLL)(tasks)
            return
        view = side_by_side([entry.title for entry in ready], [task.result().view for task in tasks], rows=10**9)
    except EvaluationInterrupted:
        st.rerun()
    except SeqcoreError as error:
        for line in error.lines:
            st.info(f"Not shown: {escape(by_titles(line))}.")
        return
    _side_by_side(view, ready, split, place)


def _await(tasks: Sequence[scoring.Scoring]) -> None:
    waiting = sum(not task.done() for task in tasks)
    if not waiting:
        st.rerun()
    with st.container(border=True, height=360):
        st.markdown(f":material/hourglass_top: Evaluating {waiting} of {len(tasks)} models.")


def _side_by_side(view: View, entries: Sequence[Entry], split: str, place: int) -> None:
    if isinstance(view, AnswersView):
        columns, rows = view.summary()
        shown = pd.DataFrame([list(map(str, row)) for row in rows[:200]], columns=list(columns))
        st.dataframe(shown, hide_index=True, height=min(38 + 35 * len(shown), 360), alt="Predictions of every model")
        st.caption(escape(view.reading))
    else:
        if isinstance(view, PredictionsView):
            view = _window(replace(view, places=tuple(entry.place for entry in entries)), place)
        names = ", ".join(entry.title for entry in entries)
        label = f"Truth and the predictions of {names} on the {run_labels.SPLITS[split]} split"
        errors = ""
        horizon = max(entry.runs[0].experiment.data.horizon for entry in entries)
        if isinstance(view, PredictionsView):
            if horizon > 1:
                errors = (
                    f" Predictions restart from the true values every {horizon} steps; test scores are of predictions "
                    "from every step."
                )
            sizes = zip(view.models, view.errors, strict=True)
            errors += (
                " Mean absolute error on these rows: "
                + ", ".join(f"{n} {format_number(e)}" for n, e in sizes)
                + "."
                + (
                    " Of several seeds it is that of their mean prediction."
                    if any(e.seeds > 1 for e in entries)
                    else ""
                )
            )
        picture(plot_view(view), key=f"compare-truth-{place}-{split}", label=label + "." + errors,
                reading=escape(view.caption + errors))  # fmt: skip
    download_csv(view, name=f"comparison-{split}", key=f"csv-compare-{place}-{split}")


def _window(view: PredictionsView, place: int) -> PredictionsView:
    """The rows that are shown: the same for every model."""
    of = len(view.x)
    start = 0
    if of > ROWS:
        start = st.slider(
            "First row", 0, of - ROWS, 0, key=f"compare-start-{place}", help=f"{ROWS} of {of:,} rows are shown."
        )
    rows = slice(start, start + ROWS)
    return replace(view, x=view.x[rows], truth=view.truth[rows], predictions=view.predictions[:, rows], of=of)
