"""CUDA graphs: which runs are captured, and why others are not. What needs a GPU is in `tests/gpu`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from seqcore.experiment.experiment import Experiment
from seqcore.experiment.live import live_settings
from seqcore.tasks import TASKS
from seqcore.training.captured import CapturedStep, constants_of, why_not_captured
from seqcore.training.fit import load_table
from seqcore.training.replicas import state_type
from seqcore.training.state import TrainingState


def state(**changes: Any) -> TrainingState:
    small = {"data.options.samples": 120, "model.hidden_size": 4}
    experiment = Experiment.make().with_changes(small | {k.replace("__", "."): v for k, v in changes.items()})
    task, cpu = TASKS[experiment.data.task].load()(experiment), torch.device("cpu")
    return state_type(experiment).fresh(experiment, task, task.make_dataset(load_table(experiment), cpu), cpu)


def on_gpu(made: TrainingState) -> TrainingState:
    """The state as if it were on a GPU, for what is decided before any step."""
    made.device = torch.device("cuda:0")
    return made


def test_on_a_cpu_nothing_is_captured_and_nothing_said() -> None:
    made = state()
    step = CapturedStep(made)
    assert why_not_captured(made) == "it is not trained on an NVIDIA GPU"
    assert step(next(made.remaining_batches())[0]) is None
    assert step.take_finding() is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"training__optimizer": "adagrad"}, "adagrad needs numbers of the CPU"),
        ({"training__replicas": 2}, "replicas are trained together"),
        ({"data__min_window": 3}, "sequences have different lengths"),
        (
            {"training__stateful": True, "training__shuffle": False, "data__scaling": "standard"},
            "a recurrent state is carried",
        ),
    ],
)
def test_why_a_run_is_not_captured(changes: dict[str, Any], reason: str | None) -> None:
    found = why_not_captured(on_gpu(state(**changes)))
    assert found == reason or (reason is not None and found is not None and reason in found)


def test_the_reason_is_said_once_on_a_gpu() -> None:
    step = CapturedStep(on_gpu(state(training__optimizer="adagrad")))
    finding = step.take_finding()
    assert finding is not None
    assert finding.code == "cuda-graph"
    assert "not captured" in finding.message
    assert step.take_finding() is None


def test_a_live_change_that_a_graph_holds_asks_for_another_graph() -> None:
    """Only the learning rate, a tensor, and what does not concern steps may change under the same graph."""
    made = state(training__snapshots=False)
    value = {"whole": 7, "number": 0.25}
    for setting, reason in live_settings(made.experiment):
        if reason is None:
            before = constants_of(made)
            made.apply_changes({setting.path: value[setting.kind]})
            unaffected = setting.path in ("training.learning_rate", "training.epochs", "training.patience")
            assert (constants_of(made) == before) == unaffected, setting.path


def test_tasks_whose_steps_differ() -> None:
    translation = Experiment.make().with_changes({"data.source": "everyday-phrases", "data.task": "translation"})
    assert not TASKS["translation"].load()(translation).same_operations
    shapes = Experiment.make().with_changes({"data.source": "moving-shapes", "data.task": "classification"})
    assert TASKS["classification"].load()(shapes).same_operations
    both = shapes.with_changes({"model.bidirectional": True})
    assert not TASKS["classification"].load()(both).same_operations
