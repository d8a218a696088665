"""Balanced class weights affect the loss only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqcore.data.labeled_dataset import UNKNOWN_CLASS
from seqcore.data.profile.facts import default_config
from seqcore.data.profile.profile import profile_table
from seqcore.data.table import Table
from seqcore.events import CheckpointReady, Epoch, Event, Finding, Finished
from seqcore.experiment.experiment import Experiment, settings_of
from seqcore.tasks.classification import Classification, balanced_weights
from seqcore.training.control import Control
from seqcore.training.fit import fit

CPU = torch.device("cpu")


def uneven(rare: float, count: int = 400, *, seed: int = 0) -> Table:
    """Noise of 8 steps, of a mean that is a little higher where the class is the rare one: classes overlap much."""
    random = np.random.default_rng(seed)
    yes = np.arange(count) < round(rare * count)
    values = random.normal(size=(count, 8)) + 0.5 * yes[:, None]
    order = random.permutation(count)
    return Table(
        values=values[order].reshape(-1, 1),
        columns=("x",),
        offsets=np.arange(count + 1) * 8,
        independent=True,
        labels=np.where(yes, "rare", "basic")[order],
    )


def experiment(weights: str, **changes: Any) -> Experiment:
    small = {
        "data.task": "classification", "data.test_fraction": 0.3, "model.architecture": "gru", "model.hidden_size": 8,
        "training.epochs": 15, "training.class_weights": weights,
    }  # fmt: skip
    return Experiment().with_changes({**small, **changes})


def trained(table: Table, weights: str, **changes: Any) -> tuple[dict[str, float | None], list[Event]]:
    events = list(fit(experiment(weights, **changes), data=table))
    return next(e for e in events if isinstance(e, Finished)).metrics, events


def test_balanced_weights_equalize_classes_and_have_mean_one() -> None:
    counts = np.array([950.0, 40.0, 10.0])
    weights = balanced_weights(counts)
    np.testing.assert_allclose(weights * counts, 1000 / 3)
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1.0)


def losses(table: Table, weights: str, outputs: NDArray[np.float32], **changes: Any) -> tuple[float, NDArray[np.int64]]:
    task = Classification(experiment(weights, **changes))
    data = task.make_dataset(table, CPU)
    batch = data.batch("train", np.arange(len(outputs)))
    return float(task.loss(torch.from_numpy(outputs), batch)), batch.targets.numpy()


def test_class_weights_come_from_the_training_split_only() -> None:
    table = uneven(0.1)
    outputs = np.random.default_rng(1).normal(size=(100, 8, 2)).astype(np.float32)
    task = Classification(experiment("none"))
    data = task.make_dataset(table, CPU)
    classes = data.truth("train", np.arange(len(data.windows["train"])))
    shares = np.bincount(classes) / len(classes)
    plain, targets = losses(table, "none", outputs)
    balanced, _ = losses(table, "balanced", outputs)
    log = outputs - np.log(np.exp(outputs).sum(axis=2, keepdims=True))
    nats = -np.take_along_axis(log, targets[:, None, None], axis=2)[:, :, 0]
    by_sequence = 0.5 * nats[:, -1] + 0.5 * nats.mean(axis=1)
    assert plain == pytest.approx(by_sequence.mean(), rel=1e-5)
    assert balanced == pytest.approx((by_sequence / (2 * shares[targets])).mean(), rel=1e-5)


def test_an_unknown_class_has_no_loss_with_class_weights() -> None:
    task = Classification(experiment("balanced"))
    data = task.make_dataset(uneven(0.3, 60), CPU)
    data.classes[:] = UNKNOWN_CLASS
    data._classes[:] = UNKNOWN_CLASS
    batch = data.batch("train", np.arange(10))
    assert float(task.loss(torch.zeros(10, 8, 2), batch)) == 0.0


def test_combined_batches_keep_their_class_weights() -> None:
    data = Classification(experiment("balanced")).make_dataset(uneven(0.1), CPU)
    groups = [np.arange(0, 30), np.arange(30, 50)]
    for gathered, numbers in zip(data.gather("train", groups), groups, strict=True):
        alone = data.batch("train", numbers)
        assert torch.equal(gathered.extra["weight"], alone.extra["weight"])
        assert len(set(alone.extra["weight"].tolist())) == 2


def test_balanced_weights_improve_macro_f1_of_a_rare_class() -> None:
    better = []
    for seed in range(2):  # plain training never names the rare class: it is unlikely, whatever the values are
        table = uneven(0.05, 1_400, seed=seed)
        plain, balanced = (trained(table, weights, **{"training.epochs": 6})[0] for weights in ("none", "balanced"))
        assert plain["test_accuracy"] == pytest.approx(0.95, abs=0.005)
        better.append(balanced["test_macro_f1"] - plain["test_macro_f1"])
    assert min(better) > 0.0
    assert np.mean(better) > 0.03


def test_a_run_with_class_weights_resumes_bit_for_bit() -> None:
    e, table = experiment("balanced", **{"training.epochs": 2}), uneven(0.1, 120)
    whole = next(event for event in fit(e, data=table) if isinstance(event, Finished))
    control, half = Control(), b""
    for event in fit(e, data=table, control=control):
        if isinstance(event, Epoch):
            control.leave()
        if isinstance(event, CheckpointReady):
            half = event.content
    rest = next(event for event in fit(e, data=table, resume=half) if isinstance(event, Finished))
    assert rest.last_metrics == whole.last_metrics


def test_class_weights_are_advised_for_imbalanced_classes_and_never_predicted_ones() -> None:
    def advice(table: Table) -> list[str]:
        return [r.remedy for r in profile_table(table, default_config(table)).findings if r.code == "imbalanced"]

    assert advice(uneven(0.22)) == []
    (text,) = advice(uneven(0.18))
    assert "training.class_weights" in text
    _, events = trained(uneven(0.05, 400), "none")
    said = [e for e in events if isinstance(e, Finding) and e.code in ("learned-the-majority", "class-never-predicted")]
    assert said
    assert all("training.class_weights = balanced" in e.remedy for e in said)


def test_class_weights_apply_to_classification_only() -> None:
    field = next(s for s in settings_of(Experiment()) if s.path == "training.class_weights")
    assert field.applies_to == {"data.task": ("classification",)}
