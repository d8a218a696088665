"""torch's optimizers without its compiler, which they import in order not to be compiled by it.

That import takes longer than all others of a training together: 1.3 of 4 seconds of a process that trains.
"""

from __future__ import annotations

import inspect
import sys

import torch
from torch import optim

__all__ = ["leave_compiler_out", "step_of"]

_COMPILER = "torch._dynamo"
_CALLED_INSTEAD = "__dynamo_disable"  # where torch._compile keeps what it calls instead of a function


def leave_compiler_out() -> None:
    """Before an optimizer is made: let its functions be called as they are, because nothing is compiled.

    Where a caller has imported the compiler, torch goes on as usual.
    """
    if _COMPILER in sys.modules:
        return
    for name in ("add_param_group", "load_state_dict", "state_dict", "zero_grad"):
        function = getattr(getattr(optim.Optimizer, name), "__wrapped__", None)
        if function is not None and not hasattr(function, _CALLED_INSTEAD):
            setattr(function, _CALLED_INSTEAD, function)


@torch.no_grad()
def step_of(optimizer: optim.Optimizer) -> None:
    """`optimizer.step()`; on a CPU without what torch puts around it."""
    first = next((p for group in optimizer.param_groups for p in group["params"]), None)
    if first is None or first.device.type != "cpu" or _COMPILER in sys.modules:
        optimizer.step()
        return
    optimizer._opt_called = True  # type: ignore[attr-defined]  # as torch's schedules ask for
    inspect.unwrap(type(optimizer).step)(optimizer)
