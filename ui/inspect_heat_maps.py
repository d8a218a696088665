"""Heat maps of every state and gate of a model, and the activation of one unit over the input, in one component."""

from __future__ import annotations

import base64
import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from seqcore.results.formatting import counted
from ui.assets import asset
from ui.inspect_context import SELECTED, SPAN, Inspected, Selection
from ui.inspect_link import revealed
from ui.session import escape

if TYPE_CHECKING:
    from seqcore.results.internals import InternalsView

__all__ = ["encoded", "heat_maps", "heat_maps_data", "rounded_up"]

MOST_VALUES = 1_500_000  # numbers sent at once: of more, one layer alone, and then every second or third step
MOST_STEPS = 2_000  # columns: more than a screen has
MOST_LINES = 3  # input columns drawn as lines; of more a map
MISSING = -32768
FULL = 32767


_component = st.components.v2.component(
    "sequence_lab_inspect_heat_maps",
    html=asset("inspect_heat_maps.html"),
    css=asset("inspect_canvas.css", "inspect_heat_maps.css"),
    js=asset("dom.js", "selection.js", "inspect_canvas.js", "inspect_heat_maps.js"),
    isolate_styles=False,
)


def heat_maps(inspected: Inspected) -> None:
    """Draw the states and gates; a click selects a step and a unit in every picture, a drag a span of steps."""
    view = inspected.internals
    if view is None or not view.names:
        st.info(escape(inspected.refusal or _missing(view)))
        return
    key = f"heat-maps-{inspected.run.id}"

    def selected() -> None:
        told = st.session_state[key].get("selected") or {}
        st.session_state[SELECTED] = Selection(**{name: told.get(name) for name in ("step", "layer", "unit", "name")})
        st.session_state[SPAN] = told.get("span")

    layer = _sent_layer(view, inspected.selection)
    data = inspected.find(f"heat-maps {layer}", partial(_data, layer))
    selection = {name: getattr(inspected.selection, name) for name in ("step", "layer", "unit", "name")}
    sent = {**data, "selection": selection, "name": key, "reveal": revealed("states")}
    _component(key=key, data=sent, on_selected_change=selected)
    st.caption(
        "Rows: units. Columns: steps of the input. Color: the value, as the scale at the right of each title says. "
        f"Drag over steps to select a span.{_also_missing(view)}{f' {escape(view.note)}' if view.note else ''}"
    )


def _sent_layer(view: InternalsView, selection: Selection) -> int | None:
    """The one layer that is sent, or None for all of them."""
    layers = len(view.layer_titles)
    large = sum(array.size for array in view.arrays.values()) > MOST_VALUES and layers > 1
    return min(selection.layer or 0, layers - 1) if large else None


def _data(layer: int | None, inspected: Inspected) -> dict[str, Any]:
    assert inspected.internals is not None  # else nothing is drawn
    return heat_maps_data(inspected, inspected.internals, layer)


def heat_maps_data(inspected: Inspected, view: InternalsView, layer: int | None = None) -> dict[str, Any]:
    """What the component draws of one layer or of all; values as 16-bit numbers. There is at least one array."""
    count, layers = len(view.steps), len(view.layer_titles)
    shown = range(layers) if layer is None else range(layer, layer + 1)
    total = sum(array.size for array in view.arrays.values()) * len(shown) // max(1, layers)
    stride = max(1, math.ceil(count / MOST_STEPS), math.ceil(total / MOST_VALUES))
    maps = [_map(name, view.arrays[name], shown, stride) for name in view.names]
    columns = math.ceil(count / stride)
    stage = _stage(len(maps))
    symbols = inspected.example.values is None
    unit = min(190, 20 + 28 * math.ceil(sum(len(label) + 1 for label in view.steps) / 45)) if symbols else 190
    return {
        "key": inspected.key,
        "of": inspected.of,
        "at": inspected.at,
        "sent": list(shown),
        "steps": list(view.steps),
        "stepTitle": "symbol" if symbols else _step_title(inspected.predictor.unit.one),
        "symbols": symbols,
        "separator": " " if symbols and any(len(label) > 1 for label in view.steps) else "",
        "columns": columns,
        "stride": stride,
        "layers": list(view.layer_titles),
        "maps": maps,
        "input": _input(inspected, stride),
        "label": _label(inspected, view),
        "stage": stage,
        "unit": unit,
    }


def encoded(values: NDArray[np.float64], scale: float) -> str:
    """Numbers as base64 of 16-bit integers, `scale` the largest; what is not finite has a number of its own."""
    known = np.isfinite(values)
    whole = np.full(values.shape, MISSING, dtype="<i2")
    whole[known] = np.clip(np.round(values[known] / (scale or 1.0) * FULL), -FULL, FULL).astype("<i2")
    return base64.b64encode(whole.tobytes()).decode("ascii")


def rounded_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... (and 0.5, 0.2, ...), so that a scale seldom changes between snapshots."""
    if not (math.isfinite(value) and value > 0):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(float(f"{factor * power:.3g}") for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def _map(name: str, array: NDArray[np.float64], layers: range, stride: int) -> dict[str, Any]:
    """One state or gate: `array[T, L, D]` as [D, T] for each of the layers that are sent."""
    from seqcore.results.internals import readable

    known = array[np.isfinite(array)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    gate = name.endswith("_gate") and low >= 0.0 and high <= 1.0
    scale = 1.0 if gate else rounded_up(max(abs(low), abs(high)))
    return {
        "name": name,
        "title": readable(name),
        "units": array.shape[2],
        "diverging": low < 0.0,
        "scale": scale,
        "layers": {layer: encoded(array[::stride, layer].T, scale) for layer in layers if layer < array.shape[1]},
    }


def _label(inspected: Inspected, view: InternalsView) -> str:
    """What the pictures show, in words."""
    _, rows = view.summary()
    ranges = "; ".join(
        f"{name}, {title}: {low} to {high}, mean {mean}" for name, title, low, mean, high in rows if high
    )
    return (
        f"Heat maps of {len(view.names)} states and gates over {counted(len(view.steps), 'step')}, after "
        f"{counted(inspected.at, 'training step')}. {ranges}. Arrow keys select a step and a unit, with Shift a "
        "span of steps; Escape clears."
    )


def _step_title(unit: str) -> str:
    return "step of the input" if unit in ("step", "row") else f"{unit} of the input"


def _stage(count: int) -> int:
    """The height of the maps together, in pixels."""
    each = {1: 230, 2: 165, 3: 132}.get(count, 104)
    return count * (each + 20) + (count - 1) * 8 + 34


def _input(inspected: Inspected, stride: int) -> dict[str, Any]:
    """The input above the activation of a unit: lines of a few columns, a map of many, or frames."""
    example = inspected.example
    if example.values is None:
        reading = "Blue: positive, orange: negative; the stronger the color, the larger the value."
        return {"kind": "letters", "reading": reading}
    values = np.asarray(example.values, dtype=np.float64)[::stride]
    frame = inspected.table.frame
    if frame is not None and frame[0] * frame[1] == values.shape[1]:
        return _cells(values, "frames", "Above: frames of the input. Blue: the unit's value.") | {"frame": list(frame)}
    if values.shape[1] > MOST_LINES:
        reading = f"Above: the {values.shape[1]} columns of the input, each from its lowest to its highest value."
        return _cells(values, "map", f"{reading} Blue: the unit's value.")
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    lines = [[float(v) if math.isfinite(v) else None for v in column] for column in values.T]
    reading = "Above: the input. Blue: the unit's value."
    return {
        "kind": "lines", "lines": lines, "names": list(example.columns), "low": low, "high": high, "reading": reading,
    }  # fmt: skip


def _cells(values: NDArray[np.float64], kind: str, reading: str) -> dict[str, Any]:
    """Input columns [T, F] from 0 to 1: frames over all columns together, others each for itself."""
    axis = None if kind == "frames" else 0
    with np.errstate(all="ignore"):
        low, high = np.nanmin(values, axis=axis), np.nanmax(values, axis=axis)
        scaled = (values - low) / np.where(high > low, high - low, 1.0)
    return {"kind": kind, "rows": values.shape[1], "cells": encoded(scaled.T, 1.0), "reading": reading}


def _missing(view: InternalsView | None) -> str:
    reasons = [] if view is None else list(dict.fromkeys(view.missing.values()))
    return " ".join(reasons) or "This architecture has no states or gates to show."


def _also_missing(view: InternalsView) -> str:
    return "".join(f" {escape(reason)}" for reason in dict.fromkeys(view.missing.values()))
