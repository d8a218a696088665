"""What an experiment is before it runs: its title, a picture of its data, and the size of its model."""

from __future__ import annotations

import sys
from typing import Any

import streamlit as st

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
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import load_recipe
from seqcore.plots import plot_table
from seqcore.plots.examples import plot_examples
from seqcore.registry import task_kind
from ui import data_picker, session
from ui.cards import finding_box
from ui.drafts import Draft
from ui.live_chart import figure_text, live_chart
from ui.text_preview import text_preview

__all__ = ["data_picture", "known_problems", "leaks", "parameters", "predicted", "problems", "table", "title"]

SMALL = 130  # pixels
FILMS = 150
MAPS = 220
FEW_PANELS = 2  # of more of them, in a small picture, the scales would lie over each other
PARTS = (
    "The model learns from the orange part, is scored on the green one while it learns, and never sees the pink one "
    "until the end."
)
ONE_OF_EACH = "One sequence of each class is drawn, with a line for each column."


def title(draft: Draft) -> None:
    """What this experiment is about."""
    if draft.recipe is not None:
        recipe = load_recipe(draft.recipe)
        st.header(recipe.title, anchor=False)
        st.markdown(recipe.description)
        changed = draft.base.differences(recipe.experiment)
        if changed:
            many = f"{len(changed)} settings differ" if len(changed) > 1 else "1 setting differs"
            st.caption(f"{many} from the recipe: {session.escape(', '.join(sorted(changed)))}.")
    elif draft.values["data.source"] == "file":
        st.header(session.escape(draft.values.get("data.options.name") or "Your own file"), anchor=False)
    elif draft.values["data.source"] == "values":
        st.header("Your own values", anchor=False)
    else:
        st.header("Your own experiment", anchor=False)


def table(draft: Draft) -> Table | None:
    """The values that the controls are drawn for, or None where they can't be had."""
    if data_picker.awaits_file(draft):
        return None
    try:
        return data_picker.table_of(draft.base)
    except SeqcoreError:
        return None


def data_picture(experiment: Experiment | None, table: Table | None, *, small: bool = False, key: str = "data") -> None:
    """The values, with the parts in their colours: lines, text, or examples of what is no line."""
    if experiment is None or table is None:
        return
    data = experiment.data
    where = f"{key}-small" if small else f"{key}-chart"
    if table.symbolic:
        text_preview(table, data.validation_fraction, data.test_fraction, small=small, testid=where)
    else:
        _figure(data, table, small=small, key=where, revision=experiment.to_json())
    if not small:
        st.caption(" ".join((f"{table.summary}.", *(session.escape(n) for n in table.notes), _how_drawn(data, table))))


def _how_drawn(data: DataConfig, table: Table) -> str:
    """What the lines and colours of the picture stand for."""
    if _uncoloured(data, table):
        return ""
    if table.labels is not None and not table.symbolic and len(_wanted(data) or table.columns) > 1:
        return ONE_OF_EACH
    return PARTS if data.validation_fraction and data.test_fraction else ""


def _wanted(data: DataConfig) -> tuple[str, ...]:
    """The columns that the experiment names; none where it takes all, or the first."""
    return tuple(dict.fromkeys((*data.target, *data.inputs)))


def _uncoloured(data: DataConfig, table: Table) -> bool:
    """Whether the picture is of films or of many columns, in shades and not in the parts' colours."""
    if table.symbolic:
        return False
    wide = len(table.columns) > MANY_COLUMNS
    return table.frame is not None or (wide and (table.labels is not None or not (data.target or data.inputs)))


def _figure(data: DataConfig, table: Table, *, small: bool, key: str, revision: str) -> None:
    text, height = _drawn(data.model_dump_json(), table, small=small)
    live_chart(text, key=key, label="The data, its parts in colours", height=height, revision=revision)


@st.cache_data(show_spinner=False, max_entries=32)
def _drawn(data_json: str, _table: Table, *, small: bool) -> tuple[str, int]:
    """The picture as the chart takes it, and its height: thinned once, and not again each time the page is drawn."""
    data, table = DataConfig.model_validate_json(data_json), _table
    wanted = _wanted(data)
    held_back: Any = {"validation_fraction": data.validation_fraction, "test_fraction": data.test_fraction}
    few = 400 if small else 6000
    if table.labels is not None or _uncoloured(data, table):
        figure = plot_examples(examples_info(table, columns=wanted, **held_back))
        small_height = FILMS if table.frame is not None else MAPS
        figure.update_annotations(font_size=10 if small else 13)
    else:
        figure = plot_table(table_info(table, columns=wanted, max_points=few, **held_back))
        small_height = SMALL
    height = max(int(figure.layout.height or 240), 320)
    if small:
        figure.update_layout(showlegend=False, margin={"t": 4, "b": 0})
        figure.update_xaxes(title_text="", nticks=4)
        figure.update_yaxes(title_text="", nticks=3)
        if table.frame is None and len(list(figure.select_yaxes())) > FEW_PANELS:
            figure.update_yaxes(showticklabels=False)
        height = small_height
    return figure_text(figure), height


def predicted(experiment: Experiment, table: Table) -> None:
    """One line: which columns are predicted, from which."""
    if table.symbolic or task_kind(experiment.data.task) != "regression":
        return
    data = experiment.data
    target = data.target or (data.inputs[:1] if data.inputs and data.lead else table.columns[:1])
    past = "its own past" if len(target) == 1 else "their own past"
    inputs = f"**{session.escape(', '.join(data.inputs))}**" if set(data.inputs) - set(target) else past
    calendar = " and the calendar" if data.calendar else ""
    st.caption(f"Predicts **{session.escape(', '.join(target))}** from {inputs}{calendar}.")


def known_problems(experiment: Experiment, table: Table) -> tuple[str, ...] | None:
    """`problems`, or None on a server that would have to load torch first: the page is not kept waiting."""
    return problems(experiment, table) if "seqcore.training.fit" in sys.modules else None


def problems(experiment: Experiment, table: Table) -> tuple[str, ...]:
    """What training would refuse before its first step, a line each; nothing where it would begin."""
    return _check(experiment.to_json(), table)


def leaks(experiment: Experiment, table: Table) -> None:
    """What would give the answer away, and that there is little to learn from, before anything is trained."""
    for leak in _leaks(experiment.to_json(), table):
        finding_box(leak)


def parameters(experiment: Experiment | None, table: Table | None) -> None:
    """How many weights the model has, and its layers."""
    if experiment is None or table is None or problems(experiment, table):
        st.caption("– parameters")
        return
    layers, count = _summary(experiment.to_json(), table)
    with st.expander(f"{count:,} parameters", key="summary"):
        st.dataframe(
            layers,
            hide_index=True,
            column_config={
                "name": "layer",
                "type": "kind",
                "output_shape": st.column_config.TextColumn("gives", help="B windows, T steps."),
                "parameters": st.column_config.NumberColumn("weights", format="localized"),
            },
        )


@st.cache_data(show_spinner=False, max_entries=64)
def _summary(experiment: str, _table: Table) -> tuple[list[dict[str, object]], int]:
    from seqcore.inference.predictor import summarize  # brings torch: the rest of the page need not wait for it

    summary = summarize(Experiment.from_json(experiment), _table)
    return summary.layers, summary.parameters


@st.cache_data(show_spinner=False, max_entries=64)
def _leaks(experiment: str, _table: Table) -> list[Finding]:
    data = Experiment.from_json(experiment).data
    found = [leak for leak in find_leaks(_table, data) if leak.severity != "info"]
    windows = next(facts.windows for facts in count_splits(_table, data) if facts.split == "train")
    few = few_windows(data, windows) if SOURCES[data.source].stored and windows else None
    return [*found, *([few] if few else [])]


@st.cache_data(show_spinner=False, max_entries=64)
def _check(experiment: str, _table: Table) -> tuple[str, ...]:
    from seqcore.training.fit import check  # brings torch as well

    try:
        check(Experiment.from_json(experiment), _table)
    except SeqcoreError as error:
        return error.lines
    return ()
