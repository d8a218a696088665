"""Training does not import torch's compiler, and its first step has the bits of torch's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import torch
from seqcore.experiment.experiment import Experiment
from seqcore.models.without_compiler import step_of
from seqcore.training.fit import fit
from seqcore.training.optimizers import OPTIMIZERS, make_optimizer

data = {"options": {"samples": 60}}
for optimizer in OPTIMIZERS:
    training = {"epochs": 1, "optimizer": optimizer}
    list(fit(Experiment.make({"data": data, "model": {"hidden_size": 4}, "training": training})))
assert "torch._dynamo" not in sys.modules

found = {}
for own in (True, False):  # torch's own step imports the compiler, and comes second
    for name in OPTIMIZERS:
        config = Experiment.make({"training": {"optimizer": name, "weight_decay": 0.01}}).training
        parameter = torch.nn.Parameter(torch.linspace(-1.0, 1.0, 50))
        optimizer = make_optimizer([parameter], config)
        for _ in range(3):
            parameter.grad = parameter.detach() * 0.3 + 0.1
            step_of(optimizer) if own else optimizer.step()
        found[name, own] = parameter.detach()
    assert own == ("torch._dynamo" not in sys.modules)
assert all(torch.equal(found[name, True], found[name, False]) for name in OPTIMIZERS)
"""


def test_optimizers_work_without_the_compiler_as_with_it(root: Path) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=root, check=True)
