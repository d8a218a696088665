"""Expected response of a unit to a symbol or a value (RNNVis, Ming et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from seqcore.errors import PredictionError, did_you_mean, no_number
from seqcore.inference.predictor import Predictor
from seqcore.insight.examples import InspectExample
from seqcore.insight.probes import architecture_of, check_finite, states_of
from seqcore.results.base import Values
from seqcore.results.formatting import format_number
from seqcore.results.response import ResponseView

__all__ = ["response"]

MOST_SYMBOLS = 60
_RANGES = 12  # of a column, with about as many steps in each
_SAME = 1e-6  # of the range of a column: values that are closer count as one


def response(
    predictor: Predictor,
    examples: Sequence[InspectExample],
    *,
    unit: int,
    layer: int = 0,
    name: str = "hidden_state",
    column: str | None = None,
    change: bool = True,
) -> ResponseView:
    """The mean change of a unit's value at a step, for each symbol (or range of values of a column) read there.

    With `change=False` that of the value itself. `column` is the first one by default; of symbols there is one, and
    the 60 most frequent are kept. PredictionError for a name, layer, unit or column that there is not, and for values
    that are not finite.
    """
    if not examples:
        raise PredictionError("response: there are no examples")
    first = examples[0]
    symbolic = first.values is None
    column = first.columns[0] if column is None else column
    if column not in first.columns:
        raise PredictionError(f"column: there is no {column[:60]!r}{did_you_mean(column, first.columns)}")
    responses: list[Values] = []
    read: list[NDArray[np.generic]] = []
    for each in states_of(predictor, examples, name, layer):
        if not 0 <= unit < each.values.shape[1]:
            raise no_number("unit", unit, each.values.shape[1])
        values = each.values[:, unit]
        check_finite(torch.from_numpy(values), "response")
        responses.append(np.diff(values) if change else values[1:])  # the first step has no state before it
        seen = np.array(each.example.steps) if each.example.values is None else each.example.values
        read.append(seen[1:] if symbolic else seen[1:, first.columns.index(column)])
    values, inputs = np.concatenate(responses), np.concatenate(read)
    if not len(values):
        raise PredictionError("response: the examples have one step each, and a response needs a step before")
    groups, labels = _by_symbol(inputs) if symbolic else by_range(inputs.astype(np.float64))
    own = [values[groups == i] for i in range(len(labels))]
    centers = np.arange(len(own), dtype=np.float64)
    if not symbolic:
        centers = np.array([np.median(inputs[groups == i].astype(np.float64)) for i in range(len(own))])
    order = np.argsort([-part.mean() for part in own], kind="stable") if symbolic else np.arange(len(own))
    quartiles = np.array([np.percentile(own[i], [25, 75]) for i in order])
    return ResponseView(
        labels=tuple(labels[i] for i in order),
        centers=centers,
        mean=np.array([own[i].mean() for i in order]),
        low=quartiles[:, 0],
        high=quartiles[:, 1],
        count=np.array([len(own[i]) for i in order], dtype=np.float64),
        name=name,
        layer_title=architecture_of(predictor).probed_layers(layer + 1)[layer],
        unit=unit,
        column=column,
        symbolic=symbolic,
        change=change,
        model_step=predictor.step,
    )


def _by_symbol(inputs: NDArray[np.generic]) -> tuple[NDArray[np.int64], list[str]]:
    """The group of each step (-1: a rarer symbol), and the symbols of the groups."""
    symbols, inverse, counts = np.unique(inputs, return_inverse=True, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:MOST_SYMBOLS]
    number = np.full(len(symbols), -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    return number[inverse.reshape(-1)], [str(symbols[i]) for i in kept]


def by_range(values: Values) -> tuple[NDArray[np.int64], list[str]]:
    """The group of each step, and the ranges: each value by itself where there are few."""
    unit = _SAME * float(np.ptp(values))
    values = np.round(values / unit) * unit if unit > 0.0 else values  # 0 and 1e-16 are one value
    different = np.unique(values)
    if len(different) <= _RANGES:
        return np.searchsorted(different, values), [format_number(v) for v in different.tolist()]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _RANGES + 1)))
    groups = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    used, groups = np.unique(groups, return_inverse=True)
    labels = [f"{format_number(float(edges[i]))} to {format_number(float(edges[i + 1]))}" for i in used.tolist()]
    return groups.reshape(-1), labels
