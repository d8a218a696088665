"""Training does not import torch's compiler, and its first step has the bits of torch's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from seqcore.experiment.experiment import Experiment
from seqcore.models.without_compiler import step_of
from seqcore.training.fit import fit
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
    assert "torch._dynamo" not in sys.modules
    found = {name: trained(name, step_of) for name in OPTIMIZERS}
    assert "torch._dynamo" not in sys.modules
    torch.save(found, sys.argv[1])
