"""`fit`: the training loop, as a generator of events. Whoever wants something done does it in their own `for`."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.data.readers.read_table import table_from_frame
from seqcore.data.sources import SOURCES
from seqcore.data.table import Table
from seqcore.errors import DataError
from seqcore.evaluation.leakage.detection import find_leaks
from seqcore.events import Changed, Event, Preparing
from seqcore.experiment.experiment import Experiment
from seqcore.tasks import TASKS
from seqcore.tasks.model_summary import check_memory, summarize
from seqcore.training.calibration import calibrate
from seqcore.training.control import Control
from seqcore.training.devices import resolve
from seqcore.training.isolated_rng import IsolatedRng
from seqcore.training.reporting import Report, before_the_first_step
from seqcore.training.state import TrainingState

__all__ = ["check", "fit", "load_table"]


def fit(
    experiment: Experiment,
    *,
    data: Any = None,
    resume: bytes | None = None,
    changes: Iterable[Changed] = (),
    control: Control | None = None,
) -> Iterator[Event]:
    """Train, and yield what happens. Not calling `next` pauses; closing the generator ends it.

    `data` (DataFrame, array [N] or [N, F], or Table) takes the place of the experiment's source. `resume` is a
    checkpoint's content: the run goes on from it bit for bit, replaying `changes`. `control` carries requests from
    other threads. torch's global random state and number of threads are the caller's own between two events.
    Raises DataError, DeviceError or CorruptError before the first step.
    """
    device, _ = resolve(experiment.training.device)
    turns = IsolatedRng(experiment.training.seed, experiment.training.threads or 1, device)
    return turns.take(_train(experiment, data, resume, list(changes), control or Control(), turns))


def _train(
    experiment: Experiment, data: Any, resume: bytes | None, replay: list[Changed], control: Control, turns: IsolatedRng
) -> Iterator[Event]:
    """The loop, top to bottom: state, steps, epochs, intervals, last scores."""
    ready = yield from _prepare(experiment, data, resume, control)
    if ready is None:
        yield from before_the_first_step(control, turns)
        return
    state, table = ready
    report = Report(state, control, replay, turns)
    yield from report.start(find_leaks(table, state.experiment.data))
    while True:
        while state.has_epochs_left and not report.over():
            for batch, follows in state.remaining_batches():
                report.step(*_step(state, batch, follows), len(batch.inputs))
                if report.due:
                    yield from report.between_steps()
                    if report.over():
                        break
            else:
                yield from report.end_epoch()
        yield from calibrate(state, report, _step)
        if report.over() or not state.has_epochs_left:
            break  # else more epochs were asked for in the meantime
    yield from report.finish()


def _step(state: TrainingState, batch: Batch, follows: NDArray[np.bool_] | None) -> tuple[Tensor, Tensor, float]:
    """One step of the optimizer -> its loss, the length of its gradient, and the learning rate."""
    learning_rate = state.update_learning_rate()
    outputs, hidden = state.task.forward(state.model, batch, state.carried_to(follows), state.done)
    loss = state.task.loss(outputs, batch)
    state.clear_gradients()
    loss.backward()  # type: ignore[no-untyped-call]
    norm = _clip(state.parameters, state.experiment.training.clip_norm)
    state.optimizer.step()
    state.count_step(hidden if follows is not None else None)
    return loss.detach(), norm, learning_rate


def _prepare(
    experiment: Experiment, data: Any, resume: bytes | None, control: Control
) -> Generator[Event, None, tuple[TrainingState, Table] | None]:
    """The state to train and its data; None where the run was asked to end while something was still being tried."""
    device, _ = resolve(experiment.training.device)
    if data is None:
        yield Preparing(0, "Making the data")
    table = load_table(experiment, data)
    if resume is not None:
        return TrainingState.resumed(experiment, resume, table, device), table
    task = TASKS[experiment.data.task].load()(experiment)
    for preparing in task.search_preprocessing(table, device):
        yield preparing
        if control.ending is not None:
            return None
    yield Preparing(0, "Making the data ready for the model")
    return TrainingState.fresh(experiment, task.make_dataset(table, device), device), table


def check(experiment: Experiment, data: Any = None) -> None:
    """Raise what `fit` would raise before its first step, one line each fault: DataError or DeviceError."""
    device, _ = resolve(experiment.training.device)
    table = load_table(experiment, data)
    TASKS[experiment.data.task].load()(experiment).check(table)
    check_memory(summarize(experiment, table), experiment, device)


def load_table(experiment: Experiment, data: Any = None) -> Table:
    """The experiment's values: `data` if given (DataFrame, array or Table), else its source's. DataError."""
    if isinstance(data, Table):
        return data
    if data is not None:
        return table_from_frame(data, experiment.data)
    source = SOURCES[experiment.data.source]
    if source.stored:
        raise DataError(f"data.source: the values of {source.title!r} are in a store; give them to fit as data=...")
    table: Table = source.load()(**experiment.data.options).table()
    return table


def _clip(parameters: Sequence[nn.Parameter], longest: float) -> Tensor:
    """Shorten the gradient to `longest` (0: leave it) and return the length that it had.

    As torch's `clip_grad_norm_`, in a third of its time on small models.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
    if longest > 0.0:
        shorter = (longest / (norm + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(shorter)
    return norm
