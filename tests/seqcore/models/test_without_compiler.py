"""Training and gradients do not import torch's compiler or sympy, and the first step has the bits of torch's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqcore.events import CheckpointReady
from seqcore.experiment.experiment import Experiment
from seqcore.inference.predictor import Predictor
from seqcore.insight.examples import load_example
from seqcore.insight.gradients import state_gradients
from seqcore.models.without_compiler import step_of
from seqcore.training.fit import fit, load_table
from seqcore.training.optimizers import OPTIMIZERS, make_optimizer


def trained(name: str, step: Callable[[Any], None]) -> torch.Tensor:
    """A parameter after three steps of an optimizer."""
    config = Experiment.make({"training": {"optimizer": name, "weight_decay": 0.01}}).training
    parameter = torch.nn.Parameter(torch.linspace(-1.0, 1.0, 50))
    optimizer = make_optimizer([parameter], config)
    for _ in range(3):
        parameter.grad = parameter.detach() * 0.3 + 0.1
        step(optimizer)
    return parameter.detach()


def test_optimizers_work_without_the_compiler_as_with_it(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "found.pt"
    subprocess.run([sys.executable, "-m", __name__, str(file)], cwd=root, check=True)
    found = torch.load(file)
    for name in OPTIMIZERS:  # torch's own step imports the compiler, into this process
        assert torch.equal(found[name], trained(name, lambda optimizer: optimizer.step())), name


if __name__ == "__main__":  # a process of its own, without the compiler
    for name in OPTIMIZERS:
        training = {"epochs": 1, "optimizer": name}
        small = {"data": {"options": {"samples": 60}}, "model": {"hidden_size": 4}, "training": training}
        list(fit(Experiment.make(small)))
    small = {"data": {"options": {"samples": 120}, "window": 8, "predict": "every"}}
    plan = Experiment.make({**small, "model": {"hidden_size": 4, "dropout": 0.1}, "training": {"epochs": 1}})
    list(fit(plan.with_changes({"training.replicas": 2})))
    *_, last = (event for event in fit(plan) if isinstance(event, CheckpointReady))
    predictor, table = Predictor.from_checkpoint(last.content), load_table(plan)
    assert len(state_gradients(predictor, table, load_example(predictor, table, "train", 0)).loss_steps) > 1
    assert not {"torch._dynamo", "sympy"} & set(sys.modules)
    found = {name: trained(name, step_of) for name in OPTIMIZERS}
    assert "torch._dynamo" not in sys.modules
    torch.save(found, sys.argv[1])
