"""The Data page's draft: the source or file that it shows, and its transfer to the Train page."""

from __future__ import annotations

from typing import Any

import streamlit as st

from seqcore.data.sources import SOURCES
from seqcore.errors import SeqcoreError
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.links import PAGE_KEYS, link_of, nearest_from_link
from seqcore.experiment.recipes import recipes
from seqcore.tasks import TASKS
from ui import data_picker, drafts, forms, session
from ui.drafts import Draft

__all__ = ["current", "heading", "show", "shown_above", "source_bar", "train_button", "write_link"]

_STATE, _TRAIN_DATA = "data-draft", "data-draft-train"
_SCOPE = "data:"
_FILE = "file"


def current() -> Draft:
    """The draft: initially the link's; else the Train page's data, whenever they have changed."""
    train = drafts.current_or_none()
    data = None if train is None else _data_of(train.base)
    changed = data is not None and data != st.session_state.get(_TRAIN_DATA)
    linked = {k: v for k, v in st.query_params.to_dict().items() if k not in PAGE_KEYS}
    if _STATE not in st.session_state and linked:
        experiment, recipe, errors = nearest_from_link(linked)
        if set(linked) == {"data.source"} and experiment.data.task not in SOURCES[experiment.data.source].tasks:
            _show_source(experiment.data.source)  # a hand-written link with the source's name alone
        else:
            show(experiment, recipe, errors)
    elif _STATE not in st.session_state or changed:
        draft = train or drafts.current(None)
        show(draft.base, draft.recipe)
        data = _data_of(draft.base)
    st.session_state[_TRAIN_DATA] = data
    shown: Draft = st.session_state[_STATE]
    return shown


def source_bar(draft: Draft) -> None:
    """One row: the task and the source, or a file."""
    source = draft.values["data.source"]
    groups = _groups()
    group = next(name for name, members in groups.items() if source in members)
    st.session_state["data-group"] = group
    with st.container(horizontal=True, vertical_alignment="bottom", key="data-bar"):
        st.segmented_control(
            "Task",
            list(groups),
            format_func=lambda name: "Your file" if name == _FILE else TASKS[name].title,
            key="data-group",
            required=True,
            help="Data sources that ship with Sequence Lab, by task; or your own file.",
            on_change=_group_changed,
        )
        if group != _FILE:
            st.session_state["data-source"] = source
            st.selectbox(
                "Source",
                list(groups[group]),
                format_func=lambda name: SOURCES[name].title,
                key="data-source",
                help="Data source.",
                on_change=_source_changed,
            )
    if group == _FILE:
        suggestion = data_picker.file_choice(draft.values.get("data.options.hash", ""))
        if suggestion is not None:
            show(suggestion, None)
            st.rerun()
        return
    for setting in draft.settings():
        if setting.multiline and setting.path.startswith("data.options."):
            forms.field_control(draft, setting)


def write_link(draft: Draft, experiment: Experiment) -> None:
    """Put the draft into the address bar: a recipe with its changes, or the data section alone."""
    if draft.recipe is None:
        experiment = Experiment.make({"data": experiment.to_dict()["data"]})
    drafts.put_link(link_of(experiment, draft.recipe))


def heading(draft: Draft) -> None:
    """The name and description of the source."""
    source = SOURCES[draft.values["data.source"]]
    name = draft.values.get("data.options.name") if source.stored else source.title
    st.header(session.escape(str(name)), anchor=False)
    if not source.stored:
        st.markdown(session.escape(source.help))


def shown_above(draft: Draft) -> tuple[str, ...]:
    """Fields that the source bar shows, so that the form does not."""
    return ("data.source", *(s.path for s in draft.settings() if s.multiline))


def train_button(*, ready: bool) -> None:
    """A button that opens the Train page with these data."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        pressed = st.button(
            "Open in Train",
            key="open-in-train",
            type="primary",
            icon=":material/play_circle:",
            help="Open the Train page with these data and settings." if ready else "There are no data yet.",
            on_click=_copy_to_train,
            disabled=not ready,
        )
    if pressed:
        session.go_to("train.py")


def _copy_to_train() -> None:
    """Copy the draft to the Train page. A callback: the Train page's controls are not drawn yet."""
    draft: Draft = st.session_state[_STATE]
    draft.collect()
    try:
        experiment = draft.experiment()
    except SeqcoreError:  # the latest values are invalid; this page shows why
        experiment = draft.base
    drafts.reset(experiment, draft.recipe)
    session.select_run(None)
    st.session_state[_TRAIN_DATA] = _data_of(draft.base)


def _groups() -> dict[str, tuple[str, ...]]:
    """The sources by their default task, in the order of the tasks; files are a group of their own."""
    groups = {task: tuple(n for n, s in SOURCES.items() if not s.stored and s.tasks[0] == task) for task in TASKS}
    return {task: names for task, names in groups.items() if names} | {_FILE: (_FILE,)}


def _data_of(experiment: Experiment) -> tuple[str, str]:
    return experiment.data.source, repr(sorted(experiment.data.options.items()))


def show(experiment: Experiment, recipe: str | None, errors: tuple[str, ...] = ()) -> None:
    """Show another experiment: every control is set to it. Before the controls are drawn."""
    draft = drafts.draft_of(experiment, recipe, errors)
    draft.scope = _SCOPE
    for key in [k for k in st.session_state if str(k).startswith(_SCOPE)]:
        del st.session_state[key]
    st.session_state[_STATE] = draft


def _group_changed() -> None:
    group = st.session_state["data-group"]
    _show_source(_FILE if group == _FILE else _groups()[group][0])


def _source_changed() -> None:
    _show_source(st.session_state["data-source"])


def _show_source(source: str) -> None:
    """Another source: as on the Train page, as in its first recipe, or with suggested settings."""
    train = drafts.current_or_none()
    if train is not None and train.base.data.source == source:
        return show(train.base, train.recipe)
    candidates = [r for r in recipes() if r.experiment.data.source == source]
    recipe = min(candidates, key=lambda r: r.name.endswith("-as-published"), default=None)
    if recipe is not None:
        return show(recipe.experiment, recipe.name)
    return show(_suggested(source, {}), None)


def _suggested(source: str, options: dict[str, Any]) -> Experiment:
    plain = Experiment.make({"data": {"source": source, "options": options, "task": SOURCES[source].tasks[0]}})
    if SOURCES[source].stored:
        return plain
    try:
        return data_picker.suggested(source, options)
    except SeqcoreError:  # the page shows why there are no values
        return plain
