"""Train: configure an experiment, start it, and watch it train."""

import streamlit as st

from seqcore.errors import SeqcoreError
from ui import (
    actions,
    active_runs,
    data_picker,
    drafts,
    forms,
    import_changes,
    import_report,
    overview,
    run_area,
    session,
)  # fmt: skip

actions.page_begins()
run = session.shown_run()
draft = drafts.current(run)
reread = import_changes.reread(draft)
if reread is not None:
    draft = drafts.reset(reread, None)
    session.select_run(None)
    run = None
active_runs.active_runs_bar(run)
data_picker.start_bar(draft)
session.show_lines(draft.link_errors, settings=draft.settings())

st.html('<a class="sl-to-settings" href="#data">Settings</a>')  # on a phone, where they come after the results
with st.container(key="desk"):
    left, right = st.columns([1, 2.75], gap="large")

with left, st.container(key="settings"):
    st.subheader("Data")
    prediction_line = st.container()
    known = overview.table(draft)
    first = data_picker.first_fields(draft, known)
    forms.section(draft, "data", known, leave_out=data_picker.shown_above(draft), first=first)
    st.subheader("Model")
    forms.section(draft, "model")
    summary = st.container()
    st.subheader("Training")
    forms.section(draft, "training")
    small_plot = st.container()  # filled while a run is shown: last, so that no control moves

with right:
    heading = st.container()  # filled once the draft is read
    experiment, table, faults = None, None, ()
    try:
        experiment = draft.experiment()
        drafts.write_link(draft, experiment)
        table = None if data_picker.awaits_file(draft) else data_picker.table_of(experiment)
    except SeqcoreError as error:
        faults = error.lines
        import_report.changed_options(draft)
    with heading:
        overview.title(draft)
    errors: tuple[str, ...] | None = ()
    if experiment is not None and table is not None:
        errors = overview.known_errors(experiment, table)
    draft.faults, draft.data_faults = faults, errors or ()  # shown below Train
    ready = experiment if table is not None and not errors else None
    run_area.run_area(run, draft, experiment, table, ready=ready is not None)

if experiment is not None and table is not None:
    if run is not None:
        with small_plot:
            overview.data_plot(experiment, table, small=True)
    if first:
        with prediction_line:
            overview.predicted(experiment, table)
    # Last: on a server that has just started this waits for torch, which knows errors and this machine's devices.
    if errors is None:
        overview.check(experiment, table)
        st.rerun()
with summary:
    overview.parameters(experiment, table)
