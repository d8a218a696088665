"""How large the optimizer's steps are, relative to the weights, at each snapshot of a run."""

from __future__ import annotations

import streamlit as st

from seqcore.plots.updates import plot_updates, updates_info
from seqcore.results.formatting import counted
from seqcore.results.updates import UpdatesView
from ui.inspect_context import Inspected
from ui.live_chart import live_chart
from ui.session import escape, store

__all__ = ["updates"]

MOST = 25  # snapshots that a step is taken from; of more, evenly spaced ones


def updates(inspected: Inspected) -> None:
    """Update-to-weight ratio by weight matrix, over the snapshots so far."""
    st.markdown("**Update-to-weight ratio**")
    run = inspected.run
    steps = tuple(snapshot.step for snapshot in store().snapshots(run.id))
    if not steps:
        st.caption("This run has no snapshots, so the steps that were taken from them are not known.")
        return
    if len(steps) > MOST:
        steps = tuple(sorted({steps[round(i * (len(steps) - 1) / (MOST - 1))] for i in range(MOST)}))
    view = _ratios(run.id, run.attempt, steps, inspected)
    figure = plot_updates(updates_info(view))
    outside = view.outside()
    live_chart(
        figure, key=f"updates-{run.id}", height=int(figure.layout.height), revision=run.id,
        label=f"Update-to-weight ratio at {counted(len(steps), 'snapshot')}. At the last one: "
        + "; ".join(f"{row[0]} {row[-1]}" for row in view.summary()[1]),
    )  # fmt: skip
    st.caption(view.caption + (f" At the last snapshot {escape(outside)}." if outside else ""))


@st.cache_resource(show_spinner="Taking a step from each snapshot", max_entries=20)
def _ratios(run: str, attempt: int, steps: tuple[int, ...], _inspected: Inspected) -> UpdatesView:
    from seqcore.insight.updates import update_ratios

    return update_ratios((store().snapshot(run, step) for step in steps), _inspected.table)
