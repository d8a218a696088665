"""Where an experiment starts: a recipe, values that the visitor types, or a file of the visitor's."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from seqcore.data.table import Table
from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.experiment import Experiment
from seqcore.recipes import Recipe, load_recipe, recipes
from seqcore.suggestion import suggest_experiment
from ui import drafts, forms, session
from ui.drafts import Draft

__all__ = ["shown_above", "start_bar", "table_of"]

_VALUES = "data.options.text"
_TITLES = {"recipe": "Recipe", "values": "Own values", "file": "Own file"}
_FAULTS = "own-data-faults"


@st.cache_resource(show_spinner=False, max_entries=4)
def _table(data: str) -> Table:
    return session.store().table(Experiment.make({"data": json.loads(data)}))


def table_of(experiment: Experiment) -> Table:
    """The values of an experiment's source, from this server's memory where they were asked for before. DataError."""
    data = experiment.to_dict()["data"]
    kept = {"source": data["source"], "options": data["options"], "task": data["task"]}
    return _table(json.dumps(kept, sort_keys=True))


def start_bar(draft: Draft) -> None:
    """One row: recipe or own data; under it what the choice needs."""
    origin = _origin(draft)
    st.session_state["origin"] = origin
    with st.container(horizontal=True, vertical_alignment="bottom", key="start"):
        st.segmented_control(
            "Start from",
            list(_TITLES),
            format_func=_TITLES.__getitem__,
            key="origin",
            required=True,
            help="A recipe is a complete experiment to begin with. Or bring values of your own.",
            on_change=_origin_chosen,
        )
        if origin == "recipe":
            _recipe_choice(draft)
    if origin == "values":
        setting = next(s for s in draft.settings() if s.path == _VALUES)
        forms.field_control(draft, setting)
    elif origin == "file":
        _file_choice(draft)
    for line in st.session_state.pop(_FAULTS, ()):
        st.error(session.escape(line))


def shown_above(draft: Draft) -> tuple[str, ...]:
    """Fields that need no control in the form: the bar above it has them."""
    return () if _origin(draft) == "recipe" else ("data.source", _VALUES)


def _origin(draft: Draft) -> str:
    source = draft.values["data.source"]
    return source if source in _TITLES else "recipe"


def _recipe_choice(draft: Draft) -> None:
    known: dict[str, Recipe] = {r.name: r for r in recipes()}
    st.session_state["recipe"] = draft.recipe if draft.recipe in known else None
    st.selectbox(
        "Recipe",
        list(known),
        format_func=lambda name: known[name].title,
        key="recipe",
        placeholder="Your own experiment",
        help="Complete experiments that ship with Sequence Lab. Everything in them can be changed below.",
        on_change=_recipe_chosen,
    )


def _file_choice(draft: Draft) -> None:
    known = {f.hash: f.name for f in session.store().files()}
    chosen = draft.values.get("data.options.hash", "")
    with st.container(horizontal=True, vertical_alignment="bottom", key="file"):
        st.file_uploader(
            "A CSV file",
            key="upload",
            type=["csv", "tsv", "txt"],
            help="A row for each time, a column for each series. Delimiter, decimal sign, header, encoding and dates "
            "are recognised. The file stays on this machine.",
            on_change=_file_given,
        )
        if known:
            st.session_state["file-chosen"] = chosen if chosen in known else None
            st.selectbox(
                "or a file given before",
                list(known),
                format_func=known.__getitem__,
                key="file-chosen",
                placeholder="Choose a file",
                help="Files are kept once, by their content, so that their runs can be resumed and used later.",
                on_change=_file_chosen,
            )


def _recipe_chosen() -> None:
    name = st.session_state["recipe"]
    if name is not None:
        drafts.start_anew(load_recipe(name).experiment, name)
        session.select_run(None)


def _origin_chosen() -> None:
    origin = st.session_state["origin"]
    session.select_run(None)
    if origin == "recipe":
        name = drafts.default_recipe()
        drafts.start_anew(load_recipe(name).experiment, name)
    elif origin == "values":
        drafts.start_anew(_on_values(), None)
    else:
        drafts.start_anew(Experiment.make({"data": {"source": "file"}}), None)


def _on_values() -> Experiment:
    """What suits a few typed numbers: the settings of the first article's recipe."""
    try:
        base = load_recipe("ramp-next-value").experiment
    except NotFoundError:
        base = Experiment()
    return base.with_changes({"data.source": "values"})


def _file_given() -> None:
    upload = st.session_state["upload"]
    if upload is None:
        return
    try:
        kept = session.store().put_file(upload.getvalue(), upload.name)
        _start_on_file({"hash": kept.hash, "name": kept.name})
    except SeqcoreError as error:
        st.session_state[_FAULTS] = error.lines


def _file_chosen() -> None:
    chosen = st.session_state["file-chosen"]
    names = {f.hash: f.name for f in session.store().files()}
    if chosen not in names:
        return
    try:
        _start_on_file({"hash": chosen, "name": names[chosen]})
    except SeqcoreError as error:
        st.session_state[_FAULTS] = error.lines


def _start_on_file(options: dict[str, Any]) -> None:
    data = {"source": "file", "options": options}
    table = table_of(Experiment.make({"data": data}))
    drafts.start_anew(suggest_experiment(table, data=data), None)
    session.select_run(None)
