"""What `fit` says of its run, and how it listens: blocks of steps, epochs, previews, checkpoints, findings, the end."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqcore.data.splits import PART_TITLES
from seqcore.data.table import describe_table
from seqcore.errors import ExperimentError, did_you_mean
from seqcore.evaluation.metrics import Evaluation
from seqcore.events import (
    Changed,
    CheckpointReady,
    Epoch,
    Event,
    Finding,
    Finished,
    Metrics,
    Preparing,
    Preview,
    Started,
    Steps,
)
from seqcore.tasks.model_summary import summarize_model
from seqcore.training.control import LIVE_CHANGES, Control
from seqcore.training.devices import resolve
from seqcore.training.interruption import EvaluationInterrupted, interruptible
from seqcore.training.isolated_rng import IsolatedRng
from seqcore.training.state import TrainingState

__all__ = ["STOP_SECONDS", "Report", "before_the_first_step"]

STOP_SECONDS = 2.0  # what is not scored so long after a stop was asked for stays unscored

_BLOCK_SECONDS = 0.08  # a block of steps is handed out before a tenth of a second has passed
_CHECKPOINT_SECONDS = 2.0
_PREVIEW_GROWTH = 1.2
_PREVIEWS = 40  # the longest gap between previews is this part of the run
_LAST_LOSSES = 20


class Report:
    """The events of one attempt. `ending` is why the loop must end early: "stop", "leave", "lost" or None."""

    def __init__(self, state: TrainingState, control: Control, replay: list[Changed], turns: IsolatedRng) -> None:
        self.state, self.control, self.turns = state, control, turns
        self.ending: str | None = None
        self._replay = [c for c in replay if c.step >= state.progress.step]
        self._steps: list[tuple[Tensor, Tensor, float, int]] = []
        self._block_began = self._saved = time.perf_counter()
        turns.start_at(state.progress.seconds)
        self._epoch_began = turns.seconds - state.progress.epoch_seconds
        self._baselines: dict[str, Metrics] = {}
        self._naive_pace = 0.0  # seconds that the baselines take for a window, where they are slowest

    def start(self, leaks: Sequence[Finding] = ()) -> Iterator[Event]:
        """What was resolved; what the data give away; the first picture of a new run; what was asked before the first
        step. `leaks` are from `find_leaks`."""
        state, p = self.state, self.state.progress
        data, training = state.dataset, state.experiment.training
        judged = [part for part in ("val", "test") if len(data.windows[part])] or ["train"]
        for number, part in enumerate(judged, 1):
            if number > 1 and self.control.ending is not None:
                break  # the next attempt scores them anew
            yield Preparing(p.step, "Scoring the baselines", number, len(judged))
            began = time.perf_counter()
            self._keep_baselines({part: state.task.baseline_metrics(data, part)})
            pace = (time.perf_counter() - began) / len(data.windows[part])
            self._naive_pace = max(self._naive_pace, pace)
        summary = summarize_model(state.model, state.experiment)
        yield Started(
            device=str(state.device),
            device_reason=resolve(training.device)[1],
            threads=torch.get_num_threads(),
            versions={"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
            parameters=summary.parameters,
            parts=data.sizes(),
            baselines=self._baselines,
            headline=next(n for n in (*state.task.reference, *self._baselines) if n in self._baselines),
            metric=state.task.metric,
            summary=summary.layers,
            data=describe_table(data.table),
            steps_per_epoch=state.steps_per_epoch,
            epochs=training.epochs,
            step=p.step,
            epoch=p.epoch,
            unit=state.task.unit,
        )
        for note in data.table.notes:
            yield Finding(step=p.step, code="note", message=note, severity="info")
        for leak in leaks:
            yield replace(leak, step=p.step)
        if p.step == 0:
            yield self._preview()
        yield from self.heed()

    def step(self, loss: Tensor, norm: Tensor, learning_rate: float, windows: int) -> None:
        """Keep a step's numbers until the next block; tensors, so that a GPU isn't waited for."""
        if not self._steps:
            self._block_began = time.perf_counter()
        self._steps.append((loss, norm, learning_rate, windows))

    def over(self) -> bool:
        """Whether the loop must end before its time."""
        return self.ending is not None

    @property
    def due(self) -> bool:
        """Whether there is anything to say or to hear before the next step."""
        step = self.state.progress.step
        return (
            self.control.asked
            or time.perf_counter() - self._block_began > _BLOCK_SECONDS
            or step >= self.state.progress.next_preview
            or (bool(self._replay) and step >= self._replay[0].step)
        )

    def between_steps(self) -> Iterator[Event]:
        """The block so far, a preview and a checkpoint where they are due, and what was asked."""
        yield from self._block()
        if self.ending is not None:
            return
        p = self.state.progress
        if p.step >= p.next_preview:
            p.next_preview = next_preview(p.step, p.planned)
            yield self._preview()
        if time.perf_counter() - self._saved > _CHECKPOINT_SECONDS:
            yield self._checkpoint()
        yield from self.heed()

    def end_epoch(self) -> Iterator[Event]:
        """Close an epoch: its block, its scores, and all that is due between steps."""
        yield from self._block()
        if self.ending is not None:
            return
        state, p = self.state, self.state.progress
        train_loss = p.loss_sum / max(p.windows, 1)
        metrics: Metrics = {"train_loss": train_loss}
        if len(state.dataset.windows["val"]):
            try:
                with self._ends_soon():
                    metrics |= _named("val", state.task.evaluate(state.model, state.dataset, "val", full=False))
            except EvaluationInterrupted:  # all steps of the epoch are done, and whoever goes on will close it
                yield from self.heed()
                return
        step, seconds = p.step, self.turns.seconds - self._epoch_began
        best = state.end_epoch(metrics.get("val_loss"))
        if best:
            p.best_metrics = metrics
        self._epoch_began = self.turns.seconds
        yield Epoch(epoch=p.epoch, step=step, metrics=metrics, seconds=seconds, best=best)
        yield from self.between_steps()

    def finish(self) -> Iterator[Event]:
        """The last checkpoint and, unless somebody goes on later, findings and scores.

        A run that is asked to stop, even only now, scores what it can within `STOP_SECONDS`.
        """
        state, p = self.state, self.state.progress
        yield from self._block()
        if p.step > 0 and self.ending != "leave":
            yield self._preview()
        yield self._checkpoint()
        if self.ending == "leave":
            return
        current = {name: t.detach().clone() for name, t in state.model.state_dict().items()}
        earlier = bool(state.best) and p.best_step != p.step
        if earlier:
            state.model.load_state_dict(state.best)
        chosen = yield from self._evaluate_parts("best" if earlier else "last")
        yield from self._findings(chosen)
        last = chosen
        if earlier:
            state.model.load_state_dict(current)
            last = yield from self._evaluate_parts("last")
        if self.control.ending == "leave":
            return
        extra = {"train_loss_last_20": math.fsum(p.last_losses) / len(p.last_losses)} if p.last_losses else {}
        known = {n: v for n, v in p.best_metrics.items() if n.startswith("val_")} if "val" not in chosen else {}
        status, reason = self._outcome()
        yield Finished(
            status=status,
            reason=reason + self._unscored(chosen),
            epochs=p.epoch,
            step=p.step,
            seconds=self.turns.seconds,
            metrics=_all_named(chosen) | known | extra,
            last_metrics=_all_named(last) | extra,
            baselines=self._baselines,
            best_epoch=p.best_epoch,
        )

    def _outcome(self) -> tuple[str, str]:
        p, patience = self.state.progress, self.state.experiment.training.patience
        if self.ending == "stop":
            return "stopped", f"stopped on request after step {p.step}"
        if self.ending == "lost":
            return "stopped", f"the loss stopped being a number by step {p.step}; the best weights before that are kept"
        if self.state.out_of_patience:
            return "completed", f"no better validation loss for {patience} epochs"
        return "completed", "all epochs done"

    def _block(self) -> Iterator[Event]:
        if not self._steps:
            return
        p = self.state.progress
        loss = torch.stack([s[0] for s in self._steps]).cpu().double().numpy()  # MPS has no doubles
        norm = torch.stack([s[1] for s in self._steps]).cpu().double().numpy()
        rates = np.array([s[2] for s in self._steps])
        for value, (_, _, _, windows) in zip(loss.tolist(), self._steps, strict=True):
            p.loss_sum += value * windows
            p.windows += windows
        p.last_losses = [*p.last_losses, *loss.tolist()][-_LAST_LOSSES:]
        yield Steps(p.step - len(self._steps) + 1, loss, norm, rates)
        self._steps = []
        if not np.isfinite(loss).all() and not self.state.finite():
            self.ending = "lost"
            first = p.step - len(loss) + 1 + int(np.argmin(np.isfinite(loss)))
            yield Finding(
                step=p.step,
                code="loss-not-finite",
                severity="error",
                message=f"The loss stopped being a number at step {first}, and the weights with it.",
                evidence="A step was so large that the numbers overflowed.",
                remedy="Make the learning rate smaller, or clip the gradient (training.clip_norm = 1).",
            )

    def heed(self) -> Iterator[Event]:
        """Replay what an earlier attempt changed here; then do what was asked."""
        state, p = self.state, self.state.progress
        while self._replay and p.step >= self._replay[0].step:
            state.change(self._replay.pop(0).changes)
        while self.control.asked and self.ending is None:  # a caller may rest at a checkpoint, and then ask for more
            changes, save, self.ending = self.control.take()
            for wanted in changes:
                yield self._changed(wanted)
            if save and self.ending is None:
                yield self._checkpoint()

    def _changed(self, wanted: dict[str, Any]) -> Event:
        """Do what was asked, or say why not."""
        step = self.state.progress.step
        try:
            for path in wanted:
                if path not in LIVE_CHANGES:
                    near = did_you_mean(path, LIVE_CHANGES)
                    raise ExperimentError(f"{path}: can't be changed while a run goes{near}")
            self.state.change(wanted)
        except ExperimentError as error:
            return Finding(step=step, code="change-refused", message=" ".join(error.lines))
        return Changed(step=step, changes=wanted)

    def _checkpoint(self) -> CheckpointReady:
        p = self.state.progress
        p.seconds = self.turns.seconds
        p.epoch_seconds = p.seconds - self._epoch_began
        ready = self.state.checkpoint()
        self._saved = time.perf_counter()
        return ready

    def _preview(self) -> Preview:
        state = self.state
        part = state.dataset.shown_part()
        return Preview(step=state.progress.step, part=part, view=state.task.preview(state.model, state.dataset))

    def _evaluate_parts(self, which: str) -> Generator[Event, None, dict[str, Evaluation]]:
        """Scores on all parts or, once the run is asked to end, on those there is time for; the test part first.

        What is missing in what it returns is not scored.
        """
        state = self.state
        sizes = {part: size for part, size in state.dataset.sizes().items() if size}
        found: dict[str, Evaluation] = {}
        for number, part in enumerate(reversed(sizes), 1):
            yield Preparing(state.progress.step, f"Scoring the {which} weights", number, len(sizes))
            if self.control.overdue(STOP_SECONDS - sizes[part] * self._naive_pace):
                continue
            try:
                with self._ends_soon():
                    found[part] = state.task.evaluate(state.model, state.dataset, part)
            except EvaluationInterrupted:
                continue
        evaluations = {part: found[part] for part in sizes if part in found}
        self._keep_baselines({part: evaluation.baselines for part, evaluation in evaluations.items()})
        return evaluations

    def _ends_soon(self) -> AbstractContextManager[None]:
        """Raise EvaluationInterrupted where the run was asked to end and scoring takes too long."""
        return interruptible(self.state.model, lambda: self.control.overdue(STOP_SECONDS))

    def _unscored(self, evaluations: Mapping[str, Evaluation]) -> str:
        """Which of the parts that were held back have no scores, as the end of a sentence, or nothing."""
        sizes = self.state.dataset.sizes()
        missing = [PART_TITLES[part] for part in ("val", "test") if sizes[part] and part not in evaluations]
        if not missing:
            return ""
        return f"; the {' and the '.join(missing)} part {'are' if len(missing) > 1 else 'is'} not scored"

    def _keep_baselines(self, by_part: dict[str, dict[str, Metrics]]) -> None:
        for part, baselines in by_part.items():
            for name, metrics in baselines.items():
                named = {f"{part}_{metric}": value for metric, value in metrics.items()}
                self._baselines = {**self._baselines, name: {**self._baselines.get(name, {}), **named}}

    def _findings(self, evaluations: dict[str, Evaluation]) -> Iterator[Event]:
        part = self.state.dataset.shown_part()
        if self.ending == "lost" or part not in evaluations:
            return
        for finding in self.state.task.diagnose(evaluations[part], self.state.dataset, part):
            yield replace(finding, step=self.state.progress.step)


def before_the_first_step(control: Control, turns: IsolatedRng) -> Iterator[Event]:
    """The end of a run that was asked to end before it could begin: nothing was learned, and nothing is kept."""
    if control.ending == "stop":
        reason = "stopped on request before the first step"
        yield Finished("stopped", reason, epochs=0, step=0, seconds=turns.seconds, metrics={}, last_metrics={})


def next_preview(step: int, planned: int) -> int:
    """The step of the preview after the one at `step`: gaps grow geometrically, up to a share of the planned run."""
    grown = max(step + 1, math.ceil(step * _PREVIEW_GROWTH))
    return min(grown, step + max(1, planned // _PREVIEWS))


def _named(part: str, evaluation: Evaluation) -> Metrics:
    return {f"{part}_{name}": value for name, value in evaluation.metrics.items()}


def _all_named(evaluations: dict[str, Evaluation]) -> Metrics:
    return {name: value for part, e in evaluations.items() for name, value in _named(part, e).items()}
