"""The processes that train side by side, and the weights that they start from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import side_by_side
from benchmarks.frameworks.case import Case
from benchmarks.frameworks.keras_weights import keras_weights
from benchmarks.frameworks.process import Failed, FrameworkProcess
from benchmarks.frameworks.torch_model import TutorialModel
from benchmarks.frameworks.with_seqcore import VALIDATION, experiment_of, series_of
from seqcore.events import Started
from seqcore.training.fit import fit

CASE = Case("gru", 6, 3, 8, steps=20)


NAMES = ("seqcore", "pytorch", "skorch", "darts")


@pytest.fixture(scope="module")
def frameworks() -> Iterator[side_by_side.Field]:
    """This project and plain PyTorch, one framework that is not installed here, and one without an environment."""
    where = {"skorch": sys.executable, "darts": None}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(side_by_side, "python_of", lambda name: where.get(name, sys.executable))
        with side_by_side.field_of(NAMES) as found:
            yield found


def test_processes_train_the_same_model_on_command(frameworks: side_by_side.Field, tmp_path: Path) -> None:
    losses = []
    for name in ("seqcore", "pytorch"):
        one = frameworks.processes[name]
        assert one.versions["torch"] == torch.__version__
        one.prepare(CASE, tmp_path / "weights.npz")
        rounds = [one.train(1), one.train(29)]
        one.finish()
        assert [(found.epochs, found.steps) for found in rounds] == [(1, 20), (29, 580)]
        assert all(found.seconds > 0 and found.cpu > 0 and found.memory > 10 for found in rounds)
        losses.append([found.loss for found in rounds])
    assert losses[0] == pytest.approx(losses[1], rel=0.2)  # the same weights; another order of the batches
    assert losses[0][1] < 0.1 * losses[0][0]


def test_whole_epochs_have_validation_and_start_anew_with_each_case(tmp_path: Path) -> None:
    with closing(FrameworkProcess("seqcore-epoch", sys.executable, tmp_path / "log")) as whole:
        whole.wait()
        losses = []
        for _ in range(2):
            whole.prepare(CASE, tmp_path / "weights.npz")
            found = whole.train(3)
            whole.finish()
            assert found.steps == 60
            losses.append(found.loss)
    assert losses[0] == losses[1]


@pytest.mark.parametrize("case", side_by_side.EPOCH_CASES[::3], ids=lambda case: case.size)
@pytest.mark.parametrize("validation", [0.0, VALIDATION])
def test_this_project_trains_on_as_many_windows_as_the_others(case: Case, validation: float) -> None:
    events = fit(experiment_of(case, validation=validation), data=series_of(case, validation))
    started = next(event for event in events if isinstance(event, Started))
    assert started.split_sizes["train"] == case.windows == len(case.arrays()[0])
    assert started.steps_per_epoch == case.steps
    assert (started.split_sizes["val"] > 0) == (validation > 0)


def test_a_case_that_fails_leaves_the_process_for_the_next(frameworks: side_by_side.Field, tmp_path: Path) -> None:
    plain = frameworks.processes["pytorch"]
    np.savez(tmp_path / "wrong.npz", weight_ih_l0=np.zeros(1, np.float32))
    with pytest.raises(Failed, match=r"KeyError: .*weight_hh_l0"):
        plain.prepare(CASE, tmp_path / "wrong.npz")
    plain.prepare(CASE, tmp_path / "weights.npz")
    assert plain.train().steps == 20
    plain.finish()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def keras_step(kind: str, x: np.ndarray, state: list[np.ndarray], weights: list[np.ndarray]) -> list[np.ndarray]:
    """One step as documented by Keras: SimpleRNN, LSTM (gates i, f, c, o) and GRU (z, r, h; reset_after)."""
    kernel, recurrent, bias = weights
    h = state[0]
    if kind == "rnn":
        return [np.tanh(x @ kernel + h @ recurrent + bias)]
    if kind == "lstm":
        i, f, c, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=1)
        cell = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(c)
        return [sigmoid(o) * np.tanh(cell), cell]
    x_z, x_r, x_h = np.split(x @ kernel + bias[0], 3, axis=1)
    h_z, h_r, h_h = np.split(h @ recurrent + bias[1], 3, axis=1)
    z = sigmoid(x_z + h_z)
    return [z * h + (1 - z) * np.tanh(x_h + sigmoid(x_r + h_r) * h_h)]


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru"])
def test_keras_gets_the_weights_of_torch(architecture: str) -> None:
    torch.manual_seed(0)
    model = TutorialModel(architecture, 5)
    weights = {name: parameter.detach().numpy() for name, parameter in model.rnn.named_parameters()}
    found = keras_weights(architecture, weights)
    x = np.random.default_rng(0).normal(size=(4, 7, 1)).astype(np.float32)
    state = [np.zeros((4, 5), np.float32)] * 2
    for t in range(7):
        state = keras_step(architecture, x[:, t], state, found)
    expected, _ = model.rnn(torch.from_numpy(x))
    np.testing.assert_allclose(state[0], expected[:, -1].detach().numpy(), atol=1e-6)


def test_a_framework_that_is_missing_is_reported_and_the_others_are_measured(frameworks: side_by_side.Field) -> None:
    measured = frameworks.train(CASE, 2, NAMES)
    assert [(name, len(found)) for name, found in measured.rounds.items()] == [("seqcore", 2), ("pytorch", 2)]
    assert measured.failures["skorch"] == "ModuleNotFoundError: No module named 'skorch'"
    assert "make benchmark" in measured.failures["darts"]
    rows = {row.name: row for row in side_by_side.step_rows(measured)}
    assert rows["plain PyTorch loop"].values == (1.0, 1.0)
    assert len(rows["this project"].values) == 2
    assert rows["this project"].facts["steps"] == 3 * CASE.steps
    assert rows["skorch"].skipped == measured.failures["skorch"]
