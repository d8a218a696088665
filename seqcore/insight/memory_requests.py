"""What `seqcore probe --what` shows of a model's memory: gradients, attributions and the size of updates."""

from __future__ import annotations

from collections.abc import Sequence

from seqcore.errors import PredictionError, did_you_mean
from seqcore.insight.attributions import attributable, attributions
from seqcore.insight.gradients import input_gradient, state_gradients
from seqcore.insight.lag import gradient_by_lag, other_data
from seqcore.insight.requests import ProbeRequest
from seqcore.insight.updates import update_ratios
from seqcore.results import View
from seqcore.results.gradients import joined

__all__ = ["by_input", "by_lag", "by_state", "explained", "updated"]


def by_state(request: ProbeRequest) -> View:
    """The gradient of the loss with respect to the states."""
    return state_gradients(request.predictor, request.table, request.example)


def by_input(request: ProbeRequest) -> View:
    """The gradient of a prediction with respect to the inputs."""
    predictor = request.predictor
    names = predictor.task.output_names(predictor.codec(request.example.series))
    return input_gradient(predictor, request.example, at=request.step, output=_numbered(request.output, names))


def by_lag(request: ProbeRequest) -> View:
    """Gradient by lag of the run and of those beside it. PredictionError for one of other data."""
    views = [gradient_by_lag(request.predictor, request.table, split=request.split, name=request.run)]
    for name, predictor, table in request.load_others():
        reason = other_data(request.predictor.experiment, predictor.experiment)
        if reason:
            raise PredictionError(f"beside: {name} can't be compared: {reason}")
        views.append(gradient_by_lag(predictor, table, split=request.split, name=name))
    return joined(tuple(views))


def explained(request: ProbeRequest) -> View:
    """Integrated gradients of the prediction."""
    names = () if request.output is None else attributable(request.predictor, request.example)
    output = _numbered(request.output, names)
    return attributions(request.predictor, request.table, request.example, output=output)


def updated(request: ProbeRequest) -> View:
    """Update-to-weight ratios at all snapshots."""
    return update_ratios(request.load_snapshots(), request.table)


def _numbered(output: str | None, names: Sequence[str]) -> int | None:
    """The number of an output that is given by number or name."""
    if output is None or output in names:
        return None if output is None else list(names).index(output)
    if output.isdecimal() and len(output) < 10:
        return int(output)
    raise PredictionError(f"output: {output[:60]!r} is not allowed{did_you_mean(output, tuple(names))}")
