"""Scoring of a run: baselines before it, the validation split after each epoch, every split at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace

from seqcore.data.splits import SPLIT_TITLES
from seqcore.evaluation.interruption import EvaluationInterrupted, interruptible
from seqcore.evaluation.metrics import Evaluation, Scores
from seqcore.events import Event, Finished, Metrics, Preparing, Preview
from seqcore.training.control import Control
from seqcore.training.previews import PreviewSchedule
from seqcore.training.state import TrainingState

__all__ = ["STOP_SECONDS", "Scoring"]

STOP_SECONDS = 2.0  # what is not scored so long after a stop was asked for stays unscored


class Scoring:
    """The scores of one attempt. `baselines`: baseline -> "<split>_<metric>" -> value, of the splits scored so far."""

    def __init__(self, state: TrainingState, control: Control) -> None:
        self._state, self._control = state, control
        self._sizes = {split: size for split, size in state.dataset.sizes().items() if size}
        self._baseline_seconds = 0.0  # for one window, on the split where it took longest
        self.baselines: dict[str, Metrics] = {}
        self.previews = PreviewSchedule(state.progress)

    def score_baselines(self) -> Iterator[Event]:
        """Score the baselines on the splits that are held out, the training split where none is."""
        splits: list[str] = [split for split in ("val", "test") if split in self._sizes] or ["train"]
        for number, split in enumerate(splits, 1):
            if number > 1 and self._control.ending is not None:
                return  # the next attempt scores it
            yield Preparing(self._state.progress.step, "Scoring the baselines", number, len(splits))
            began = time.perf_counter()
            self._keep_baselines(split, self._state.task.baseline_metrics(self._state.dataset, split))
            self._baseline_seconds = max(self._baseline_seconds, (time.perf_counter() - began) / self._sizes[split])

    def validation(self) -> Scores:
        """Loss and metrics of the current weights on the validation split; none where there is no such split.

        EvaluationInterrupted where the run was asked to end and scoring takes too long.
        """
        if "val" not in self._sizes:
            return Scores()
        state = self._state
        with interruptible(self._overdue):
            return _named({"val": state.task.evaluate(state.model, state.dataset, "val", full=False)})

    def preview(self) -> Preview:
        """What the model can do now, on validation data where there are any."""
        state = self._state
        split = state.dataset.preview_split()
        with self.previews.making():
            view = state.task.preview(state.model, state.dataset)
        return Preview(step=state.progress.step, split=split, view=view)

    def final_report(self, stop_reason: str | None, *, seconds: Callable[[], float]) -> Iterator[Event]:
        """Scores of the best and of the last weights on all splits, findings, and `Finished`.

        A run that is asked to stop, even only now, scores what it can within `STOP_SECONDS`; one that is asked to leave
        has no `Finished`.
        """
        state, p = self._state, self._state.progress
        last_weights = {name: t.detach().clone() for name, t in state.model.state_dict().items()}
        earlier = state.has_earlier_best
        if earlier:
            state.model.load_state_dict(state.best)
        best = yield from self._evaluate_splits("best" if earlier else "last")
        yield from self._findings(best, stop_reason)
        last = best
        if earlier:
            state.model.load_state_dict(last_weights)
            last = yield from self._evaluate_splits("last")
        if self._control.ending == "leave":
            return
        known = Scores() if "val" in best else state.best_scores
        status, reason = self._outcome(stop_reason)
        yield Finished(
            status=status,
            reason="; ".join(filter(None, (reason, self._not_scored(best)))),
            epochs=p.epoch,
            step=p.step,
            seconds=seconds(),
            metrics=(named := _named(best) | known | state.last_loss).metrics,
            last_metrics=(_named(last) | state.last_loss).metrics,
            baselines=self.baselines,
            best_epoch=p.best_epoch,
            replicas=named.replicas | state.best_epochs,
        )

    def _evaluate_splits(self, which: str) -> Generator[Event, None, dict[str, Evaluation]]:
        """Scores on all splits or, once the run is asked to end, on those there is time for; the test split first."""
        state = self._state
        found: dict[str, Evaluation] = {}
        for number, split in enumerate(reversed(self._sizes), 1):
            yield Preparing(state.progress.step, f"Scoring the {which} weights", number, len(self._sizes))
            if self._control.overdue(STOP_SECONDS - self._sizes[split] * self._baseline_seconds):
                continue
            try:
                with interruptible(self._overdue):
                    found[split] = state.task.evaluate(state.model, state.dataset, split)
            except EvaluationInterrupted:
                continue
            self._keep_baselines(split, found[split].baselines)
        return {split: found[split] for split in self._sizes if split in found}

    def _findings(self, evaluations: Mapping[str, Evaluation], stop_reason: str | None) -> Iterator[Event]:
        split = self._state.dataset.preview_split()
        if stop_reason != "diverged" and split in evaluations:
            for finding in self._state.task.diagnose(evaluations[split], self._state.dataset, split):
                yield replace(finding, step=self._state.progress.step)

    def _outcome(self, stop_reason: str | None) -> tuple[str, str]:
        p, patience = self._state.progress, self._state.experiment.training.patience
        if stop_reason == "stop":
            return "stopped", f"stopped on request after step {p.step}"
        if stop_reason == "diverged":
            kept = "the best weights before that are kept" if self._state.best else "no usable weights are kept"
            return "stopped", f"the loss was not finite by step {p.step}; {kept}"
        if self._state.out_of_patience:
            return "completed", f"early stopping: no better validation loss for {patience} epochs"
        return "completed", ""

    def _not_scored(self, evaluations: Mapping[str, Evaluation]) -> str:
        """Which of the held-out splits have no scores, or nothing."""
        missing = [SPLIT_TITLES[s] for s in ("val", "test") if s in self._sizes and s not in evaluations]
        if not missing:
            return ""
        return f"the {' and the '.join(missing)} split {'are' if len(missing) > 1 else 'is'} not scored"

    def _overdue(self) -> bool:
        """Whether the run was asked to end so long ago that an evaluation should end, too."""
        return self._control.overdue(STOP_SECONDS)

    def _keep_baselines(self, split: str, baselines: Mapping[str, Metrics]) -> None:
        for name, metrics in baselines.items():
            self.baselines.setdefault(name, {}).update({f"{split}_{metric}": v for metric, v in metrics.items()})


def _named(evaluations: Mapping[str, Evaluation]) -> Scores:
    """The scores of all splits, "<split>_<metric>"."""
    return Scores(
        {f"{split}_{name}": value for split, e in evaluations.items() for name, value in e.metrics.items()},
        {f"{split}_{name}": values for split, e in evaluations.items() for name, values in e.replicas.items()},
    )
