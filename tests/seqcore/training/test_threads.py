"""Threads: chosen by the size of the model and the cores of a run, and kept by a resumed run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seqcore.events import CheckpointReady, Started, Steps
from seqcore.experiment.experiment import Experiment
from seqcore.training import threads
from seqcore.training.checkpoint import Checkpoint, pack, unpack
from seqcore.training.fit import fit
from seqcore.training.threads import CORES_VARIABLE, available_cores, choose_threads, cores_of_a_slot

PLAN: dict[str, Any] = {"data.options.samples": 90, "model.hidden_size": 4, "training.epochs": 1}


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CORES_VARIABLE, raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads, "available_cores", lambda: 8)


@pytest.mark.usefixtures("eight_cores")
def test_large_models_have_more_threads_and_never_more_than_cores() -> None:
    assert choose_threads(nn.LSTM(1, 50), 32) == 1
    assert choose_threads(nn.LSTM(100, 512), 8) == 2
    assert choose_threads(nn.LSTM(100, 512), 64) == 8


@pytest.mark.usefixtures("eight_cores")
def test_the_table_of_an_embedding_multiplies_nothing() -> None:
    assert choose_threads(nn.Sequential(nn.Embedding(200_000, 100), nn.Linear(100, 3)), 32) == 1


@pytest.mark.usefixtures("eight_cores")
def test_runs_beside_each_other_divide_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [cores_of_a_slot(slots) for slots in (1, 2, 3, 20)] == [8, 4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert [cores_of_a_slot(slots) for slots in (1, 2, 4)] == [3, 3, 2]
    monkeypatch.setenv(CORES_VARIABLE, "5")
    assert choose_threads(nn.LSTM(100, 512), 64) == 5


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_a_control_group_counts(files: dict[str, str], cores: float | None, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert threads._quota(tmp_path) == cores


def test_there_is_a_core() -> None:
    assert available_cores() >= 1


def started(events: list[Any]) -> Started:
    return next(e for e in events if isinstance(e, Started))


def test_a_resumed_run_keeps_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Experiment.make().with_changes(PLAN)
    monkeypatch.setattr("seqcore.training.fit.choose_threads", lambda model, batch_size, divided: 2)
    before = torch.get_num_threads()
    seen = []
    events = []
    for event in fit(experiment):
        seen.append(torch.get_num_threads())
        events.append(event)
    assert started(events).threads == 2
    assert set(seen) == {before}  # the caller's own, between two events
    content = next(e.content for e in events if isinstance(e, CheckpointReady))
    monkeypatch.setattr("seqcore.training.fit.choose_threads", lambda model, batch_size, divided: 1)
    assert started(list(fit(experiment, resume=content))).threads == 2
    assert started(list(fit(experiment.with_changes({"training.threads": 1}), resume=content))).threads == 1


def test_a_checkpoint_without_a_number_is_of_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Experiment.make().with_changes(PLAN)
    content = next(e.content for e in fit(experiment) if isinstance(e, CheckpointReady))
    kept = unpack(content)
    older = {k: v for k, v in kept.part("progress").items() if k != "threads"}
    monkeypatch.setattr("seqcore.training.fit.choose_threads", lambda model, batch_size, divided: 2)
    events = list(fit(experiment, resume=repacked(kept, {**kept.meta, "progress": older})))
    assert started(events).threads == 1


def repacked(kept: Checkpoint, meta: dict[str, Any]) -> bytes:
    groups: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in kept.tensors.items():
        prefix, _, rest = name.partition(".")
        groups.setdefault(prefix, {})[rest] = tensor
    return pack(meta, groups)


def test_steps_of_a_large_model_are_counted_on_its_threads() -> None:
    plan = PLAN | {"training.threads": 2, "training.batch_size": 64}
    events = list(fit(Experiment.make().with_changes(plan)))
    assert started(events).threads == 2
    assert sum(len(e.loss) for e in events if isinstance(e, Steps)) > 0
