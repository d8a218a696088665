"""Updates of optimizers: equal to torch's own `step` to the bit, in values and in stored state."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from seqcore.experiment.config import TrainingConfig
from seqcore.training.optimizers import OPTIMIZERS, make_optimizer
from seqcore.training.updates import Update

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "sgd": [{}, {"momentum": 0.9}, {"momentum": 0.8, "nesterov": True}],
    "rmsprop": [{}, {"momentum": 0.7}],
}
CASES = [(name, more) for name in OPTIMIZERS for more in VARIANTS.get(name, [{}])]


def gradients(model: nn.Module, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for p in model.parameters():
        p.grad = torch.randn(p.shape, generator=generator)


def models() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 37), nn.Linear(37, 2))  # sizes that are no multiples of a vector's
    return model, copy.deepcopy(model)


@pytest.mark.parametrize(("name", "more"), CASES, ids=[f"{name} {more}" for name, more in CASES])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_an_update_equals_a_step_of_torch(name: str, more: dict[str, Any], decay: float) -> None:
    config = TrainingConfig(optimizer=name, weight_decay=decay, **more)
    ours, theirs = models()
    mine, plain = (make_optimizer(m.parameters(), config) for m in (ours, theirs))
    update = Update(mine)
    for step in range(12):
        for optimizer in (mine, plain):
            optimizer.param_groups[0]["lr"] = 0.01 / (step + 1)
        gradients(ours, step)
        gradients(theirs, step)
        update()
        plain.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    state, expected = mine.state_dict()["state"], plain.state_dict()["state"]
    assert state.keys() == expected.keys()
    for index, entry in expected.items():
        assert entry.keys() == state[index].keys()
        assert all(torch.equal(value, state[index][key]) for key, value in entry.items() if value is not None)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_restored_optimizer_continues_to_the_bit(name: str) -> None:
    config = TrainingConfig(optimizer=name, momentum=0.5)
    ours, copied = models()
    mine = make_optimizer(ours.parameters(), config)
    update = Update(mine)
    for step in range(6):
        if step == 3:
            copied.load_state_dict(ours.state_dict())
            other = make_optimizer(copied.parameters(), config)
            other.load_state_dict(copy.deepcopy(mine.state_dict()))
            continued = Update(other)
        gradients(ours, step)
        update()
        if step >= 3:
            gradients(copied, step)
            continued()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), copied.parameters(), strict=True))


def test_a_parameter_without_gradient_is_left_alone() -> None:
    ours, theirs = models()
    config = TrainingConfig(optimizer="adam")
    mine, plain = (make_optimizer(m.parameters(), config) for m in (ours, theirs))
    update = Update(mine)
    for step in range(6):
        for model in (ours, theirs):
            gradients(model, step)
            if step in (2, 3):
                next(model.parameters()).grad = None
        update()
        plain.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
