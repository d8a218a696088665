"""The right side of the Train page: the view of a run or, before there is one, the button and the plot of the data.

It is a fragment, so that a click on Train is answered by the view of the new run alone: drawing all controls again
takes the server and the browser several times as long. The whole page follows at the next update of that view. It is
the same fragment with and without a run, so that the charts keep their nodes.
"""

from __future__ import annotations

import streamlit as st

from seqcore.data.table import Table
from seqcore.experiment.experiment import Experiment
from seqcore.runs.records import Run
from ui import actions, data_picker, import_report, overview, run_view, session
from ui.drafts import Draft

__all__ = ["run_area"]


def run_area(run: Run | None, draft: Draft, experiment: Experiment | None, table: Table | None, *, ready: bool) -> None:
    """Draw the run, or what is there before one. `ready` says whether the experiment can be trained."""
    st.fragment(_area)(run, draft, experiment, table, ready, [])


def _area(
    run: Run | None,
    draft: Draft,
    experiment: Experiment | None,
    table: Table | None,
    ready: bool,
    drawn: list[Run | None],
) -> None:
    """`drawn` is what this fragment has shown since the page was drawn: a run or None, then one that Train started."""
    trainable = experiment if ready else None
    if not drawn:
        drawn.append(run)
        if run is None:
            _before_a_run(draft, experiment, table, trainable)
        else:
            run_view.live_area(run, trainable)
    elif run is None and (len(drawn) > 1 or actions.take_started()):
        _new_run(trainable, drawn)
    else:  # another widget of this fragment was used
        st.rerun()


def _new_run(experiment: Experiment | None, drawn: list[Run | None]) -> None:
    """Draw the view of the new run, so that the browser creates its chart, and once more with the first step."""
    run = session.shown_run()
    if run is None:
        st.rerun()
    first = len(drawn) == 1
    drawn.append(run)
    run_view.live_area(run, experiment, wait=not first, soon=True)
    if first:
        run_view.await_first_step(run)
        st.rerun(scope="fragment")
    actions.redraw_page_later()


def _before_a_run(draft: Draft, experiment: Experiment | None, table: Table | None, ready: Experiment | None) -> None:
    with st.container(horizontal=True, key="actions"):
        actions.buttons(None, ready, missing=data_picker.awaits_file(draft))
        actions.seeds_offer(ready, table)
    actions.form_faults()
    actions.errors()
    if ready is not None and table is not None:
        overview.data_warnings(ready, table)
    import_report.questions_box(table)
    overview.data_plot(experiment, table)
    if table is not None:
        import_report.columns_box(draft, table, expanded=False)
