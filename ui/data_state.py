"""What the Data page looks at: a source or a file, in a draft of its own, which the Train page can take over."""

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

__all__ = ["choose", "current", "heading", "shown_above", "train_button", "write_link"]

_STATE, _SEEN = "looked-at", "looked-at-train"
_SCOPE = "look:"
_FILE = "file"


def current() -> Draft:
    """What is looked at: what the link names; else the Train page's data, when they are others than last time."""
    trained = drafts.kept()
    data = None if trained is None else _origin(trained.base)
    fresh = data is not None and data != st.session_state.get(_SEEN)
    linked = {k: v for k, v in st.query_params.to_dict().items() if k not in PAGE_KEYS}
    if _STATE not in st.session_state and linked:
        experiment, recipe, faults = nearest_from_link(linked)
        if set(linked) == {"data.source"} and experiment.data.task not in SOURCES[experiment.data.source].tasks:
            _start_on(experiment.data.source)  # a link that somebody wrote: the source's name alone
        else:
            _look_at(experiment, recipe, faults)
    elif _STATE not in st.session_state or fresh:
        draft = trained or drafts.current(None)
        _look_at(draft.base, draft.recipe)
        data = _origin(draft.base)
    st.session_state[_SEEN] = data
    looked: Draft = st.session_state[_STATE]
    return looked


def choose(draft: Draft) -> None:
    """One row: what kind of data, and which; or a file."""
    source = draft.values["data.source"]
    groups = _groups()
    group = next(name for name, members in groups.items() if source in members)
    st.session_state["look-group"] = group
    with st.container(horizontal=True, vertical_alignment="bottom", key="look"):
        st.segmented_control(
            "Kind of data",
            list(groups),
            format_func=lambda name: "Own file" if name == _FILE else TASKS[name].title,
            key="look-group",
            required=True,
            help="Data that come with Sequence Lab, by what can be learned from them; or a file of yours.",
            on_change=_group_chosen,
        )
        if group != _FILE:
            st.session_state["look-source"] = source
            st.selectbox(
                "Data",
                list(groups[group]),
                format_func=lambda name: SOURCES[name].title,
                key="look-source",
                help="Where the values come from.",
                on_change=_source_chosen,
            )
    if group == _FILE:
        given = data_picker.file_choice(draft.values.get("data.options.hash", ""))
        if given is not None:
            _look_at(given, None)
            st.rerun()
        return
    for setting in draft.settings():
        if setting.multiline and setting.path.startswith("data.options."):
            forms.field_control(draft, setting)


def write_link(draft: Draft, experiment: Experiment) -> None:
    """Name what is looked at in the address bar: a recipe's data, or the data section alone."""
    if draft.recipe is None:
        experiment = Experiment.make({"data": experiment.to_dict()["data"]})
    drafts.put_link(link_of(experiment, draft.recipe))


def heading(draft: Draft) -> None:
    """What is looked at, and where it comes from."""
    source = SOURCES[draft.values["data.source"]]
    name = draft.values.get("data.options.name") if source.stored else source.title
    st.header(session.escape(str(name)), anchor=False)
    if not source.stored:
        st.markdown(session.escape(source.help))


def shown_above(draft: Draft) -> tuple[str, ...]:
    """Fields that need no control in the form: the row above it has them."""
    return ("data.source", *(s.path for s in draft.settings() if s.multiline))


def train_button(*, ready: bool) -> None:
    """On to the Train page with what is looked at."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        pressed = st.button(
            "Train on this",
            key="train-on-this",
            type="primary",
            icon=":material/play_circle:",
            help="Open the Train page with these data and settings." if ready else "There are no values yet.",
            on_click=_train_on_this,
            disabled=not ready,
        )
    if pressed:
        st.switch_page("train.py")


def _train_on_this() -> None:
    """Hand what is looked at to the Train page. A callback: its controls aren't drawn yet."""
    draft: Draft = st.session_state[_STATE]
    draft.collect()
    try:
        experiment = draft.experiment()
    except SeqcoreError:  # what was typed last can't be; the page says so where one comes back to it
        experiment = draft.base
    drafts.start_anew(experiment, draft.recipe)
    session.select_run(None)
    st.session_state[_SEEN] = _origin(draft.base)


def _groups() -> dict[str, tuple[str, ...]]:
    """The sources by the task that they are usually for, in the order of the tasks; files stand alone."""
    groups = {task: tuple(n for n, s in SOURCES.items() if not s.stored and s.tasks[0] == task) for task in TASKS}
    return {task: names for task, names in groups.items() if names} | {_FILE: (_FILE,)}


def _origin(experiment: Experiment) -> tuple[str, str]:
    return experiment.data.source, repr(sorted(experiment.data.options.items()))


def _look_at(experiment: Experiment, recipe: str | None, faults: tuple[str, ...] = ()) -> None:
    draft = drafts.draft_of(experiment, recipe, faults)
    draft.scope = _SCOPE
    for key in [k for k in st.session_state if str(k).startswith(_SCOPE)]:
        del st.session_state[key]
    st.session_state[_STATE] = draft


def _group_chosen() -> None:
    group = st.session_state["look-group"]
    _start_on(_FILE if group == _FILE else _groups()[group][0])


def _source_chosen() -> None:
    _start_on(st.session_state["look-source"])


def _start_on(source: str) -> None:
    """Another source: as the Train page has it, as its first recipe has it, or with settings that suit it."""
    trained = drafts.kept()
    if trained is not None and trained.base.data.source == source:
        return _look_at(trained.base, trained.recipe)
    fitting = [r for r in recipes() if r.experiment.data.source == source]
    known = min(fitting, key=lambda r: r.name.endswith("-as-published"), default=None)
    if known is not None:
        return _look_at(known.experiment, known.name)
    return _look_at(_suggested(source, {}), None)


def _suggested(source: str, options: dict[str, Any]) -> Experiment:
    plain = Experiment.make({"data": {"source": source, "options": options, "task": SOURCES[source].tasks[0]}})
    if SOURCES[source].stored:
        return plain
    try:
        return data_picker.suggested(source, options)
    except SeqcoreError:  # the page says why there are no values
        return plain
