"""Where an experiment starts: a recipe, values that the visitor types, or a file of the visitor's."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import streamlit as st

from seqcore.data.table import Table
from seqcore.errors import NotFoundError, SeqcoreError
from seqcore.experiment import Experiment
from seqcore.recipes import Recipe, load_recipe, recipes
from seqcore.suggestion import suggest_experiment
from ui import drafts, forms, session
from ui.drafts import Draft

__all__ = ["awaits_file", "first_fields", "shown_above", "start_bar", "table_of", "unsettled"]

_VALUES = "data.options.text"
_TITLES = {"recipe": "Recipe", "values": "Own values", "file": "Own file"}
_FAULTS, _HANDLED = "own-data-faults", "upload-handled"


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
    for line in st.session_state.get(_FAULTS, ()):  # until another file comes, or something else is chosen
        st.error(session.escape(line))
    if awaits_file(draft) and not st.session_state.get(_FAULTS):
        st.info("Upload a CSV file to begin.", icon=":material/upload_file:")


def awaits_file(draft: Draft) -> bool:
    """Whether the visitor's own file is wanted and none has been given."""
    return bool(draft.values["data.source"] == "file" and not draft.values.get("data.options.hash"))


def unsettled() -> bool:
    """Whether a file has come in that the draft doesn't know yet: callbacks of one press run in no certain order."""
    upload = st.session_state.get("upload")
    return upload is not None and upload.file_id != st.session_state.get(_HANDLED)


def first_fields(draft: Draft, table: Table | None) -> tuple[str, ...]:
    """Fields that matter before all others with the visitor's own data: what is predicted, from what, and gaps."""
    if _origin(draft) == "recipe" or table is None or table.symbolic or draft.values["data.task"] != "regression":
        return ()
    columns = ("data.target", "data.inputs") if len(table.columns) > 1 else ()
    gaps = draft.values["data.gaps"] != "refuse" or bool(np.isnan(table.values).any())
    return (*columns, "data.gaps") if gaps else columns


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
    st.session_state.pop(_FAULTS, None)
    if name is not None:
        drafts.start_anew(load_recipe(name).experiment, name)
        session.select_run(None)


def _origin_chosen() -> None:
    origin = st.session_state["origin"]
    st.session_state.pop(_FAULTS, None)
    session.select_run(None)
    if origin == "recipe":
        name = drafts.default_recipe()
        drafts.start_anew(load_recipe(name).experiment, name)
    elif origin == "values":
        drafts.start_anew(_on_values(), None)
    else:
        drafts.start_anew(_on_no_file(), None)


def _on_values() -> Experiment:
    """What suits a few typed numbers: the settings of the first article's recipe."""
    try:
        base = load_recipe("ramp-next-value").experiment
    except NotFoundError:
        base = Experiment()
    return base.with_changes({"data.source": "values"})


def _file_given() -> None:
    upload = st.session_state["upload"]
    st.session_state.pop(_FAULTS, None)
    if upload is None:
        return
    st.session_state[_HANDLED] = upload.file_id
    try:
        kept = session.store().put_file(upload.getvalue(), upload.name)
        _start_on_file({"hash": kept.hash, "name": kept.name})
    except SeqcoreError as error:
        _without_file(error)


def _file_chosen() -> None:
    chosen = st.session_state["file-chosen"]
    names = {f.hash: f.name for f in session.store().files()}
    st.session_state.pop(_FAULTS, None)
    if chosen not in names:
        return
    try:
        _start_on_file({"hash": chosen, "name": names[chosen]})
    except SeqcoreError as error:
        _without_file(error)


def _without_file(error: SeqcoreError) -> None:
    """A file that can't be used: the one before it must not be trained on under the new one's name."""
    st.session_state[_FAULTS] = error.lines
    drafts.start_anew(_on_no_file(), None)
    session.select_run(None)


def _on_no_file() -> Experiment:
    return Experiment.make({"data": {"source": "file"}})


def _start_on_file(options: dict[str, Any]) -> None:
    data = {"source": "file", "options": options}
    table = table_of(Experiment.make({"data": data}))
    drafts.start_anew(suggest_experiment(table, data=data), None)
    session.select_run(None)
