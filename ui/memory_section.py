"""The Memory section of the Inspect page: how far back a model uses its input, beside other runs on the same data."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from seqcore.data.table import Table
from seqcore.errors import SeqcoreError
from seqcore.plots.gradient_by_lag import gradient_by_lag_info, plot_gradient_by_lag
from seqcore.plots.input_gradient import input_gradient_info, plot_input_gradient
from seqcore.plots.state_gradients import plot_state_gradients, state_gradients_info
from seqcore.results.formatting import typeset
from seqcore.results.gradients import GradientByLagView, InputGradientView, StateGradientsView, joined
from seqcore.runs.labels import short_id
from seqcore.runs.records import Run, Snapshot
from ui import run_labels
from ui.field_titles import by_titles
from ui.inspect_chart import plain
from ui.inspect_context import Inspected, load_predictor, load_table
from ui.live_chart import figure_text, live_chart
from ui.session import escape, store
from ui.step_marks import step_marks

if TYPE_CHECKING:
    from seqcore.inference.predictor import Predictor

__all__ = ["memory"]

MOST_OTHERS = 5  # further runs in one picture
_LISTED = 200  # runs to choose from
POLL = 2.0  # seconds between two looks for snapshots of a further run that goes on
_SAME, _NEWEST = "Same step", "Newest"


def memory(inspected: Inspected) -> None:
    """Gradient by lag, of other runs too; the loss by state, and the prediction by input, of the example."""
    others = _choose_others(inspected)
    live = any(not run.ended for run in others) and inspected.run.ended
    st.fragment(_by_lag, run_every=POLL if live else None)(inspected, tuple(run.id for run in others))
    charts = {**_by_state(inspected), **_by_input(inspected)}
    step_marks(charts, key=f"memory-marks-{inspected.run.id}")


def _choose_others(inspected: Inspected) -> list[Run]:
    """The further runs that the visitor selects, those on the same data first."""
    known = {
        run.id: run for run in store().runs(limit=_LISTED) if run.id != inspected.run.id and (run.step or not run.ended)
    }
    same = {key for key, run in known.items() if not _refusal(key, inspected.run.id, run, inspected.run)}
    options = sorted(known, key=lambda key: key not in same)  # newest first within each group
    chosen = st.multiselect(
        "Compare with", options, key=f"memory-others-{inspected.run.id}", max_selections=MOST_OTHERS,
        format_func=lambda key: _name(known[key]) + ("" if key in same else " (other data)"),
        placeholder="Runs on the same data",
        help="Other runs on the same data, such as other architectures, in one picture. Runs on other data are "
        "refused.",
    )  # fmt: skip
    found = [known[key] for key in chosen]
    for run in found:
        if run.id not in same:
            reason = _refusal(run.id, inspected.run.id, run, inspected.run)
            st.warning(escape(f"{_name(run)} is not shown: {by_titles(reason)}, so their memory can't be compared."))
    return [run for run in found if run.id in same]


def _name(run: Run) -> str:
    """A run in words that don't change while it goes on: a changed label would clear the selection."""
    return f"{run_labels.title(run)} · {run_labels.network(run)} · {short_id(run.id)}"


@st.cache_data(show_spinner=False, max_entries=5000)
def _refusal(run: str, shown: str, _run: Run, _shown: Run) -> str:
    """Why a run can't be compared with the one that is shown; nothing where it can. A run's data never change."""
    from seqcore.insight.lag import other_data  # imports torch, which a page without a trained model does not need

    try:
        return other_data(_run.experiment, _shown.experiment)
    except SeqcoreError:
        return "it can't be read"


def _by_lag(inspected: Inspected, others: tuple[str, ...]) -> None:
    """The picture of gradient by lag, and what it says in words."""
    at = _SAME
    if others:
        at = st.segmented_control(
            "Weights of the other runs", [_SAME, _NEWEST], default=_SAME, key=f"memory-at-{inspected.run.id}",
            help="Their snapshot at or before the step of the time slider, or their newest one.",
        ) or _SAME  # fmt: skip
    views: list[GradientByLagView] = []
    try:
        views.append(inspected.find("gradient-by-lag", _lag_of_shown))
    except SeqcoreError as error:
        st.info(escape(f"{run_labels.network(inspected.run)}: {plain(error)}"))
    for other in others:
        run = store().run(other)
        try:
            found = _lag_of_other(inspected, run, newest=at == _NEWEST)
        except SeqcoreError as error:
            st.info(escape(f"{_name(run)}: {plain(error)}"))
            continue
        if found is None:
            st.info(escape(f"{_name(run)} has no weights yet."))
        else:
            views.append(found)
    if not views:
        return
    view = joined(tuple(views))
    sentences = view.sentences()
    if max(len(curve.median) for curve in view.curves) < 2:
        st.caption("The model reads one step, so that all of the gradient lies there.")
        return
    figure = plot_gradient_by_lag(gradient_by_lag_info(view))
    live_chart(
        figure, key=f"memory-lag-{inspected.run.id}", label=f"Gradient by lag. {' '.join(sentences)}",
        height=int(figure.layout.height), revision="-".join((inspected.run.id, *others)),
    )  # fmt: skip
    st.caption(view.caption)
    st.markdown("\n".join(f"- {escape(line)}" for line in sentences))


def _lag_of_shown(inspected: Inspected) -> GradientByLagView:
    """Kept for all examples: it is found from many of them."""
    run = inspected.run
    key = (run.id, run.attempt, inspected.at, inspected.replica, "gradient-by-lag")
    locked = (run.id, inspected.at, inspected.replica)
    return inspected.cache.result(key, lambda: _lag(inspected.predictor, inspected.table, run), locked=locked)


def _lag_of_other(inspected: Inspected, run: Run, *, newest: bool) -> GradientByLagView | None:
    """Of a further run, at its snapshot at or before the step that is shown, or at its newest one."""
    places = store().snapshots(run.id)
    if not places:
        return None
    place = places[-1] if newest else _at_or_before(places, inspected.at)
    cache = inspected.cache
    key = (run.id, run.attempt, place.step, 0, "gradient-by-lag")

    def find() -> GradientByLagView:
        predictor = load_predictor(cache, store(), run, place, 0)
        return _lag(predictor, load_table(run.id), run)

    return cache.result(key, find, locked=(run.id, place.step, 0))


def _at_or_before(places: list[Snapshot], step: int) -> Snapshot:
    return next((place for place in reversed(places) if place.step <= step), places[0])


def _lag(predictor: Predictor, table: Table, run: Run) -> GradientByLagView:
    from seqcore.insight.lag import gradient_by_lag

    return gradient_by_lag(predictor, table, name=f"{run_labels.network(run)} ({run.id[:4]})")


def _by_state(inspected: Inspected) -> dict[str, int]:
    """The gradient of the loss by state: a map of one layer, or lines where the loss is at the end only.

    Gives the chart for `step_marks`, if there is one.
    """
    st.markdown("**Gradient of the loss by state**")
    try:
        view = inspected.find("state-gradients", _states)
    except SeqcoreError as error:
        st.caption(escape(plain(error)))
        return {}
    name, layer = view.outermost
    choices = [(name, layer) for name in view.names for layer in range(len(view.layer_titles))]
    if len(view.loss_steps) > 1 and len(choices) > 1:
        name, layer = st.selectbox(
            "State", choices, index=choices.index((name, layer)), key=f"memory-state-{inspected.run.id}", width=280,
            format_func=lambda each: f"{each[0].replace('_', ' ').capitalize()}, {view.layer_titles[each[1]]}",
            help="The state and the layer whose gradients are shown.",
        )  # fmt: skip
    figure, height = inspected.find(f"state-gradients-{name}-{layer}", partial(_states_figure, name=name, layer=layer))
    live_chart(
        figure, key=f"memory-states-{inspected.run.id}", height=height, revision=inspected.of,
        label=f"Gradient of the loss by state. {_spoken(view, name, layer)}",
    )  # fmt: skip
    st.caption(typeset(f"{view.caption} Loss of this example: {view.loss:.4g}."))
    return {f"memory-states-{inspected.run.id}": max(0, len(inspected.example.steps) - len(view.steps))}


def _spoken(view: StateGradientsView, name: str, layer: int) -> str:
    """What the picture shows, in words."""
    norms = view.norms[name][layer, -1]
    place = view.loss_places[-1]
    first, last = norms[0], norms[min(place, len(norms) - 1)]
    ratio = f"{first / last:.2g} times that" if last > 0 else "not comparable"
    count = len(view.loss_steps)
    return (
        f"The loss of {view.unit} {place + 1} has a gradient of norm {last:.2g} with respect to the "
        f"{name.replace('_', ' ')} there, and at {view.unit} 1 {ratio}; {count:,} {'loss' if count == 1 else 'losses'} "
        "shown."
    )


def _states(inspected: Inspected) -> StateGradientsView:
    from seqcore.insight.gradients import state_gradients

    return state_gradients(inspected.predictor, inspected.table, inspected.example)


def _states_figure(inspected: Inspected, *, name: str, layer: int) -> tuple[str, int]:
    """The picture as text, and its height in pixels: drawn once, and ahead for the neighboring snapshots."""
    view = inspected.find("state-gradients", _states).with_title("")
    figure = plot_state_gradients(state_gradients_info(view, name=name, layer=layer))
    return figure_text(figure), int(figure.layout.height)


def _inputs_figure(inspected: Inspected) -> tuple[str, int]:
    figure = plot_input_gradient(input_gradient_info(inspected.find("input-gradient", _inputs).with_title("")))
    return figure_text(figure), int(figure.layout.height)


def _by_input(inspected: Inspected) -> dict[str, int]:
    """The gradient of the prediction with respect to each input; gives the chart as `_by_state`."""
    st.markdown("**Gradient of the prediction by input**")
    try:
        view = inspected.find("input-gradient", _inputs)
    except SeqcoreError as error:
        st.caption(escape(plain(error)))
        return {}
    figure, height = inspected.find("input-gradient-figure", _inputs_figure)
    rows = view.summary()[1][:3]
    largest = "; ".join(f"{view.unit} {place} ({label}): {size}" for place, label, size in rows)
    live_chart(
        figure, key=f"memory-inputs-{inspected.run.id}", height=height, revision=inspected.of,
        label=f"Gradient of {view.output} by input. Largest at {largest}.",
    )  # fmt: skip
    st.caption(escape(view.caption))
    # pictures have no axis of steps
    return {} if view.frame is not None else {f"memory-inputs-{inspected.run.id}": 0}


def _inputs(inspected: Inspected) -> InputGradientView:
    from seqcore.insight.gradients import input_gradient

    return input_gradient(inspected.predictor, inspected.example)
