"""What the picture of the unrolled network is sent: a range of steps and units around the chosen ones, as numbers.

Long sequences and many units do not fit on a screen: steps around the chosen one are sent, and of all of them a summary
for the overview strip.
"""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcore.results.base import Values
from seqcore.results.equations import EquationsView, FactorValue
from seqcore.results.formatting import typeset
from seqcore.results.internals import InternalsView, readable
from ui.inspect_heat_maps import rounded_up

__all__ = ["Focus", "cell_data", "internals_data"]

MOST_STEPS = 120  # sent at once; a wide screen shows some 20
MOST_UNITS = 36  # of a cell
MOST_NUMBERS = 60_000  # of all states and gates that are sent at once
MOST_COLUMNS = 8  # of the input
MOST_BUCKETS = 600  # of the overview
MOST_PIXELS = 32  # of a frame's height and width
_STATE = "hidden_state"


class Focus(NamedTuple):
    """What is chosen: a step, a layer and a unit, from 0."""

    step: int = 0
    layer: int = 0
    unit: int = 0

    def within(self, steps: int, layers: int, units: int) -> Focus:
        """The nearest that exists."""
        sizes = (steps, layers, units)
        return Focus(*(min(max(0, value), max(0, size - 1)) for value, size in zip(self, sizes, strict=True)))


def internals_data(
    internals: InternalsView,
    focus: Focus,
    *,
    prediction: str = "",
    gradient: Values | None = None,
    symbolic: bool = False,
    frame: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """The numbers of `internals` around `focus` for the browser: float32 as base64, steps [n] of the T there are.

    `gradient[T, L]` is the magnitude of the gradient of the loss with respect to the state of each step and layer.
    The inputs of a `symbolic` model are their labels, those of one that reads frames of height and width `frame`
    small pictures.
    """
    names = [name for name in internals.names if internals.arrays[name].ndim == 3 and internals.arrays[name].size]
    state = _STATE if _STATE in names else next(iter(names), "")
    count, layers = len(internals.steps), len(internals.layer_titles)
    focus = focus.within(count, layers, internals.arrays[state].shape[2] if state else 1)
    steps = _around(focus.step, min(count, MOST_STEPS), count)
    columns = () if symbolic else internals.columns
    most = max(8, MOST_NUMBERS // max(1, (steps.stop - steps.start) * layers * len(names)))
    return {
        "modelStep": internals.model_step,
        "architecture": internals.architecture or "Model",
        "count": count,
        "first": steps.start,
        "sent": steps.stop - steps.start,
        "steps": list(internals.steps[steps]),
        "stages": list(internals.stages[steps]),
        "stepName": "Step",
        "columns": list(columns[:MOST_COLUMNS]),
        "columnsLeft": max(0, len(columns) - MOST_COLUMNS),
        "inputs": _numbers(internals.inputs[steps, :MOST_COLUMNS] if len(columns) else np.zeros(0)),
        "frames": None if frame is None else _frames(internals.inputs, frame, steps),
        "layers": _layers(internals, state),
        "state": state,
        "arrays": {name: _array(internals.arrays[name], name, steps, focus.unit, most) for name in names},
        "overview": _numbers(_overview(internals.arrays[state]) if state else np.zeros(0)),
        "gradient": None if gradient is None else _numbers(gradient[steps]),
        "gradientLimit": 1.0 if gradient is None else _largest(gradient) or 1.0,
        "overviewGradient": None if gradient is None else _numbers(_overview(gradient[..., None], average=False)),
        "focus": focus._asdict(),
        "prediction": prediction,
        "truth": typeset(internals.truth or ""),
        "missing": [[readable(name), reason] for name, reason in internals.missing.items()],
        "note": internals.note,
        **_attention(internals, steps),
    }


def cell_data(view: EquationsView) -> dict[str, Any]:
    """The equations of one cell for the browser. Numbers that are not finite are text: "inf", "-inf", "nan"."""
    return {
        "step": view.step,
        "layer": view.layer,
        "unit": view.unit,
        "note": view.note,
        "sources": [
            {"name": part.name, "title": part.title, "symbol": part.symbol, "shape": _shape(part.shape),
             "value": _number(part.numbers[0] if part.value is None and len(part.numbers) == 1 else part.value),
             "numbers": [_number(number) for number in part.numbers]}
            for part in view.given
        ],
        "equations": [
            {
                "name": eq.name, "title": eq.title, "symbol": eq.symbol, "formula": eq.formula,
                "activation": eq.activation, "size": eq.size, "total": _number(eq.total), "value": _number(eq.value),
                "terms": [
                    {"text": term.text, "value": _number(term.value), "factors": [
                        {"name": factor.of, "symbol": factor.text, "shape": _shape(factor.shape),
                         "function": _function(factor), "value": _number(factor.value)}
                        for factor in term.factors
                    ]}
                    for term in eq.terms
                ],
            }
            for eq in view.equations
        ],
    }  # fmt: skip


def _function(factor: FactorValue) -> str:
    """What is done with a value before it is used: "tanh" of "tanh(c_t)", "1 −" of "1 − z_t"; "" for nothing."""
    return factor.text.replace(factor.symbol, "").replace("()", "").strip()


def _shape(sizes: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, sizes))}]"


def _number(value: float | None) -> float | str | None:
    return value if value is None or np.isfinite(value) else str(float(value))


def _around(place: int, size: int, count: int) -> slice:
    first = min(max(0, place - size // 2), count - size)
    return slice(first, first + size)


def _array(values: Values, name: str, steps: slice, unit: int, most: int) -> dict[str, Any]:
    """One state or gate of all layers: `values` [n, L, U] of `units` (first, U) out of `size`.

    `limit` is the value with the full color, the same as in the heat maps.
    """
    size, largest = values.shape[2], _largest(values)
    gate = name.endswith("_gate") and largest <= 1.0
    units = _around(min(unit, size - 1), min(size, most, MOST_UNITS), size)
    return {
        "title": readable(name),
        "size": size,
        "units": [units.start, units.stop - units.start],
        "limit": 1.0 if gate else rounded_up(largest),
        "values": _numbers(values[steps, :, units]),
    }


def _layers(internals: InternalsView, state: str) -> list[dict[str, Any]]:
    """For each layer and stage ("encoder", "decoder", or "") in which it exists, its title and direction."""
    stages = np.array(internals.stages or ("",) * len(internals.steps))
    found = []
    for layer, title in enumerate(internals.layer_titles):
        known: NDArray[np.bool_] = np.ones(len(stages), bool)
        if internals.stages and state:  # NaN in a stage that lacks the layer; of one stage, all are there
            known = np.asarray(np.isfinite(internals.arrays[state][:, layer]).any(axis=1))
        own = {}
        for stage in dict.fromkeys(stages[known].tolist()):
            # the titles are those of the first stage; a decoder reads in one direction only
            plain = title if stage == stages[0] else f"layer {layer + 1}"
            words = f"{stage} {plain}".strip()
            own[stage] = {"title": words[:1].upper() + words[1:], "reverse": "backward" in plain}
        found.append({"row": title[:1].upper() + title[1:].replace(", backward", " ←"), "stages": own})
    return found


def _frames(inputs: Values, frame: tuple[int, int], steps: slice) -> dict[str, Any]:
    """Frames [n, H, W] as bytes from 0 (the lowest value of all) to 255, with fewer pixels where they are large."""
    pictures = inputs.reshape(len(inputs), *frame)
    stride = max(1, -(-max(frame) // MOST_PIXELS))
    low, high = float(np.nanmin(pictures)), float(np.nanmax(pictures))
    small = (pictures[steps, ::stride, ::stride] - low) / ((high - low) or 1.0) * 255
    height, width = small.shape[1:]
    return {"height": height, "width": width, "pixels": base64.b64encode(small.round().astype("u1").tobytes()).decode()}


def _attention(internals: InternalsView, steps: slice) -> dict[str, Any]:
    """For each step sent, the mean weight over heads of each step that it attends to, or None.

    The rows of a translator's attention belong to the steps of the decoder, and its columns to those of the encoder.
    """
    weights = internals.attention
    if not weights.size or weights.shape[2] > len(internals.steps):
        return {"attention": None, "attentionFirst": 0}
    first = internals.stages.index("decoder") if "decoder" in internals.stages else 0
    rows: list[list[float] | None] = []
    for step in range(steps.start, steps.stop):
        row = step - first
        inside = 0 <= row < weights.shape[1]
        columns = slice(max(0, steps.start), None) if not first else slice(None)
        rows.append(
            [round(float(w), 4) for w in np.nan_to_num(weights[:, row, columns].mean(axis=0))] if inside else None
        )
    return {"attention": rows, "attentionFirst": 0 if first else steps.start}


def _overview(values: Values, *, average: bool = True) -> Values:
    """Mean magnitude over layers and units of values [T, L, D] by step, at most `MOST_BUCKETS` of them.

    Where several steps share one, the largest of them; of a sum rather than a mean where `average` is False.
    """
    if not values.size:
        return np.zeros(0)
    magnitudes = np.abs(values)
    known = np.isfinite(magnitudes)
    by_step = np.where(known, magnitudes, 0.0).sum(axis=(1, 2))
    if average:
        by_step = by_step / np.maximum(1, known.sum(axis=(1, 2)))
    edges = np.linspace(0, len(by_step), min(len(by_step), MOST_BUCKETS) + 1).astype(np.int64)[:-1]
    return np.maximum.reduceat(by_step, edges)


def _largest(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(np.abs(known).max()) if known.size else 0.0


def _numbers(values: Values | NDArray[np.floating[Any]]) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()
