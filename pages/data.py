"""Data: the contents of a source or a file, its splits and scaling, and its problems."""

import streamlit as st

from seqcore.data.columns import column_errors
from seqcore.errors import DataError, SeqcoreError
from ui import (
    audio_player,
    data_picker,
    data_sections,
    data_state,
    forms,
    import_changes,
    import_report,
    overview,
    session,
)  # fmt: skip

draft = data_state.current()
reread = import_changes.reread(draft)
if reread is not None:
    data_state.show(reread, None)
    draft = data_state.current()
title, press = st.columns([2.4, 1], vertical_alignment="bottom")
title.title("Data", anchor=False)
data_state.source_bar(draft)
session.show_lines(draft.link_errors, settings=draft.settings())

if data_picker.awaits_file(draft):
    st.stop()

with st.container(key="desk"):
    left, right = st.columns([1, 2.75], gap="large")

with left, st.container(key="settings"):
    st.subheader("Settings")
    prediction_line = st.container()
    known = overview.table(draft)
    first = data_picker.first_fields(draft, known)
    forms.section(draft, "data", known, leave_out=data_state.shown_above(draft), first=first)

experiment, table = None, None
with right:
    try:
        experiment = draft.experiment()
        data_state.write_link(draft, experiment)
        table = data_picker.table_of(experiment)
    except SeqcoreError as error:
        session.show_errors(error, settings=draft.settings())
        import_report.questions_box(None)
        import_report.changed_options(draft)
    if experiment is not None and table is not None:
        data_state.heading(draft)
        wrong = column_errors(table, inputs=experiment.data.inputs, target=experiment.data.target)
        with st.container():  # may come and go
            session.show_errors(*map(DataError, wrong))
        import_report.questions_box(table)
        profile = data_sections.profile_of(experiment, table)
        data_sections.facts(profile, table)
        overview.data_plot(experiment, table)
        audio_player.recordings_player(table, key="listen")
        if first:
            with prediction_line:
                overview.predicted(experiment, table)
        import_report.columns_box(draft, table)
        data_sections.findings(profile, asked=bool(import_report.unconfirmed(table.report.questions)))

with press:
    data_state.train_button(ready=table is not None)

if experiment is not None and table is not None:
    data_sections.details(profile, experiment, table)
    if not wrong:  # last: on a server that has just started this waits for torch
        data_sections.sample_inputs_section(experiment, table)
