"""The update-to-weight ratio is that of the step which the run itself takes next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seqcore.errors import PredictionError
from seqcore.events import CheckpointReady, SnapshotReady
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import recipe
from seqcore.insight.updates import update_ratios
from seqcore.results.updates import UpdatesView
from seqcore.training.checkpoint import joined, unpack
from seqcore.training.control import Control
from seqcore.training.fit import fit, load_table
from seqcore.training.snapshots import Snapshots
from seqcore.training.state import TrainingState


def contents(experiment: Experiment) -> list[bytes]:
    return [event.content for event in fit(experiment) if isinstance(event, CheckpointReady)]


def small(**changes: Any) -> Experiment:
    return recipe("sine-to-cosine").with_changes(
        {"model.hidden_size": 4, "training.epochs": 2, "data.options.steps": 40, **changes}
    )


def test_the_ratios_are_those_of_the_next_step_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = small()
    table = load_table(experiment)
    first = TrainingState.count_step
    taken: list[tuple[int, bytes]] = []

    def counted(self: TrainingState, recurrent_state: Any) -> None:
        first(self, recurrent_state)
        if self.progress.step in (3, 4):
            taken.append((self.progress.step, self.checkpoint(seconds=0.0, epoch_seconds=0.0).content))

    monkeypatch.setattr(TrainingState, "count_step", counted)
    contents(experiment)
    monkeypatch.undo()
    before, after = (unpack(content).group("model") for _, content in taken[:2])
    view = update_ratios([taken[0][1]], table)
    assert view.model_steps == (3,)
    assert view.names == ("weight_ih_l0", "weight_hh_l0", "head.weight")
    for name, ratio in zip(view.names, view.ratios[0].tolist(), strict=True):
        (full,) = [key for key in before if key.endswith(name)]
        expected = (after[full] - before[full]).double().norm() / before[full].double().norm()
        assert ratio == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(
    "changes",
    [{}, {"training.stateful": False, "training.shuffle": True}, {"training.stateful": False, "training.replicas": 2}],
)
def test_after_a_change_of_the_batch_size_every_ratio_is_that_of_the_next_step(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    """At the end of its epoch, too, where the size that waited for the next one counts."""
    experiment = small(**{"training.epochs": 4, "training.batch_size": 8, **changes})
    control, kept = Control(), {}
    monkeypatch.setattr(Snapshots, "due", property(lambda _: True))
    for event in fit(experiment, control=control):
        if isinstance(event, SnapshotReady):
            kept[event.step] = joined(event.shared, event.content)
            if event.step == 2:
                control.change({"training.batch_size": 5})
    weights = {step: unpack(content).group("model") for step, content in kept.items()}
    view = update_ratios(kept.values(), load_table(experiment))
    known = [step for step in kept if step + 1 in kept and step != 2]  # which is that before the change
    assert len(known) > 12
    for step in known:
        ratios = view.ratios[view.model_steps.index(step)]
        for name, ratio in zip(view.names, ratios.tolist(), strict=True):
            (full,) = [key for key in weights[step] if key.endswith(name)]
            before, after = (
                weights[s][full].double().reshape(experiment.training.replicas, -1) for s in (step, step + 1)
            )
            assert ratio == pytest.approx(
                float(((after - before).norm(dim=1) / before.norm(dim=1)).quantile(0.5)), rel=1e-6
            )


def test_the_callers_random_numbers_are_left_alone() -> None:
    experiment = small(**{"training.epochs": 1})
    content = contents(experiment)[-1]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    view = update_ratios([content, content], load_table(experiment))
    assert torch.equal(torch.rand(3), expected)
    np.testing.assert_array_equal(view.ratios[0], view.ratios[1])  # at the end of the run: the step that would follow


def test_of_replicas_the_median_is_given() -> None:
    experiment = recipe("ramp-next-value").with_changes({"training.epochs": 2, "training.replicas": 3})
    view = update_ratios([contents(experiment)[-1]], load_table(experiment))
    assert np.isfinite(view.ratios).all()
    assert all("bias" not in name for name in view.names)


def test_no_snapshot_is_an_error() -> None:
    with pytest.raises(PredictionError, match="no snapshots"):
        update_ratios([], load_table(small()))


def test_a_normalized_weight_has_a_length_and_a_direction() -> None:
    experiment = small(**{"training.epochs": 1, "model.architecture": "tcn"})
    names = update_ratios([contents(experiment)[0]], load_table(experiment)).names
    assert {"blocks.0.first (length)", "blocks.0.first (direction)"} <= set(names)


def test_a_ratio_that_is_not_finite_is_said_to_be_so() -> None:
    view = UpdatesView((0, 3), ("weight",), np.array([[1e-3], [np.nan]]))
    assert view.summary()[1] == [["weight", "0.001", "not finite"]]
