"""A stop ends soon: what takes long is broken off, what stays unscored is said, and no step is lost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import pytest
import torch

import seqcore.training.scoring
from seqcore.evaluation.interruption import EvaluationInterrupted, interruptible
from seqcore.events import CheckpointReady, Epoch, Event, Finished, Preparing, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import load_recipe
from seqcore.tasks import TASKS
from seqcore.training.control import Control
from seqcore.training.fit import fit, load_table

E = TypeVar("E", bound=Event)

PLAN = Experiment.make(
    {
        "data": {"source": "sine", "options": {"samples": 40}, "window": 8, "scaling": "standard"},
        "model": {"architecture": "gru", "hidden_size": 4},
        "training": {"epochs": 3, "batch_size": 64},
    }
)


def of(events: list[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def losses(events: list[Event]) -> list[float]:
    return [float(loss) for block in of(events, Steps) for loss in block.loss]


def run(
    plan: Experiment, when: Callable[[Event], bool], ask: str = "stop", resume: bytes | None = None
) -> tuple[list[Event], Finished | None]:
    """What a run says that is asked to end at the first event of which `when` is true."""
    control, events = Control(), []
    for event in fit(plan, control=control, resume=resume):
        events.append(event)
        if when(event):
            getattr(control, ask)()
    finished = of(events, Finished)
    return events, finished[0] if finished else None


def never(event: Event) -> bool:
    return False


def second_epoch(event: Event) -> bool:
    return isinstance(event, Epoch) and event.epoch == 2


def scoring(event: Event) -> bool:
    return isinstance(event, Preparing) and event.what.startswith("Scoring the") and "weights" in event.what


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop whose time is over as soon as it is asked for."""
    monkeypatch.setattr(seqcore.training.scoring, "STOP_SECONDS", -1.0)


@pytest.mark.usefixtures("no_time")
def test_a_stop_without_time_keeps_the_scores_of_its_best_epoch_and_says_what_is_not_scored() -> None:
    events, finished = run(PLAN, second_epoch)
    assert finished is not None
    assert finished.status == "stopped"
    assert finished.reason.endswith("the validation and the test split are not scored")
    best = [e for e in of(events, Epoch) if e.best][-1]
    assert finished.metrics["val_loss"] == best.metrics["val_loss"]
    assert not [name for name in finished.metrics if name.startswith("test_")]
    assert of(events, CheckpointReady)[-1].step == finished.step


def test_a_stop_scores_what_there_is_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seqcore.training.scoring, "STOP_SECONDS", 600.0)
    _, finished = run(PLAN, second_epoch)
    assert finished is not None
    assert all(math.isfinite(finished.metrics[f"{part}_mae"]) for part in ("train", "val", "test"))
    assert "not scored" not in finished.reason


@pytest.mark.usefixtures("no_time")
def test_a_resumed_run_that_is_stopped_at_once_still_knows_its_best_epochs_scores() -> None:
    events, first = run(PLAN, second_epoch)
    kept = of(events, CheckpointReady)[-1].content
    _, again = run(PLAN, lambda event: isinstance(event, Preparing), resume=kept)
    assert first is not None
    assert again is not None
    assert again.metrics["val_loss"] == first.metrics["val_loss"]


@pytest.mark.usefixtures("no_time")
def test_a_stop_while_a_completed_run_is_scored_ends_it_completed() -> None:
    _, finished = run(PLAN, scoring)
    assert finished is not None
    assert finished.status == "completed"
    assert finished.epochs == 3
    assert "not scored" in finished.reason


def test_leaving_while_a_run_is_scored_leaves_the_scores_to_whoever_goes_on() -> None:
    _, whole = run(PLAN, never)
    events, finished = run(PLAN, scoring, ask="leave")
    assert finished is None
    _, finished = run(PLAN, never, resume=of(events, CheckpointReady)[-1].content)
    assert finished is not None
    assert whole is not None
    assert finished.metrics == pytest.approx(whole.metrics)


def test_a_stop_while_an_epoch_is_scored_loses_no_step(monkeypatch: pytest.MonkeyPatch, no_time: None) -> None:
    whole, _ = run(PLAN, never)
    control = Control()
    task = type(TASKS[PLAN.data.task].load()(PLAN))
    evaluate = task.evaluate

    def and_stop(self, model, dataset, part, **options):  # type: ignore[no-untyped-def]
        if options.get("full") is False:
            control.stop()
        return evaluate(self, model, dataset, part, **options)

    with monkeypatch.context() as patched:
        patched.setattr(task, "evaluate", and_stop)
        events: list[Event] = list(fit(PLAN, control=control))
    assert not of(events, Epoch)
    assert of(events, Finished)[0].status == "stopped"
    more, finished = run(PLAN, never, resume=of(events, CheckpointReady)[-1].content)
    assert [e.epoch for e in of(more, Epoch)] == [1, 2, 3]
    assert losses(events) + losses(more) == losses(whole)
    assert finished is not None
    assert finished.status == "completed"


def test_a_stop_while_scalings_are_tried_ends_before_the_first_step() -> None:
    plan = PLAN.with_changes({"data.scaling": "auto"})
    events, finished = run(plan, lambda event: isinstance(event, Preparing) and "scaling" in event.what.lower())
    assert finished is not None
    assert (finished.status, finished.step) == ("stopped", 0)
    assert not of(events, Steps)


@pytest.mark.parametrize(
    ("recipe", "size"),
    [
        ("english-french", {"data.options.pairs": 200}),
        ("next-letter", {}),
        ("moving-shapes", {"data.options.samples": 60}),
        ("sine-next-step", {"data.options.samples": 60}),
    ],
)
def test_scoring_is_broken_off_whatever_the_task(recipe: str, size: dict[str, int]) -> None:
    plan = load_recipe(recipe).experiment.with_changes(size)
    task = TASKS[plan.data.task].load()(plan)
    device = torch.device("cpu")
    table = load_table(plan)
    dataset = task.make_dataset(table, device)
    model = task.build_model(dataset.codec)
    with pytest.raises(EvaluationInterrupted), interruptible(lambda: True):
        task.evaluate(model, dataset, "val", full=False)
