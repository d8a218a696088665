"""Similar moments: where in the data the same units are active as in a chosen span (LSTMVis, Strobelt et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from seqcore.errors import NumberError, PredictionError
from seqcore.inference.predictor import Predictor
from seqcore.insight.examples import InspectExample
from seqcore.insight.probes import architecture_of, check_finite, states_of
from seqcore.results.base import Values, Words
from seqcore.results.formatting import format_number
from seqcore.results.similar import SimilarMoment, SimilarView

__all__ = ["similar"]

MOST = 50
THRESHOLD = 0.3
_BESIDE = 12  # steps shown before and after a moment


def similar(
    predictor: Predictor,
    example: InspectExample,
    examples: Sequence[InspectExample],
    span: tuple[int, int],
    *,
    name: str = "hidden_state",
    layer: int = 0,
    threshold: float = THRESHOLD,
    most: int = MOST,
) -> SimilarView:
    """The moments in `examples` that are most like steps `span` (first and last, from 0) of `example`.

    Chosen are the units whose value is at least `threshold` at each step of the span. A moment has as many steps; it is
    the more alike the more of these units, and the fewer others, are so at each of its steps. Where the same units
    stay active for longer, that is one moment, its first steps; of moments that are equally alike, those of different
    examples come first. PredictionError for a span that is not in the example, and where no unit is chosen.
    """
    pattern = next(states_of(predictor, [example], name, layer)).values
    first, last = span
    if not 0 <= first <= last < len(pattern):
        raise NumberError(
            f"span: {first}:{last} is not allowed; use two steps from 0 to {len(pattern) - 1}",
            f"span: {first + 1}:{last + 1} is not allowed; use two steps from 1 to {len(pattern)}",
        )
    check_finite(torch.from_numpy(pattern), "similar")
    lowest = pattern[first : last + 1].min(axis=0)  # [D]
    units = np.flatnonzero(lowest >= threshold)
    if not len(units):
        raise PredictionError(
            f"threshold: no unit is at least {threshold:g} at each step of the span; the highest value that any unit "
            f"keeps is {lowest.max():.3g}; choose another span or, where that is above 0, a lower threshold"
        )
    length, searched = last - first + 1, 0
    found: list[tuple[int, SimilarMoment]] = []  # with the rank within its example
    for each in states_of(predictor, examples, name, layer):
        searched += len(each.values)
        if len(each.values) < length:
            continue
        held = _held(each.values >= threshold, length)  # [T - length + 1, D]
        shared = held[:, units].sum(axis=1)
        others = held.sum(axis=1) - shared
        score = shared / (len(units) + others)
        if (each.example.split, each.example.index) == (example.split, example.index):
            score[max(0, first - length + 1) : last + 1] = 0.0  # the span itself
        found += [
            (rank, _moment(float(score[t]), each.example, t, int(shared[t]), int(others[t]), length=length))
            for rank, t in enumerate(_apart(score, held, length, most))
        ]
    found.sort(key=lambda place: (-place[1].score, place[0]))  # stable: then in the order of the examples
    moments = tuple(moment for _, moment in found[:most])
    vocabulary = predictor.codec().symbols_known
    return SimilarView(
        name=name,
        layer_title=architecture_of(predictor).probed_layers(layer + 1)[layer],
        threshold=threshold,
        first=first,
        last=last,
        inside=_texts(example, first, last + 1),
        units=tuple(units.tolist()),
        moments=moments,
        searched=searched,
        separator=", " if vocabulary is None else vocabulary.separator,
        model_step=predictor.step,
    )


def _held(active: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Which units are active at `length` steps from each one on, [T - length + 1, D]."""
    counts = np.concatenate([np.zeros((1, active.shape[1]), dtype=np.int64), active.cumsum(axis=0)])
    held: NDArray[np.bool_] = counts[length:] - counts[:-length] == length
    return held


def _apart(score: Values, held: NDArray[np.bool_], length: int, most: int) -> list[int]:
    """The places with the highest scores above 0 that are `length` apart, the best first.

    Of consecutive places with the same units only the first counts.
    """
    first = np.concatenate([[True], (held[1:] != held[:-1]).any(axis=1)])
    chosen: list[int] = []
    for place in np.argsort(-score, kind="stable").tolist():
        if score[place] <= 0.0 or len(chosen) == most:
            break
        if first[place] and all(abs(place - other) >= length for other in chosen):
            chosen.append(place)
    return chosen


def _moment(
    score: float, example: InspectExample, first: int, shared: int, others: int, *, length: int
) -> SimilarMoment:
    end = first + length
    return SimilarMoment(
        split=example.split,
        index=example.index,
        title=example.title,
        first=first,
        last=end - 1,
        before=_texts(example, max(0, first - _BESIDE), first),
        inside=_texts(example, first, end),
        after=_texts(example, end, min(len(example.steps), end + _BESIDE)),
        shared=shared,
        others=others,
        score=score,
    )


def _texts(example: InspectExample, first: int, end: int) -> Words:
    """Symbols, or values of the first column; of frames and sounds the labels of their steps."""
    if example.values is None or len(example.columns) > 8:
        return example.steps[first:end]
    return tuple(map(format_number, example.values[first:end, 0].tolist()))
