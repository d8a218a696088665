"""The draft: the experiment that the Train page's controls describe, kept in the session and in the link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from seqcore.data.sources import SOURCES
from seqcore.errors import ExperimentError
from seqcore.experiment.experiment import OPTIONS, Experiment, options_of, settings_of
from seqcore.experiment.fields import Setting
from seqcore.experiment.links import PAGE_KEYS, link_of, nearest_from_link
from seqcore.experiment.recipes import load_recipe, recipes
from seqcore.runs.records import Run
from ui import session
from ui.whole_number import whole_or_float

__all__ = [
    "Draft",
    "current",
    "current_or_none",
    "default_recipe",
    "draft_of",
    "on_page",
    "put_link",
    "reset",
    "set_run",
    "widget_key",
    "write_link",
]

_STATE = "draft"
_RUN = "draft-run"
_CONTROL = "field:"


@dataclass
class Draft:
    """The values of the controls, valid or not. `base` is the last valid experiment."""

    base: Experiment
    recipe: str | None
    values: dict[str, Any] = field(default_factory=dict)  # dotted path -> value, of the controls that exist
    kept_options: dict[str, dict[str, Any]] = field(default_factory=dict)  # source or architecture -> options
    faults: tuple[str, ...] = ()  # why the values are no experiment, a line each
    data_faults: tuple[str, ...] = ()  # why this experiment can't be trained on its data
    link_errors: tuple[str, ...] = ()
    scope: str = _CONTROL  # prefix of its controls' keys: each page's draft has its own controls

    def experiment(self) -> Experiment:
        """The experiment. ExperimentError: one line per error."""
        values = self.base.to_dict()
        for choice, options in OPTIONS.items():
            if self._chosen(choice) != self.base.get(choice):
                values[options.partition(".")[0]]["options"] = {}
        for path, value in self.values.items():
            *parents, name = path.split(".")
            place = values
            for parent in parents:
                place = place[parent]
            place[name] = list(value) if isinstance(value, tuple) else value
        experiment = Experiment.make(values)
        self.base = experiment
        return experiment

    def collect(self) -> None:
        """Read the current values of the controls: for callbacks, which run before the controls are redrawn."""
        for path in self.values:
            key = widget_key(self, path)
            if key in st.session_state:
                value = st.session_state[key]
                value = whole_or_float(value) if isinstance(value, float) else value
                self.values[path] = tuple(value) if isinstance(value, list) else value

    def _chosen(self, choice: str) -> str:
        return str(self.values.get(choice, self.base.get(choice)))

    def why_not(self, path: str, value: Any) -> str | None:
        """Why a field can't have a value beside the last valid values and the chosen source and architecture."""
        chosen = {choice: self._chosen(choice) for choice in OPTIONS if self._chosen(choice) != self.base.get(choice)}
        try:
            base = self.base.with_changes(chosen) if chosen else self.base
            return base.why_not(path, value)
        except ExperimentError:  # the choice itself conflicts, which is reported in its place
            return self.base.why_not(path, value)

    def settings(self) -> tuple[Setting, ...]:
        """The fields that have a control: those of the chosen source and architecture included, forced ones not."""
        chosen = self.base
        if any(self._chosen(choice) != chosen.get(choice) for choice in OPTIONS):
            sections: dict[str, dict[str, str]] = {}
            for section, name in (choice.split(".") for choice in OPTIONS):
                sections[section] = {name: self._chosen(f"{section}.{name}")}
            chosen = Experiment.make(sections)
        source = SOURCES[chosen.data.source].load()(**chosen.data.options)
        forced = {f"data.{name}" for name in source.forced_fields()}
        return tuple(s for s in settings_of(chosen) if s.path not in forced)

    def choose(self, choice: str, name: str) -> None:
        """Choose a source or an architecture (`choice` is its field), with the options that it had when last chosen."""
        options = {p: v for p, v in self.values.items() if p.startswith(f"{OPTIONS[choice]}.")}
        self.kept_options[self._chosen(choice)] = options
        self.values = {p: v for p, v in self.values.items() if p not in options}
        self.values[choice] = name
        self.values |= {s.path: s.default for s in options_of(choice, name)} | self.kept_options.get(name, {})
        if choice == "data.source":
            tasks = SOURCES[name].tasks
            if self.values["data.task"] not in tasks:
                self.values["data.task"] = tasks[0]
            self.values["data.inputs"], self.values["data.target"] = (), ()


def default_recipe() -> str:
    """The recipe shown on a first visit."""
    return recipes()[0].name


def widget_key(draft: Draft, path: str) -> str:
    """The key of a field's control. Options of different sources or architectures have different controls."""
    chosen = next((draft.values.get(c, "") for c, options in OPTIONS.items() if path.startswith(f"{options}.")), "")
    return f"{draft.scope}{path}:{chosen}" if chosen else f"{draft.scope}{path}"


def current(run: Run | None) -> Draft:
    """This session's draft: initially the link's, else the selected run's, else the default recipe.

    When another run is selected later, the draft becomes that run's experiment.
    """
    shown = run.id if run else None
    if _STATE not in st.session_state:
        st.session_state[_STATE] = _from_link(st.query_params.to_dict(), run)
    elif run is not None and shown != st.session_state.get(_RUN):
        reset(run.experiment, run.recipe)
    st.session_state[_RUN] = shown
    draft: Draft = st.session_state[_STATE]
    return draft


def on_page() -> Draft:
    """The draft whose controls are on the page: for callbacks."""
    draft: Draft = st.session_state[_STATE]
    return draft


def current_or_none() -> Draft | None:
    """This session's draft, or None if the Train page has not been open."""
    draft: Draft | None = st.session_state.get(_STATE)
    return draft


def set_run(run: str) -> None:
    """Remember that this run was started from the draft."""
    st.session_state[_RUN] = run


def reset(experiment: Experiment, recipe: str | None, *, errors: tuple[str, ...] = ()) -> Draft:
    """Set every control to this experiment. For callbacks: controls that are drawn can't be set."""
    draft = draft_of(experiment, recipe, errors)
    st.session_state[_STATE] = draft
    for key in [k for k in st.session_state if str(k).startswith(_CONTROL)]:
        del st.session_state[key]
    return draft


def write_link(draft: Draft, experiment: Experiment) -> None:
    """Put the whole configuration and the selected run into the address bar."""
    put_link(link_of(experiment, draft.recipe))


def put_link(params: dict[str, str]) -> None:
    """Put these query parameters, and those that belong to the page, into the address bar."""
    run = session.selected_run()
    if run is not None:
        params[session.RUN] = run
    kept = {k: v for k, v in st.query_params.to_dict().items() if k in PAGE_KEYS and k != session.RUN}
    if kept | params != st.query_params.to_dict():
        st.query_params.from_dict(kept | params)


def draft_of(experiment: Experiment, recipe: str | None, errors: tuple[str, ...] = ()) -> Draft:
    """A draft of this experiment."""
    known = recipe if recipe in {r.name for r in recipes()} else None
    values = {s.path: experiment.get(s.path) for s in settings_of(experiment)}
    return Draft(base=experiment, recipe=known, values=values, link_errors=errors)


def _from_link(params: Mapping[str, str], run: Run | None) -> Draft:
    if any(key not in PAGE_KEYS for key in params):
        experiment, recipe, errors = nearest_from_link(params)
        if recipe is None and errors and experiment == Experiment.make():  # nothing in the link was valid
            recipe = default_recipe()
            experiment = load_recipe(recipe).experiment
        return draft_of(experiment, recipe, errors)
    if run is not None:
        return draft_of(run.experiment, run.recipe)
    recipe = default_recipe()
    return draft_of(load_recipe(recipe).experiment, recipe)
