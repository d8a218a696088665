"""Training state of replicas: K models with consecutive seeds, trained together as one batched model.

Replica k is the experiment with the seed `training.seed + k`, trained alone: it has the same first weights, batches and
random numbers. Clipping, learning rates, best weights, early stopping and divergence are those of each replica. A
replica that has ended keeps its weights while the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqcore.data.dataset import Batch
from seqcore.evaluation.metrics import Scores, median
from seqcore.events import Finding, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.training_config import TrainingConfig
from seqcore.models.replica_random import ReplicaRandom
from seqcore.models.replicated import Replicated
from seqcore.models.state import State
from seqcore.tasks.task import Task
from seqcore.training.checkpoint import Checkpoint
from seqcore.training.progress import LAST_LOSSES
from seqcore.training.replica_progress import ReplicaProgress
from seqcore.training.schedules import rate
from seqcore.training.stacked_batch import StackedBatch, join_numbers, stack_batch
from seqcore.training.state import NUMBERS_TOGETHER, TOGETHER, TrainingState, not_finite

__all__ = ["ReplicatedState", "state_type"]

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
_RANDOM = "replica."


def state_type(experiment: Experiment) -> type[TrainingState]:
    """The training state of an experiment: of one model or of replicas."""
    return ReplicatedState if experiment.training.replicas > 1 else TrainingState


@dataclass
class ReplicatedState(TrainingState):
    """K models in training. See `TrainingState`; what is one number there is an array [K] here."""

    replicas: ReplicaProgress = field(init=False)
    _rates: Numbers = field(init=False, default_factory=lambda: np.zeros(0))  # of the next step, [K]
    _same_rates: bool = field(init=False, default=False)  # whether they are all equal

    def __post_init__(self) -> None:
        self.replicas = ReplicaProgress.start(self.count)

    @classmethod
    def _built(
        cls, experiment: Experiment, task: Task, dataset: Any, device: torch.device, seed: int | None
    ) -> nn.Module:
        first = experiment.training.seed if seed is None else seed
        seeds, models, states = range(first, first + experiment.training.replicas), [], []
        # torch.manual_seed prepares GPUs too, which takes longer than to build a small model
        seeded = torch.default_generator.manual_seed if device.type == "cpu" else torch.manual_seed
        for one in seeds:
            seeded(one)
            models.append(task.build_model(dataset.codec).to(device))
            states.append(torch.get_rng_state())
        return Replicated(models, ReplicaRandom(states, seeds, device))

    @classmethod
    def _trained(cls, model: nn.Module) -> list[nn.Parameter]:
        return [nn.Parameter(cast(Replicated, model).flat)]

    @property
    def count(self) -> int:
        """The number of replicas."""
        return self.replicated.count

    @property
    def replicated(self) -> Replicated:
        """The model."""
        return cast(Replicated, self.model)

    @cached_property
    def _flat(self) -> nn.Parameter:
        """The trained weights, [K, N], as the optimizer knows them."""
        parameter: nn.Parameter = self.optimizer.param_groups[0]["params"][0]
        return parameter

    @property
    def has_epochs_left(self) -> bool:
        """Whether epochs are left and a replica is still trained."""
        return self.progress.epoch < self.experiment.training.epochs and bool(self.replicas.active.any())

    @property
    def epochs_waited(self) -> int:
        """Of the replica in training that has waited least: no value of the patience ends all of them at once."""
        waited = self.replicas.waited[self.replicas.active]
        return int(waited.min()) if len(waited) else 0

    @property
    def out_of_patience(self) -> bool:
        """Whether early stopping has ended every replica that has not diverged."""
        r = self.replicas
        return not r.active.any() and not r.diverged.all()

    def _batches_left(self) -> Iterator[tuple[Batch, NDArray[np.bool_] | None]]:
        """As for one model; each replica has batches of its own, [K, B, ...]."""
        p, training, data = self.progress, self.batching, self.dataset
        if (whole := self._only_batch()) is not None:
            if p.step_in_epoch == p.cut_step:
                yield whole, None
            return
        numbers = self.count * training.batch_size * max(1, data.longest)
        together = max(1, min(TOGETHER, NUMBERS_TOGETHER // numbers))
        left = islice(self._numbers(), p.step_in_epoch - p.cut_step, None)
        while group := list(islice(left, together)):
            batches = data.gather("train", [numbers for numbers, _, _ in group])
            for batch, (_, rows, continues) in zip(batches, group, strict=True):
                yield stack_batch(batch, rows, self._taken), continues

    def _only_batch(self) -> StackedBatch | None:
        """The batch of an epoch that has only one, in which the order of windows does not matter, for nothing is drawn
        for them; None where there is no such batch."""
        p, training = self.progress, self.batching
        if training.batch_size < len(self.dataset.windows["train"]) or p.cut_window or training.stateful:
            return None
        return None if self.direct is None or self.noise else self._all_windows

    @cached_property
    def _all_windows(self) -> StackedBatch | None:
        """The whole training split, which all replicas share; None where it is not prepared."""
        whole = self.dataset.prepared("train")
        if whole is None or whole.lengths is not None or whole.extra:
            return None
        inputs, targets = (part.expand(self.count, *part.shape) for part in (whole.inputs, whole.targets))
        return StackedBatch(inputs, targets, rows=np.full(self.count, len(whole.inputs)))

    def _numbers(self) -> Iterator[tuple[Counts, Counts, NDArray[np.bool_] | None]]:
        """For each step of the epoch since its batch size changed: the windows of all replicas, how many each has, and
        which continue others."""
        p, training, data = self.progress, self.batching, self.dataset
        orders = data.orders("train", training, range(training.seed, training.seed + self.count), p.epoch)
        if orders is not None:
            for start in range(p.cut_window, orders.shape[1], training.batch_size):
                part = orders[:, start : start + training.batch_size]
                yield part.reshape(-1), np.full(self.count, part.shape[1]), None
            return
        for step in zip(
            *(data.batches("train", own, p.epoch, start=p.cut_window) for own in self._sections), strict=True
        ):
            rows = np.array([len(numbers) for numbers, _ in step])
            yield join_numbers([numbers for numbers, _ in step]), rows, step[0][1]  # stateful training has one order

    @cached_property
    def _sections(self) -> list[TrainingConfig]:
        """The training section of each replica; only what batches depend on."""
        training = self.batching
        return [training.model_copy(update={"seed": training.seed + k}) for k in range(self.count)]

    @cached_property
    def _taken(self) -> set[int]:
        """The sizes of weights, and small ones: axes of these sizes need not be a batch or its steps."""
        return {size for p in self.replicated.stacked for size in p.shape[1:]} | set(range(8))

    def windows_in(self, batch: Batch) -> Any:
        """How many windows each replica's batch has."""
        return cast(StackedBatch, batch).rows

    def update_learning_rate(self) -> Numbers:
        """The learning rate of each replica for the next step; the optimizer's is the largest of them."""
        p, training, each = self.progress, self.experiment.training, self.steps_per_epoch
        step, drops = p.step + self.schedule_shift + 1, self.replicas.drops.tolist()
        by_drops = {
            count: rate(training, step=step, planned=p.planned, steps_per_epoch=each, drops=count)
            for count in set(drops)
        }
        largest = max(by_drops.values())
        if len(by_drops) > 1 or len(self._rates) == 0 or self._rates[0] != largest or not self._same_rates:
            self._same_rates = len(by_drops) == 1
            own = None if self._same_rates else [by_drops[count] for count in drops]
            self._rates = np.full(self.count, largest) if own is None else np.array(own)
        for group in self.optimizer.param_groups:
            group["lr"] = largest
        return self._rates

    def forward(self, batch: Batch, continues: NDArray[np.bool_] | None) -> tuple[Tensor, State]:
        """The loss of each replica on its batch, [K], and their recurrent states after it, [K, B, ...]."""
        model, task, fraction = self.replicated, self.task, self.fraction
        assert model.random is not None
        model.random.sizes = cast(StackedBatch, batch).sizes
        before = self.state_for(continues)
        names, keep = list(batch.extra), continues is not None

        def one(inputs: Tensor, targets: Tensor, lengths: Tensor | None, extra: Any, before: State) -> Any:
            own = Batch(inputs, targets, lengths, dict(zip(names, extra, strict=True)))
            outputs, after = task.forward(model.base, own, before, fraction)
            return task.loss(outputs, own), after if keep else None

        loss, after = model.run(one, batch.inputs, batch.targets, batch.lengths, tuple(batch.extra.values()), before)
        return loss, after

    def _normal(self, batch: Batch) -> Tensor:
        """As for one model: each replica draws what it would draw alone."""
        random, like = self.replicated.random, batch.inputs
        assert random is not None
        random.sizes = cast(StackedBatch, batch).sizes

        def normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
            return torch.randn(tuple(shape), generator=generator, dtype=like.dtype, device=like.device)

        return random.draw(like.shape[1:], normal)

    def _use_batch_size(self) -> None:
        before = self.progress.batch_size
        super()._use_batch_size()
        if self.progress.batch_size != before:
            self._forget("_sections")

    def use_threads(self, threads: int) -> None:
        """As for one model; where threads share the replicas, evaluations too."""
        super().use_threads(threads)
        self.replicated.threads = threads if self.divided else 1

    @property
    def divided(self) -> bool:
        """As for one model: where gradients are by formula."""
        return self.direct is not None

    def backward(self, loss: Tensor) -> None:
        """Leave the gradients of the losses [K] in the parameters."""
        trained = self.replicated.trained
        found = torch.autograd.grad(
            loss.sum(), trained, allow_unused=True
        )  # see `insight.gradients._norms` for the sum
        self._give_gradients([torch.zeros_like(p) if g is None else g for g, p in zip(found, trained, strict=True)])

    def _give_gradients(self, found: Sequence[Tensor]) -> None:
        if found[0] is not self.gradient_parts[0]:
            torch._foreach_copy_(self.gradient_parts, list(found))
        self._flat.grad = self._gradient

    @cached_property
    def _gradient(self) -> Tensor:
        """The gradients of the trained weights, [K, N]."""
        return torch.empty_like(self._flat, requires_grad=False)

    @cached_property
    def gradient_parts(self) -> list[Tensor]:
        """Views of the gradients of the trained weights, in their shapes."""
        shapes = [parameter.shape for parameter in self.replicated.trained]
        parts = torch.split(self._gradient, [shape[1:].numel() for shape in shapes], dim=1)
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]

    def descend(self) -> Tensor:
        """One step of the optimizer for each replica; returns the gradient norm of each before clipping, [K]."""
        flat, gradient, limit = self._flat, self._flat.grad, self.experiment.training.clip_norm
        assert gradient is not None
        norm: Tensor = torch.linalg.vector_norm(gradient, dim=1)
        within = norm.device.type == "cpu" and norm.max().item() + 1e-6 <= 0.999 * limit
        if limit > 0.0 and not within:  # as for one model: on a CPU the norm is known at no cost
            gradient.mul_((limit / (norm + 1e-6)).clamp(max=1.0)[:, None])
        if self._same_rates and not self.replicas.ended.any():
            self.update()
            return norm
        active, rates = self.replicas.active, self._rates
        # every optimizer's step is proportional to its learning rate, so that shares of the largest give the others
        before = flat.detach().clone()
        self.update()
        share = torch.from_numpy(np.where(active, rates / rates.max(), 0.0)).to(flat)[:, None]
        with torch.no_grad():
            scaled = torch.where(share == 0.0, before, before + share * (flat - before))
            flat.copy_(torch.where(share == 1.0, flat, scaled))
        return norm

    def of_active(self, values: Numbers) -> Numbers:
        """Numbers of steps [n, K], NaN for replicas that have ended."""
        return np.where(self.replicas.active, values, np.nan) if self.replicas.ended.any() else values

    def count_losses(self, losses: Numbers, windows: Sequence[Any]) -> None:
        """Count the losses [n, K] of steps over so many windows, [K] each."""
        r = self.replicas
        for each, count in zip(losses, windows, strict=True):
            r.loss_sum += each * count
            r.windows += count
        r.last_losses = [*r.last_losses, *self.of_active(losses[-LAST_LOSSES:]).tolist()][-LAST_LOSSES:]

    def epoch_scores(self, validation: Scores) -> Scores:
        """As for one model; NaN for replicas that have ended."""
        r = self.replicas
        values = {"train_loss": r.loss_sum / np.maximum(r.windows, 1)}
        values |= {name: np.array(each) for name, each in validation.replicas.items()}
        own = {name: self.of_active(each).tolist() for name, each in values.items()}
        return Scores({name: median(each) for name, each in own.items()}, own)

    @property
    def last_loss(self) -> Scores:
        """The mean loss of the last steps of each replica; nothing before the first."""
        last = np.array(self.replicas.last_losses)
        if not len(last):
            return Scores()
        known = ~np.isnan(last)
        with np.errstate(invalid="ignore"):
            each = (np.where(known, last, 0.0).sum(axis=0) / known.sum(axis=0)).tolist()
        return Scores({"train_loss_last_20": median(each)}, {"train_loss_last_20": each})

    def end_epoch(self, scores: Scores) -> bool:
        """Count an epoch, and keep the best weights of each replica by its validation loss.

        Returns whether the median of the validation losses is the lowest so far.
        """
        p, r, training = self.progress, self.replicas, self.experiment.training
        self.begin_epoch()
        r.loss_sum[:], r.windows[:] = 0.0, 0
        if "val_loss" not in scores.replicas:
            return False
        active, val_loss = r.active, np.array(scores.replicas["val_loss"])
        better = active & (val_loss < r.best_loss)
        r.waited = np.where(better, 0, r.waited + active)
        r.best_loss = np.where(better, val_loss, r.best_loss)
        r.best_epoch, r.best_step = np.where(better, p.epoch, r.best_epoch), np.where(better, p.step, r.best_step)
        for name, values in scores.replicas.items():
            known = r.best_metrics.get(name, [np.nan] * self.count)
            r.best_metrics[name] = np.where(better, values, known).tolist()
        self._keep_best(better | (active & (r.best_epoch == 0)))
        risen = active & (val_loss < r.plateau_best)
        r.plateau_best = np.where(risen, val_loss, r.plateau_best)
        r.plateau_waited = np.where(risen, 0, r.plateau_waited + active)
        dropped = r.plateau_waited >= training.schedule_epochs
        r.drops, r.plateau_waited = r.drops + dropped, np.where(dropped, 0, r.plateau_waited)
        if training.patience > 0:
            r.ended = np.where(active & (r.waited >= training.patience), p.step, r.ended)
        best = scores.metrics["val_loss"] < p.best_loss
        if best:
            p.best_loss, p.best_epoch, p.best_step = scores.metrics["val_loss"], p.epoch, p.step
            p.best_metrics = scores.metrics
        return best

    def _keep_best(self, chosen: NDArray[np.bool_]) -> None:
        """Keep the weights of these replicas as their best."""
        current = {name: t.detach() for name, t in self.model.state_dict().items()}
        if not self.best:
            self.best = {name: t.clone() for name, t in current.items()}
            return
        rows = torch.from_numpy(np.flatnonzero(chosen)).to(self.device)
        for name, _ in self.replicated.base.named_parameters():
            self.best[name][rows] = current[name][rows]

    @property
    def has_earlier_best(self) -> bool:
        """Whether the best weights of a replica are not its last ones."""
        r = self.replicas
        last = np.where(r.active, self.progress.step, r.ended)
        return bool(self.best) and bool(((r.best_step > 0) & (r.best_step != last)).any())

    @property
    def best_scores(self) -> Scores:
        """The scores of each replica on the validation split at the end of its best epoch."""
        own = {n: v for n, v in self.replicas.best_metrics.items() if n.startswith("val_")}
        return Scores({name: median(values) for name, values in own.items()}, own)

    @property
    def best_epochs(self) -> dict[str, list[float]]:
        """The best epoch of each replica; NaN where it has none."""
        epochs = self.replicas.best_epoch
        return {"best_epoch": np.where(epochs > 0, epochs, np.nan).tolist()} if epochs.any() else {}

    def diverged(self, block: Steps) -> Iterator[Finding]:
        """A finding for each replica whose loss and weights are no longer finite; it is not trained further."""
        finite = np.isfinite(block.loss)
        if finite.all():
            return
        r, seed = self.replicas, self.experiment.training.seed
        lost = torch.isfinite(self._flat).all(dim=1).logical_not().cpu().numpy()
        for k in np.flatnonzero(r.active & ~finite.all(axis=0) & lost).tolist():
            first = block.first_step + int(np.argmin(finite[:, k]))
            r.ended[k], r.diverged[k] = self.progress.step, True
            what = f"The loss and the weights of replica {k + 1} of {self.count} (seed {seed + k})"
            yield not_finite(self.progress.step, first, what=what)

    @property
    def is_lost(self) -> bool:
        """Whether every replica has diverged."""
        return bool(self.replicas.diverged.all())

    def _more_meta(self) -> dict[str, Any]:
        return {"replicas": self.replicas.to_dict()}

    def _more_random_states(self) -> dict[str, Tensor]:
        assert self.replicated.random is not None
        return {f"{_RANDOM}{k}": state for k, state in enumerate(self.replicated.random.states())}

    def _restore_more(self, checkpoint: Checkpoint) -> None:
        assert self.replicated.random is not None
        self.replicas = ReplicaProgress.from_dict(checkpoint.part("replicas"), self.count)
        states = checkpoint.group("random")
        self.replicated.random.restore([states[f"{_RANDOM}{k}"] for k in range(self.count)])
