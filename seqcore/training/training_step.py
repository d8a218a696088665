"""One training step: loss and gradients of a batch, and the optimizer's update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch, Dataset
from seqcore.experiment.experiment import Experiment
from seqcore.models.direct import DirectGradients, DividedGradients
from seqcore.models.replicated import carried_state
from seqcore.models.state import State
from seqcore.tasks.task import Task
from seqcore.training.gradients import backward, clip_gradients
from seqcore.training.precision import Precision
from seqcore.training.progress import Progress
from seqcore.training.updates import Update

__all__ = ["TrainingStep"]


class TrainingStep:
    """What one step needs: a model in training, its optimizer, and how far the run is."""

    experiment: Experiment
    task: Task
    dataset: Dataset
    device: torch.device
    model: nn.Module
    optimizer: torch.optim.Optimizer
    progress: Progress
    recurrent_state: State

    @property
    def fraction(self) -> float:
        """How much of the planned run is done, from 0 to 1."""
        raise NotImplementedError

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """The model's weights."""
        return list(self.model.parameters())

    @cached_property
    def precision(self) -> Precision:
        """What is computed in 16 bits."""
        return Precision(self.experiment.training.precision, self.device)

    @cached_property
    def update(self) -> Update:
        """One step of the optimizer."""
        return Update(self.optimizer)

    def clear_gradients(self) -> None:
        """The optimizer's `zero_grad` without its profiling hooks."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_for(self, continues: NDArray[np.bool_] | None) -> State:
        """The recurrent state that the next batch starts from, or None for the initial one."""
        return carried_state(self.model, self.recurrent_state, continues)

    def forward(self, batch: Batch, continues: NDArray[np.bool_] | None) -> tuple[Tensor, State]:
        """The training loss of a batch, and the recurrent state after it."""
        with self.precision.autocast():
            outputs, after = self.task.forward(self.model, batch, self.state_for(continues), self.fraction)
        outputs, after = self.precision.widened(outputs, after)
        return self.task.loss(outputs, batch), after

    @cached_property
    def direct(self) -> DirectGradients | DividedGradients | None:
        """Loss and gradients by formula, where model and loss are covered."""
        if self.precision.mixed:
            return None
        threads = self.progress.threads or 1
        return DirectGradients.of(self.model, self.task.plain_loss, threads=threads, into=self.gradient_parts)

    @cached_property
    def gradient_parts(self) -> list[Tensor] | None:
        """Where the gradients of all weights are kept, if they have a place of their own."""
        return None

    def use_threads(self, threads: int) -> None:
        """Train on so many threads from now on."""
        self.progress.threads = threads
        self._forget("direct")

    @property
    def operation_threads(self) -> int:
        """The threads of torch's operations: 1 where threads share the replicas."""
        return 1 if self.divided else self.progress.threads

    @property
    def divided(self) -> bool:
        """Whether threads share the replicas; otherwise they share each operation."""
        return False

    def gradients(self, batch: Batch, continues: NDArray[np.bool_] | None) -> tuple[Tensor, State]:
        """The training loss of a batch, and the recurrent state after it; gradients are left in the parameters."""
        if self.noise:
            batch = self._with_noise(batch)
        if self.direct is None or batch.lengths is not None or batch.extra:
            loss, after = self.forward(batch, continues)
            self.backward(loss)
            return loss.detach(), after
        keep = continues is not None
        loss, after, found = self.direct(batch.inputs, batch.targets, self.state_for(continues), keep=keep)
        self._give_gradients(found)
        return loss, after

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the noise that is added to the inputs."""
        return self.experiment.training.input_noise if self.dataset.numeric_inputs else 0.0

    def _with_noise(self, batch: Batch) -> Batch:
        """The batch with Gaussian noise on its numeric inputs."""
        inputs, count = batch.inputs, self.dataset.numeric_inputs
        noise = self.noise * self._normal(batch)
        if count < inputs.shape[-1]:  # calendar features follow
            noise[..., count:] = 0.0
        return replace(batch, inputs=inputs + noise)

    def _normal(self, batch: Batch) -> Tensor:
        """Standard normal numbers in the shape of a batch's inputs, from the run's random state."""
        return torch.randn_like(batch.inputs, memory_format=torch.contiguous_format)

    def _give_gradients(self, found: Sequence[Tensor]) -> None:
        """Leave gradients in the model's parameters. A tensor may stand for two of them."""
        for parameter, gradient in zip(self.parameters, found, strict=True):
            parameter.grad = gradient

    def backward(self, loss: Tensor) -> None:
        """Leave the gradients of a loss in the parameters."""
        self.clear_gradients()
        backward(self.precision.scaled(loss))

    def descend(self) -> Tensor:
        """One step of the optimizer by the gradients; returns their norm before clipping."""
        self.precision.unscale(self.optimizer)
        norm = clip_gradients(self.parameters, self.experiment.training.clip_norm)
        if self.precision.scaler is None:
            self.update()
        else:
            self.precision.step(self.optimizer)
        return norm

    def _forget(self, *names: str) -> None:
        """Let cached properties be computed again."""
        for name in names:
            self.__dict__.pop(name, None)
