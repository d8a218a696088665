"""The import options as a form, for a file that can't be read as it was detected."""

from __future__ import annotations

from typing import Any

import streamlit as st

from seqcore.data.sources.stored_file import FileOptions
from seqcore.experiment.experiment import Experiment
from ui import drafts, forms

__all__ = ["IMPORT_OPTIONS", "import_form"]

IMPORT_OPTIONS = tuple(FileOptions.model_fields)


def import_form(scope: str) -> dict[str, Any] | None:
    """Every import option, and a button to read the file with them: those that were changed, None before.

    `scope` is the prefix of the controls' keys.
    """
    blank = drafts.draft_of(Experiment.make({"data": {"source": "file"}}), None)
    blank.scope = scope
    settings = [s for s in blank.settings() if s.path.removeprefix("data.options.") in IMPORT_OPTIONS]
    with st.expander("Import options", key=f"{scope}options"):
        for setting in settings:
            forms.field_control(blank, setting)
        if not st.button("Read again", icon=":material/refresh:", key=f"{scope}read-again"):
            return None
    given = [(s, blank.values[s.path]) for s in settings]
    return {s.path.removeprefix("data.options."): value for s, value in given if value not in (s.default, "")}
