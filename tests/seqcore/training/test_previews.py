"""Previews: their plan, their share of a run's time, and that they change nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcore.events import Epoch, Preview, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.training import previews
from seqcore.training.fit import fit
from seqcore.training.previews import PREVIEW_SHARE, PreviewSchedule, next_preview
from seqcore.training.progress import Progress

pytestmark = pytest.mark.usefixtures("short_samples")


def test_at_least_twenty_previews_are_planned_and_their_gaps_grow() -> None:
    steps = [1]
    while steps[-1] < 2_000:
        steps.append(next_preview(steps[-1], 2_000))
    gaps = np.diff(steps)
    assert len(steps) >= 20
    assert (np.diff(gaps) >= 0).all()
    assert gaps.max() == 2_000 // 40


@pytest.mark.parametrize("cost", [0.001, 0.1, 3.0])
def test_previews_take_at_most_their_share_of_the_time(cost: float) -> None:
    time, spent, made = 0.0, 0.0, 0
    progress = Progress(planned=20_000)
    schedule = PreviewSchedule(progress, clock=lambda: time)
    for _ in range(20_000):
        time += 0.003
        progress.step += 1
        if schedule.due:
            schedule.plan_next()
            with schedule.making():
                time += cost
            spent, made = spent + cost, made + 1
    assert made >= 2
    assert spent <= PREVIEW_SHARE * time + 2 * cost  # the first two come before anything is known


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "data.source": "text",
            "data.options": {"text": "to be or not to be, that is the question. " * 12},
            "data.task": "language-modeling",
            "data.predict": "every",
            "data.window": 8,
        },
        {"data.source": "moving-shapes", "data.task": "classification", "data.options": {"samples": 100}},
    ],
    ids=["regression", "language-modeling", "classification"],
)
def test_previews_change_nothing_in_a_run(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"model.hidden_size": 6, "model.dropout": 0.3, "training.epochs": 1}
    experiment = Experiment.make().with_changes(small | changes)
    counts, numbers = [], []
    for share in (1.0, 1e-9):
        monkeypatch.setattr(previews, "PREVIEW_SHARE", share)
        events = list(fit(experiment))
        counts.append(sum(isinstance(e, Preview) for e in events))
        losses = np.concatenate([e.loss for e in events if isinstance(e, Steps)])
        numbers.append((losses.tolist(), [e.metrics for e in events if isinstance(e, Epoch)]))
    assert counts[0] > counts[1]
    assert numbers[0] == numbers[1]
