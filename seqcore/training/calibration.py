"""Calibration of prediction intervals by cross-conformal prediction (Vovk 2015).

The training and validation splits together are cut into blocks. For each block a model is trained on the others, for as
many epochs as the run's best, and its errors on that block are kept: errors of one season say little of another. The
test split is never used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqcore.data.folds import folds
from seqcore.evaluation.intervals import COVERAGE, min_errors
from seqcore.evaluation.metrics import Scores
from seqcore.events import Event, Finding, Preparing, Severity
from seqcore.results.formatting import counted
from seqcore.tasks.prediction_intervals import intervals_from
from seqcore.training.isolated_rng import random_state, set_random_state
from seqcore.training.requests import Requests
from seqcore.training.state import TrainingState

__all__ = ["BLOCKS", "calibrate"]

BLOCKS = 6
Errors = dict[str, NDArray[np.float64]]
Step = Callable[..., Any]


def calibrate(state: TrainingState, requests: Requests, step: Step) -> Iterator[Event]:
    """Put intervals of the experiment's coverage into the model's codec; none where the coverage is 0.

    `step(state, batch, continues)` is that of the training loop. Requests are applied between steps: a run that is
    stopped has no intervals and a finding says so; one that trains further is calibrated again afterwards.
    """
    coverage = state.experiment.training.interval_coverage
    _keep(state, {})
    if coverage == 0.0 or requests.should_stop() or state.progress.step == 0 or not state.task.intervals:
        return
    epochs = state.progress.best_epoch or state.progress.epoch
    each = f"{counted(epochs, 'epoch')} each"
    text = f"Calibrating {coverage:.0%} prediction intervals: {BLOCKS} additional models train for {each}."
    yield _note(state, "calibrating", text)
    errors: list[Errors] = []
    outer = random_state(state.device)
    try:
        for block, fold in enumerate(folds(state.dataset, BLOCKS)):
            yield Preparing(state.progress.step, "Calibrating intervals", block + 1, BLOCKS)
            if len(fold.windows["train"]) and len(fold.windows["val"]):
                seed = state.experiment.training.seed + 1 + block
                model = type(state).fresh(state.experiment, state.task, fold, state.device, seed=seed)
                errors.append((yield from _fold_errors(state, model, epochs, requests, step, outer)))
            if requests.should_stop() or state.has_epochs_left:
                break
        else:
            yield _calibrated(state, errors, coverage)
            return
    finally:
        set_random_state(outer, state.device)
    if requests.stop_reason != "leave":
        text = "Calibration was interrupted: this model has no prediction intervals."
        yield _note(state, "not-calibrated", text, severity="warning")


def _fold_errors(
    state: TrainingState,
    model: TrainingState,
    epochs: int,
    requests: Requests,
    step: Step,
    outer: dict[str, torch.Tensor],
) -> Generator[Event, None, Errors]:
    """Train a fold's model, and return its errors on the held-out block."""
    for _ in range(epochs):
        for batch, continues in model.remaining_batches():
            step(model, batch, continues)
            if requests.pending:
                inner = random_state(state.device)
                set_random_state(outer, state.device)  # a checkpoint holds the random state of the run
                yield from requests.apply()
                set_random_state(inner, state.device)
                if requests.should_stop() or state.has_epochs_left:
                    return {}
        model.end_epoch(Scores())
    found: Errors = state.task.errors(model.model, model.dataset, "val")
    return found


def _calibrated(state: TrainingState, errors: list[Errors], coverage: float) -> Event:
    """Half-widths from the errors of all blocks, kept in the codec."""
    names = sorted({name for of_block in errors for name in of_block})
    together = {name: _joined([e[name] for e in errors if name in e]) for name in names}
    if not together:
        text = "No prediction intervals: no block of the data is long enough for cross-validation."
        return _note(state, "not-calibrated", text, severity="warning")
    _keep(state, {**intervals_from(together, coverage), COVERAGE: np.array([coverage])})
    count = min(int((~np.isnan(values)).sum(axis=0).max()) for values in together.values())
    text = f"The {coverage:.0%} prediction intervals are calibrated on {count:,} out-of-sample errors."
    if count < min_errors(coverage):
        few = f"{text} A coverage of {coverage:.0%} needs at least {min_errors(coverage)}: they may be too narrow."
        return _note(state, "few-errors", few, severity="warning")
    return _note(state, "calibrated", text)


def _joined(errors: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Errors [n, S, ...] of all blocks, concatenated and padded with NaN."""
    longest = max(e.shape[1] for e in errors)
    empty = ((0, 0),) * (errors[0].ndim - 2)
    padded = [np.pad(e, ((0, 0), (0, longest - e.shape[1]), *empty), constant_values=np.nan) for e in errors]
    return np.concatenate(padded)


def _keep(state: TrainingState, intervals: Errors) -> None:
    """Replace the codec's intervals."""
    codec: Any = state.dataset.codec
    if intervals or COVERAGE in codec.fitted:
        others = {name: value for name, value in codec.fitted.items() if not name.startswith("interval.")}
        state.dataset.codec = replace(codec, fitted=others | intervals)


def _note(state: TrainingState, code: str, message: str, *, severity: Severity = "info") -> Finding:
    return Finding(step=state.progress.step, code=code, message=message, severity=severity)
