"""Which inputs moved a prediction: integrated gradients, whose sum is its difference from a baseline's.

Sundararajan, Taly and Yan 2017, "Axiomatic Attribution for Deep Networks": the gradient is integrated along the
straight line from a baseline input to the input, and multiplied by their difference. The integral is by Gauss-Legendre
quadrature, with twice as many points until the sum is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.inference.predictor import Predictor
from seqcore.insight.differentiation import differentiable, read_inputs
from seqcore.insight.examples import InspectExample
from seqcore.insight.gradients import START
from seqcore.results.attributions import AttributionsView
from seqcore.results.base import Values, Words
from seqcore.training.isolated_rng import on_one_thread

__all__ = ["attributable", "attributions"]

_FIRST, _MOST = 16, 512  # points of the integral
_MOST_WORK = 10_000_000_000  # steps times weights of all points: more than about two seconds
_NUMBERS_AT_ONCE = 4_000_000  # of inputs in one pass
_TOLERANCE = 2e-3  # of the difference
_MEAN = "the mean of the training data"
_UNKNOWN = "an input of unknown symbols"
_ALL_PIXELS = "the mean of all pixels"


class _Integral(NamedTuple):
    """What each input tensor [T, E] contributes, as [T, E], the two ends, and the points that it took."""

    contributions: list[Tensor]
    value: float
    baseline: float
    points: int

    @property
    def remainder(self) -> float:
        """What the contributions leave of the difference."""
        return self.value - self.baseline - sum(float(part.sum()) for part in self.contributions)


def attributable(predictor: Predictor, example: InspectExample) -> Words:
    """What can be explained of the prediction for an example: targets and horizons, classes, symbols, or the words of
    a translation. Their numbers are the `output` of `attributions`; of frames there are those of the pixels."""
    task, codec = predictor.task, predictor.codec(example.series)
    if task.writes_sequences:
        batch = task.single_batch(predictor.model, codec, task.encode(codec, example.given))
        return task.written(codec, batch)
    return task.explained_names(codec)


def attributions(
    predictor: Predictor, table: Table, example: InspectExample, *, output: int | None = None
) -> AttributionsView:
    """What each input added to one number of the prediction, in the target's units, as against the baseline input.

    Forecasts: in original units, the baseline is the mean of the training data of each input column at every step, and
    calendar features are kept as they are. Classes: the probability of a class; the baseline is that mean, or unknown
    symbols. Text: the log-probability (nats) of the next symbol, or of a word of a translation given the words before
    it. `output` as `attributable` numbers them; default: the first number of a forecast, the mean of all pixels of
    frames, the most probable class or symbol, the first word. `table` holds the run's own data. PredictionError.
    """
    with on_one_thread(), torch.enable_grad():
        task, codec, model = predictor.task, predictor.codec(example.series), differentiable(predictor).double()
        explained = task.explained_forecast(model, codec, example.given)
        if explained is not None:
            return _of_forecast(predictor, table, example, explained, output)
        return _of_scores(predictor, table, example, model, output)


def _of_forecast(
    predictor: Predictor, table: Table, example: InspectExample, explained: Any, output: int | None
) -> AttributionsView:
    names, frame = explained.outputs, predictor.frame
    chosen = _checked(output, len(names))

    def function(inputs: Sequence[Tensor]) -> Tensor:
        found: Tensor = explained.predict(inputs[0])
        return found.mean(dim=1) if chosen is None and frame is not None else found[:, chosen or 0]

    rows = explained.rows
    baseline = torch.from_numpy(training_means(predictor, table, example)).expand_as(rows)
    integral = _integrated(function, [rows], [baseline], most=_most_points(predictor, len(rows)))
    before = len(rows) - len(example.steps)
    steps = (*(f"{before - i} before" for i in range(before)), *example.steps)[-len(rows) :]
    whole = chosen is None and frame is not None
    return AttributionsView(
        model_step=predictor.step,
        steps=steps,
        columns=predictor.columns,
        inputs=rows.numpy(),
        values=integral.contributions[0].numpy(),
        output=_ALL_PIXELS if whole else names[chosen or 0],
        unit="original units" if frame is None else "brightness, 0 to 1",
        baseline=_MEAN,
        prediction=integral.value,
        baseline_prediction=integral.baseline,
        remainder=integral.remainder,
        points=integral.points,
        frame=frame,
        step_unit=predictor.unit.one,
        title=example.title,
        note="Calendar features are kept as they are." if predictor.experiment.data.calendar else "",
    )


def _of_scores(
    predictor: Predictor, table: Table, example: InspectExample, model: nn.Module, output: int | None
) -> AttributionsView:
    """Of a class, of the next symbol, or of a word of a translation."""
    task, codec = predictor.task, cast(Any, predictor.codec(example.series))
    batch = _as_double(task.single_batch(model, codec, task.encode(codec, example.given)))
    symbolic = not batch.inputs.is_floating_point()
    baseline = torch.zeros_like(batch.inputs)
    if not symbolic:
        baseline += torch.from_numpy(codec.scaler.transform(training_means(predictor, table, example)[None]))
    start = read_inputs(task, model, Batch(baseline, torch.zeros_like(batch.targets)))
    end = read_inputs(task, model, batch)
    place = (_checked(output, end.outputs.shape[1]) or 0) if task.writes_sequences else -1
    scores = task.explained_scores(end.outputs[0, place])
    wanted = int(batch.targets[0, place]) if task.writes_sequences else _checked(output, len(scores))
    chosen = int(scores.argmax()) if wanted is None else wanted

    def function(inputs: Sequence[Tensor]) -> Tensor:
        count = len(inputs[0])
        repeated = Batch(
            batch.inputs.expand(count, *batch.inputs.shape[1:]), batch.targets.expand(count, *batch.targets.shape[1:])
        )
        outputs = read_inputs(task, model, repeated, lambda i, _: inputs[i]).outputs
        return task.explained_scores(outputs[:, place])[:, chosen]

    ends, starts = ([x[0].detach() for x in reading.inputs] for reading in (end, start))
    integral = _integrated(function, ends, starts, most=_most_points(predictor, sum(map(len, ends))))
    parts = [part.sum(dim=1, keepdim=True) if symbolic else part for part in integral.contributions]
    written = task.written(codec, batch)
    names = written if task.writes_sequences else task.output_names(codec)
    which = place if task.writes_sequences else chosen
    label = names[which] if which < len(names) else f"output {which + 1}"
    return AttributionsView(
        model_step=predictor.step,
        steps=(*example.steps, START, *written[:-1]) if written else example.steps,
        columns=("symbol",) if symbolic else example.columns,
        inputs=np.zeros((0, 1)) if example.values is None or symbolic else example.values,
        values=torch.cat(parts).numpy(),
        output=f"the {task.explained_unit} of {label!r}",
        unit="nats" if task.explained_unit == "log-probability" else task.explained_unit,
        baseline=_UNKNOWN if symbolic else _MEAN,
        prediction=integral.value,
        baseline_prediction=integral.baseline,
        remainder=integral.remainder,
        points=integral.points,
        frame=codec.frame,
        step_unit=predictor.unit.one,
        title=example.title,
    )


def _integrated(
    function: Callable[[Sequence[Tensor]], Tensor], ends: Sequence[Tensor], starts: Sequence[Tensor], *, most: int
) -> _Integral:
    """Of `function`, which maps tensors [B, ...] to [B], from `starts` to `ends`, [...] each; at most `most` points."""
    differences = [end - start for end, start in zip(ends, starts, strict=True)]
    with torch.no_grad():
        value, baseline = (float(function([part[None] for part in side])[0]) for side in (ends, starts))
    points = _FIRST
    while True:
        found = [torch.zeros_like(end) for end in ends]
        nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(points))
        size = max(1, _NUMBERS_AT_ONCE // max(1, sum(end.numel() for end in ends)))
        for start_at in range(0, points, size):
            some, weight = (nodes[start_at : start_at + size] + 1) / 2, weights[start_at : start_at + size] / 2
            inputs = [
                (start + some.view(-1, *[1] * start.dim()) * difference).requires_grad_()
                for start, difference in zip(starts, differences, strict=True)
            ]
            gradients = torch.autograd.grad((function(inputs) * weight).sum(), inputs, allow_unused=True)
            for total, gradient, difference in zip(found, gradients, differences, strict=True):
                if gradient is not None:
                    total += gradient.sum(dim=0) * difference
        integral = _Integral(found, value, baseline, points)
        if not np.isfinite(integral.remainder):
            raise PredictionError("attributions: the prediction or its gradient is not finite for this input")
        if 2 * points > most or abs(integral.remainder) <= _TOLERANCE * abs(value - baseline):
            return integral
        points *= 2


def _most_points(predictor: Predictor, steps: int) -> int:
    """Points of the integral that the model's size allows. Where it has kinks (ReLU), even many leave a remainder."""
    weights = sum(parameter.numel() for parameter in predictor.model.parameters())
    return max(_FIRST, min(_MOST, _MOST_WORK // (weights * steps)))


def training_means(predictor: Predictor, table: Table, example: InspectExample) -> Values:
    """The mean of each input column over the training split, [F] in original units; of its own series where the
    example belongs to one of several with their own scale."""
    codec = cast(Any, predictor.codec())
    data = predictor.task.split_data(table, codec)
    bounds = data.bounds["train"]
    if example.series is not None and example.series in codec.series:
        own = codec.series.index(example.series)
        bounds = [bound for bound in bounds if bound[0] == own] or bounds
    values: Any = getattr(data, "values", data.table.values)
    total = sum(
        (values[low:high][:, codec.inputs].sum(axis=0, dtype=np.float64) for _, low, high in bounds), np.float64(0)
    )
    return np.asarray(total / max(1, sum(high - low for _, low, high in bounds)))


def _checked(output: int | None, count: int) -> int | None:
    if output is not None and not 0 <= output < count:
        raise PredictionError(f"output: {output} is not allowed; there are {count}, numbered from 0")
    return output


def _as_double(batch: Batch) -> Batch:
    """Numbers in double precision; codes stay."""
    return Batch(batch.inputs.double() if batch.inputs.is_floating_point() else batch.inputs, batch.targets)
