"""Changes of the import options from a page: the file is read again, and the user's own settings are kept."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import streamlit as st

from seqcore.data.columns import column_errors
from seqcore.errors import ExperimentError, SeqcoreError
from seqcore.experiment.experiment import OPTIONS, Experiment, options_of
from ui import data_picker
from ui.drafts import Draft
from ui.import_form import IMPORT_OPTIONS

__all__ = ["change", "changed_options", "detect_all", "refused", "reread"]

_WANTED, _REFUSED = "import-wanted", "import-refused"
_ONE_COLUMN = ("date_column", "series_column", "label_column", "group_column")


def change(options: Mapping[str, Any]) -> None:
    """Read the file again with these options; `columns` are added to those that are set, None removes one.

    For callbacks: `reread` does it when the page is drawn.
    """
    st.session_state[_WANTED] = dict(options)


def detect_all(draft: Draft) -> None:
    """Read the file again without any import option. For callbacks."""
    change(dict.fromkeys(changed_options(draft.base)))


def changed_options(experiment: Experiment) -> dict[str, Any]:
    """The import options that are not at their defaults."""
    options, defaults = experiment.data.options, _defaults()
    return {name: options[name] for name in IMPORT_OPTIONS if options[name] != defaults[name]}


def refused() -> tuple[str, ...]:
    """Why the last change was not made, one line each."""
    lines: tuple[str, ...] = st.session_state.get(_REFUSED, ())
    return lines


def reread(draft: Draft) -> Experiment | None:
    """The experiment for the file as it is read with the wanted change; None without one, or if it was refused.

    The fields follow from the new reading, except for those that the user has set, as far as they still apply.
    """
    wanted = st.session_state.pop(_WANTED, None)
    if wanted is None or draft.base.data.source != "file":
        return None
    st.session_state.pop(_REFUSED, None)
    draft.collect()
    try:
        with contextlib.suppress(ExperimentError):  # another field is invalid, and the page says so
            draft.experiment()
        return _with_own_settings(draft.base, _merged(draft.base.data.options, wanted))
    except SeqcoreError as error:
        st.session_state[_REFUSED] = error.lines
        return None


def _merged(options: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged, defaults = dict(options), _defaults()
    for name, value in wanted.items():
        if name == "columns" and value is not None:
            columns = {**options["columns"], **value}
            merged["columns"] = {column: role for column, role in columns.items() if role is not None}
            merged |= {one: "auto" for one in _ONE_COLUMN if options[one] in value}
        else:
            merged[name] = defaults[name] if value is None else value
    return merged


def _with_own_settings(before: Experiment, options: dict[str, Any]) -> Experiment:
    after = data_picker.suggested("file", options)
    try:
        own = before.differences(data_picker.suggested("file", dict(before.data.options)))
    except SeqcoreError:  # the file could not be read with the former options
        own = before.differences(after)
    table = data_picker.table_of(after)
    for path in sorted(own, key=lambda path: path not in OPTIONS):  # options follow the choice that they belong to
        if path.startswith("data.options."):
            continue
        with contextlib.suppress(ExperimentError):
            tried = after.with_changes({path: own[path]})
            if not column_errors(table, inputs=tried.data.inputs, target=tried.data.target):
                after = tried
    return after


def _defaults() -> dict[str, Any]:
    return {s.path.rpartition(".")[2]: s.default for s in options_of("data.source", "file")}
