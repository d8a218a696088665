"""Train: choose an experiment, press one button, and watch it learn."""

import streamlit as st

from seqcore.errors import SeqcoreError
from ui import actions, drafts, forms, going_on, live, overview, own_data, session

run = session.shown_run()
draft = drafts.current(run)
going_on.offer(run)
own_data.start_bar(draft)
for line in draft.link_faults:
    st.error(session.escape(line))

with st.container(key="desk"):
    left, right = st.columns([1, 2.75], gap="large")

with left, st.container(key="settings"):
    st.subheader("Data")
    picture = st.container()
    forms.section(draft, "data", overview.columns(draft), leave_out=own_data.shown_above(draft))
    st.subheader("Model")
    forms.section(draft, "model")
    summary = st.container()
    st.subheader("Training")
    forms.section(draft, "training")

with right:
    overview.title(draft)
    experiment, table = None, None
    try:
        experiment = draft.experiment()
        drafts.write_link(draft, experiment)
        table = own_data.table_of(experiment)
    except SeqcoreError as error:
        session.fail(error)
    faults = st.container()
    if run is None:
        with st.container(horizontal=True, key="actions"):
            actions.buttons(None, experiment if table is not None else None)
        actions.faults()
        overview.data_picture(experiment, table)
    else:
        live.live_area(run, experiment)

if run is not None:
    with picture:
        overview.data_picture(experiment, table, small=True)
if experiment is not None and table is not None:
    with faults:  # last of all: on a server that has just started this waits for torch
        for line in overview.problems(experiment, table):
            st.error(session.escape(line))
with summary:
    overview.parameters(experiment, table)
