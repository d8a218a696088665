"""Overview of an experiment before it runs: title, plot of the data, leakage, errors, and model summary."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from seqcore.data.columns import PredictedColumns
from seqcore.data.profile.diagnostics import few_windows
from seqcore.data.profile.examples_info import MANY_COLUMNS, examples_info
from seqcore.data.profile.profile import count_splits
from seqcore.data.profile.table_info import table_info
from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.errors import SeqcoreError
from seqcore.evaluation.leakage.detection import find_leaks
from seqcore.events import Finding
from seqcore.experiment.config import DataConfig
from seqcore.experiment.experiment import OPTIONS, Experiment, settings_of
from seqcore.experiment.recipes import load_recipe
from seqcore.plots.data import plot_table
from seqcore.plots.examples import plot_examples
from ui import data_picker, session, warm_up
from ui.cards import finding_box
from ui.drafts import Draft
from ui.live_chart import figure_text, live_chart
from ui.text_preview import text_preview

__all__ = ["check", "data_plot", "data_warnings", "known_errors", "parameters", "predicted", "table", "title"]

SMALL = {"lines": 130, "examples": 220, "maps": 220, "videos": 150}  # heights of the small plots, in pixels
SMALL_SERIES = (60, 36)  # of several series: their names and the axis, and a panel for each
LISTED = 3  # so many notes on the import are a list
FEW_PANELS = 2  # of more panels in a small plot, the tick labels would overlap
SPLIT_COLORS = (
    "Orange: training split. Green: validation split, scored during training. Pink: test split, scored at the end."
)
EACH_SERIES = "One color for each series. Shaded: validation split (green) and test split (pink)."
ONE_OF_EACH = "One sequence of each class, one line per column."


def title(draft: Draft) -> None:
    """The title and description of the experiment."""
    if draft.recipe is not None:
        recipe = load_recipe(draft.recipe)
        st.header(recipe.title, anchor=False)
        st.markdown(recipe.description)
        changed = _changed(draft.base, recipe.experiment)
        if changed:
            st.caption(f"Changed from the recipe: {session.escape(', '.join(changed))}.")
    elif draft.values["data.source"] == "file":
        st.header(session.escape(draft.values.get("data.options.name") or "Your own file"), anchor=False)
    elif draft.values["data.source"] == "values":
        st.header("Your own values", anchor=False)
    else:
        st.header("Custom experiment", anchor=False)


def _changed(experiment: Experiment, recipe: Experiment) -> list[str]:
    """The fields that differ from the recipe. Options of another source or architecture: those not at their default."""
    changed = experiment.differences(recipe)
    others = tuple(f"{options}." for choice, options in OPTIONS.items() if choice in changed)
    defaults = {s.path: s.default for s in settings_of(experiment)}
    return sorted(path for path, value in changed.items() if not path.startswith(others) or value != defaults.get(path))


def table(draft: Draft) -> Table | None:
    """The data that the controls are drawn for, or None if there are none."""
    if data_picker.awaits_file(draft):
        return None
    try:
        return data_picker.table_of(draft.base)
    except SeqcoreError:
        return None


def data_plot(experiment: Experiment | None, table: Table | None, *, small: bool = False) -> None:
    """The data, with the splits in their colors: as text, as lines over time, or as examples."""
    if experiment is None or table is None:
        return
    data, form = experiment.data, _form(experiment.data, table)
    key = "data-small" if small else "data-chart"
    if form == "text":
        text_preview(table, data.validation_fraction, data.test_fraction, small=small, testid=key)
    else:
        figure, height, by_series = _figure(data.model_dump_json(), table, small=small)
        live_chart(figure, key=key, label="The data, colored by split", height=height, revision=experiment.to_json())
    if small:
        return
    reading = SPLIT_COLORS if data.validation_fraction and data.test_fraction else ""
    if form == "examples" and len(_named_columns(data) or table.columns) > 1:
        reading = ONE_OF_EACH
    if form == "lines" and by_series:
        reading = EACH_SERIES if reading else "One color for each series."
    shown = reading if form in ("text", "lines", "examples") else ""
    notes = [session.escape(note) for note in table.notes]
    if len(notes) < LISTED:
        st.caption(" ".join((f"{table.summary}.", *notes, shown)))
    else:
        st.caption(f"{table.summary}. {shown}\n\n" + "\n".join(f"- {note}" for note in notes))


def _named_columns(data: DataConfig) -> tuple[str, ...]:
    """The columns that the experiment names; none if it uses the defaults."""
    return tuple(dict.fromkeys((*data.target, *data.inputs)))


def _form(data: DataConfig, table: Table) -> Literal["text", "lines", "examples", "maps", "videos"]:
    """How a table is drawn: the one place where the plot depends on what a table holds."""
    if not table.numeric_columns:
        return "text"
    if not table.tabular:
        return "videos"
    labeled = table.labels is not None
    if len(table.columns) > MANY_COLUMNS and (labeled or not _named_columns(data)):
        return "maps"
    return "examples" if labeled else "lines"


@st.cache_data(show_spinner=False, max_entries=32)
def _figure(data_json: str, _table: Table, *, small: bool) -> tuple[str, int, bool]:
    """The figure as the chart takes it, its height, and whether series have a color each, not the splits.

    Cached, since thinning a long table takes time. A small figure of several series shows the first target only.
    """
    data, table = DataConfig.model_validate_json(data_json), _table
    form, columns = _form(data, table), _named_columns(data)
    fractions: Any = {"validation_fraction": data.validation_fraction, "test_fraction": data.test_fraction}
    series: tuple[str, ...] = ()
    if form == "lines":
        several = small and len(table.names) > 1 and not table.independent
        columns = PredictedColumns.of(table.columns, data).targets[:1] if several else columns
        points = (1200 if several else 400) if small else 6000
        info = table_info(table, columns=columns, max_points=points, **fractions)
        figure, series = plot_table(info), info.series
    else:
        figure = plot_examples(examples_info(table, columns=columns, **fractions))
        figure.update_annotations(font_size=10 if small else 13)
    if not small:
        return figure_text(figure), max(int(figure.layout.height or 240), 320), bool(series)
    figure.update_layout(showlegend=bool(series), margin={"t": 24 if series else 4, "b": 0})
    left_out = f"not drawn: {info.omitted}" if series and info.omitted else ""
    figure.update_xaxes(title_text=left_out, nticks=4)
    figure.update_yaxes(title_text="", nticks=3)
    if form != "videos" and len(list(figure.select_yaxes())) > FEW_PANELS:
        figure.update_yaxes(showticklabels=False)
    height = SMALL_SERIES[0] + SMALL_SERIES[1] * len(series) if series else SMALL[form]
    return figure_text(figure), height, bool(series)


def predicted(experiment: Experiment, table: Table) -> None:
    """One line: the target columns, and the columns that they are predicted from."""
    field = next(s for s in settings_of(experiment) if s.path == "data.target")
    if not experiment.applies(field):
        return
    columns = PredictedColumns.of(table.columns, experiment.data)
    inputs = columns.past or f"**{session.escape(', '.join(columns.inputs))}**"
    calendar = " and the calendar" if columns.calendar else ""
    st.caption(f"Predicts **{session.escape(', '.join(columns.targets))}** from {inputs}{calendar}.")


def known_errors(experiment: Experiment, table: Table) -> tuple[str, ...] | None:
    """`check`, or None on a server that would have to import torch first, for which the page does not wait."""
    return check(experiment, table) if warm_up.has_torch() else None


def check(experiment: Experiment, table: Table) -> tuple[str, ...]:
    """Why training would be refused before its first step, one line each; empty if it would start."""
    warm_up.current.wait_for_torch()  # not in the cached function, which would keep what this draws and draw it again
    return _check(experiment.to_json(), table)


def data_warnings(experiment: Experiment, table: Table) -> None:
    """Leakage and too few training windows, before anything is trained."""
    for finding in _data_warnings(experiment.to_json(), table):
        finding_box(finding)


def parameters(experiment: Experiment | None, table: Table | None) -> None:
    """The number of parameters, and the layers of the model."""
    if experiment is None or table is None or check(experiment, table):
        st.caption("– parameters")
        return
    layers, count = _summary(experiment.to_json(), table)
    folded = st.expander(f"{count:,} parameters", key="summary", on_change="rerun")
    if not folded.open:  # the browser loads a megabyte of scripts for the grid
        return
    with folded:
        st.dataframe(
            layers,
            hide_index=True,
            column_config={
                "name": "layer",
                "type": "type",
                "output_shape": st.column_config.TextColumn("output", help="B: batch, T: time steps."),
                "parameters": st.column_config.NumberColumn("parameters", format="localized"),
            },
        )


@st.cache_data(show_spinner=False, max_entries=64)
def _summary(experiment: str, _table: Table) -> tuple[list[dict[str, object]], int]:
    from seqcore.inference.predictor import summarize  # needs torch, which `check` has waited for

    summary = summarize(Experiment.from_json(experiment), _table)
    return summary.layers, summary.parameters


@st.cache_data(show_spinner=False, max_entries=64)
def _data_warnings(experiment: str, _table: Table) -> list[Finding]:
    data = Experiment.from_json(experiment).data
    leakage = [finding for finding in find_leaks(_table, data) if finding.severity != "info"]
    windows = next(facts.windows for facts in count_splits(_table, data) if facts.split == "train")
    few = few_windows(data, windows) if SOURCES[data.source].stored and windows else None
    return [*leakage, *([few] if few else [])]


@st.cache_data(show_spinner=False, max_entries=64)
def _check(experiment: str, _table: Table) -> tuple[str, ...]:
    from seqcore.training.fit import check

    try:
        check(Experiment.from_json(experiment), _table)
    except SeqcoreError as error:
        return error.lines
    return ()
