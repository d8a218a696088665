"""Predict: scores of a trained model on held-back data, its predictions for new inputs, forecasts and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from seqcore.data.table import Table
from seqcore.events import Finding
from seqcore.runs.records import Run
from ui import run_labels
from ui.cards import finding_box
from ui.evaluation_section import evaluation_section
from ui.field_titles import by_titles
from ui.model_use import use_section
from ui.parent import refit_line
from ui.run_choice import choose_run
from ui.session import escape, store

if TYPE_CHECKING:  # it imports torch, which a page without a trained model does not need
    from seqcore.inference.predictor import Predictor


@st.cache_resource(show_spinner="Loading the model", max_entries=8)
def load_predictor(run: str, step: int) -> Predictor:
    """The best weights, as of the checkpoint at `step`."""
    return store().predictor(run, at="best")


@st.cache_resource(show_spinner="Loading the data", max_entries=4)
def load_table(run: str) -> Table:
    """The run's own data."""
    return store().table(run)


def main() -> None:
    """The page from top to bottom."""
    runs = store().runs(limit=500)
    if not runs:
        return no_runs()
    run = choose_run("Predict", runs)
    if run is None:
        return None
    step = store().checkpoint_step(run.id)
    predictor = None if step is None else load_predictor(run.id, step)
    introduce(run, predictor)
    if step is None or predictor is None:
        return no_checkpoint(run)
    table = load_table(run.id)
    # Of a height of its own: scores that come later leave what is below in its place, and an input being typed stays.
    with st.container(key="evaluation"):
        evaluation_section(run, step, table, predictor)
    use_section(run, predictor, table)
    return None


def no_runs() -> None:
    """An empty store: what to do."""
    st.title("Predict", anchor=False)
    st.markdown("No trained models yet. Train one first, then use it here.")
    st.page_link("train.py", label="Train a model", icon=":material/play_circle:")


def introduce(run: Run, predictor: Predictor | None) -> None:
    """The model, its status, the weights that are used, and findings of the run."""
    status = run_labels.STATUSES[run.status]
    size = f" · {run.parameters:,} parameters" if run.parameters else ""
    best = "" if predictor is None else f" · {run_labels.weights(run, predictor.epoch, predictor.step)}"
    st.markdown(
        f"**{escape(run_labels.title(run))}** :{status.color}-badge[{status.word}]  \n"
        f":gray[{run_labels.network(run)} · {run_labels.trained_on(run)}{size}{best}]"
    )
    refit_line(run)
    if not run.ended:
        st.caption("The run has not ended: this page uses its best weights so far.")
        st.button("Refresh", icon=":material/refresh:", type="tertiary")
    for stored in store().findings(run.id):
        finding = stored.event
        if isinstance(finding, Finding) and finding.severity != "info":
            finding_box(finding)


def no_checkpoint(run: Run) -> None:
    """A run without weights: why, and where to go."""
    if run.status == "failed":
        reason = by_titles((run.error or run.reason).splitlines()[0])
        st.error(escape(f"This run failed before its first checkpoint: {reason}"))
        st.page_link("train.py", label="Open in Train to change its settings", icon=":material/tune:")
        return
    if run.status == "queued":
        st.info("This run is queued. Its model can be used after its first checkpoint.")
    else:
        st.info("This run has no weights yet. The first checkpoint is written after a few seconds of training.")
    st.page_link("train.py", label="Open in Train", icon=":material/play_circle:")


main()
