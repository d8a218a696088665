"""Truth, predictions and scores of an evaluation, shown as soon as they have been computed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import TYPE_CHECKING

import streamlit as st

from seqcore.data.table import Table
from seqcore.evaluation.interruption import EvaluationInterrupted
from seqcore.evaluation.metrics import Evaluation
from seqcore.export import scored_split
from seqcore.plots.scores import plot_scores
from seqcore.results import SeriesView
from seqcore.results.scores import scores_info
from seqcore.runs.labels import short_id
from seqcore.runs.records import Run
from ui import run_labels, scoring
from ui.results import download_csv, file_stem, further, picture, score_table, show
from ui.session import escape

if TYPE_CHECKING:  # it imports torch, which a page without a trained model does not need
    from seqcore.inference.predictor import Predictor

__all__ = ["evaluation_section", "show_evaluation"]

READING = {
    "test": "The test split was not used in training.",
    "val": "The validation split also chose the best weights, so its score is slightly optimistic.",
    "train": "The model was trained on this split: the score does not tell how well it generalizes.",
}
PREDICTIONS_HELP = "All predictions that are scored, with their true values, in full precision."
POLL = 0.5  # seconds between two checks whether the scores are there


def evaluation_section(run: Run, step: int, table: Table, predictor: Predictor) -> None:
    """Truth and prediction on a split of the run's data, and the scores of the model and every baseline."""
    data = run.experiment.data
    fractions = {"test": data.test_fraction, "val": data.validation_fraction}
    splits = [split for split in run_labels.SPLITS if fractions.get(split, 1.0)]
    head, choice = st.columns([2, 1.4], vertical_alignment="bottom")
    head.subheader("Evaluation", anchor=False)
    split = scored_split(run.experiment)
    if len(splits) > 1:
        split = choice.segmented_control(
            "Split", splits, default=split, format_func=lambda split: run_labels.SPLITS[split].capitalize(),
            required=True, key=f"split-{run.id}", label_visibility="collapsed", width="stretch",
            help="The split that is predicted.",
        )  # fmt: skip
    task = scoring.scoring(run.id, step, split, table)
    if not task.done(scoring.PATIENCE - task.seconds):
        st.fragment(_await_scores, run_every=POLL)(run, task, split)
        return
    try:
        evaluation = task.result()
    except EvaluationInterrupted:  # its place was taken by the evaluations of other visitors
        st.rerun()
    name = file_stem(run_labels.title(run), split, short_id(run.id))
    show_evaluation(
        run, evaluation, key=f"truth-{run.id}-{split}", name=name, reading=READING[split],
        on_training=split == "train", predictions=lambda: predictor.predictions(table, split=split).to_csv(),
    )  # fmt: skip
    if (search := predictor.scaling_search) is not None:
        with st.expander(search.title):
            further(search.with_title(""), key=f"scaling-{run.id}")


def _await_scores(run: Run, task: scoring.Scoring, split: str) -> None:
    """While the scores are computed: the time so far, and the score that the run has stored."""
    if task.done():
        st.rerun()
    left, right = st.columns([2.1, 1], gap="medium")
    with left, st.container(border=True, height=320):
        st.markdown(
            f":material/hourglass_top: Evaluating on the {run_labels.SPLITS[split]} split ({task.seconds:.0f} s)."
        )
        st.caption("The plot appears when the evaluation is done. The sections below can be used meanwhile.")
    with right:
        if f"{split}_{run.metric}" in run.metrics:
            info = run_labels.scores(run, split)
            st.markdown(escape(info.sentence))
            picture(plot_scores(info), key=f"stored-scores-{run.id}-{split}", label="The run's stored scores")


def show_evaluation(
    run: Run,
    evaluation: Evaluation,
    *,
    key: str,
    name: str,
    reading: str,
    predictions: Callable[[], str],
    on_training: bool = False,
) -> None:
    """A plot of truth and prediction, and beside it the scores. `reading` says what the scores mean.

    `predictions` makes the CSV of all predictions that are scored.
    """
    left, right = st.columns([2.1, 1], gap="medium")
    with left:
        horizon = run.experiment.data.horizon
        if isinstance(evaluation.view, SeriesView) and horizon > 1:
            reading = (
                f"Predictions restart from the true values every {horizon} steps; the scores and the CSV are of "
                f"predictions from every step, 1 to {horizon} steps ahead. {reading}"
            )
        reading = f"{evaluation.view.caption} {reading}"
        show(evaluation.view, key=key, label="Truth and prediction", reading=reading)
        download_csv(predictions, name=name, key=f"csv-{key}", help=PREDICTIONS_HELP)
    with right:
        names = [m for m in evaluation.metrics if m != "loss" or evaluation.baselines]
        metric = run.metric if run.metric in names else names[0]
        info = scores_info(
            evaluation.metrics, evaluation.baselines, metric=metric, reference=run.reference_baseline,
            replicas=evaluation.replicas, on_training=on_training,
        )  # fmt: skip
        st.markdown(escape(info.sentence))
        picture(plot_scores(info), key=f"scores-{key}", label="Scores of the model and every baseline")
        units = ", in original units" if isinstance(evaluation.view, SeriesView) else ""
        seeds = f" {info.spread}" if info.replicas else ""
        st.caption(f"Evaluated on {evaluation.scored}{units}.{seeds}")
    with st.expander("All metrics"):
        score_table(evaluation)
    for place, view in zip(cycle(st.columns(2, gap="medium")), evaluation.more):
        with place:
            further(view, key=f"{key}-{type(view).__name__}-{view.title}")
