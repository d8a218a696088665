"""Updates of torch's optimizers in a few calls, without the bookkeeping that `Optimizer.step` repeats at every step.

Each update applies the operations of torch's own implementation in the same order, so that weights are equal to the bit
(`tests/seqcore/training/test_updates.py`). The state stays in the optimizer, in torch's own format.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, optim

from seqcore.models.without_compiler import step_of

__all__ = ["Update"]

Tensors = list[Tensor]


class Update:
    """Calling it is one step of an optimizer over all of its parameters.

    The first step, steps where a parameter has no gradient, and all steps on a GPU are torch's own `step`.
    """

    def __init__(self, optimizer: optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._group: dict[str, Any] = optimizer.param_groups[0]
        self._parameters: Tensors = list(self._group["params"])
        self._apply = _UPDATES.get(type(optimizer))
        if len(optimizer.param_groups) > 1 or any(p.device.type != "cpu" for p in self._parameters):
            self._apply = None
        self._state: dict[str, Any] | None = None  # name -> the tensors of all parameters, or the one that they share

    @torch.no_grad()
    def __call__(self) -> None:
        """Change the parameters by their gradients."""
        gradients = [p.grad for p in self._parameters]
        if self._apply is None:
            step_of(self._optimizer)
            return
        if any(g is None for g in gradients):
            self._divide_counters()
            step_of(self._optimizer)
            return
        if self._state is None:
            self._state = self._shared_state()
            if self._state is None:
                step_of(self._optimizer)
                return
        self._apply(self._parameters, gradients, self._state, self._group)  # type: ignore[arg-type]

    def _shared_state(self) -> dict[str, Any] | None:
        """The optimizer's state by name; None where it is empty or where parameters have had different steps.

        Counters are equal for all parameters. These share one tensor from now on, which is counted once.
        """
        entries = [self._optimizer.state.get(p, {}) for p in self._parameters]
        names = set(entries[0])
        if any(set(entry) != names for entry in entries) or (not names and not _stateless(self._group)):
            return None
        state: dict[str, Any] = {}
        for name in names:
            tensors = [entry[name] for entry in entries]
            if name not in _COUNTERS:
                state[name] = tensors
                continue
            if any(not torch.equal(t, tensors[0]) for t in tensors):
                return None
            state[name] = tensors[0].clone()
        for entry in entries:
            entry.update({name: value for name, value in state.items() if name in _COUNTERS})
        return state

    def _divide_counters(self) -> None:
        """Give each parameter counters of its own again, because torch's `step` counts each."""
        if self._state is not None:
            for entry in self._optimizer.state.values():
                entry.update({name: entry[name].clone() for name in _COUNTERS if name in entry})
        self._state = None


_COUNTERS = ("step", "mu_product")


def _stateless(group: dict[str, Any]) -> bool:
    """Whether this is SGD without momentum."""
    return "dampening" in group and group["momentum"] == 0.0


def _adam(parameters: Tensors, gradients: Tensors, state: dict[str, Any], group: dict[str, Any]) -> None:
    state["step"] += 1
    function = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
    function(
        parameters,
        gradients,
        state["exp_avg"],
        state["exp_avg_sq"],
        [],
        [state["step"]] * len(parameters),
        amsgrad=False,
        lr=group["lr"],
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        maximize=False,
    )


def _sgd(parameters: Tensors, gradients: Tensors, state: dict[str, Any], group: dict[str, Any]) -> None:
    gradients = _with_decay(parameters, gradients, group)
    if group["momentum"] != 0.0:
        buffers = state["momentum_buffer"]
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, gradients, alpha=1 - group["dampening"])
        nesterov = group["nesterov"]
        gradients = list(torch._foreach_add(gradients, buffers, alpha=group["momentum"])) if nesterov else buffers
    torch._foreach_add_(parameters, gradients, alpha=-group["lr"])


def _rmsprop(parameters: Tensors, gradients: Tensors, state: dict[str, Any], group: dict[str, Any]) -> None:
    state["step"] += 1
    gradients = _with_decay(parameters, gradients, group)
    averages = state["square_avg"]
    torch._foreach_mul_(averages, group["alpha"])
    torch._foreach_addcmul_(averages, gradients, gradients, value=1 - group["alpha"])
    size = torch._foreach_sqrt(averages)
    torch._foreach_add_(size, group["eps"])
    if group["momentum"] > 0.0:
        buffers = state["momentum_buffer"]
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_addcdiv_(buffers, gradients, size)
        torch._foreach_add_(parameters, buffers, alpha=-group["lr"])
    else:
        torch._foreach_addcdiv_(parameters, gradients, size, value=-group["lr"])


def _nadam(parameters: Tensors, gradients: Tensors, state: dict[str, Any], group: dict[str, Any]) -> None:
    beta1, beta2 = group["betas"]
    lr, decay = group["lr"], group["momentum_decay"]
    state["step"] += 1
    step = state["step"].item()
    gradients = _with_decay(parameters, gradients, group)
    mu = beta1 * (1.0 - 0.5 * (0.96 ** (step * decay)))
    mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((step + 1) * decay)))
    state["mu_product"] *= mu
    product = state["mu_product"].item()
    first, second = state["exp_avg"], state["exp_avg_sq"]
    torch._foreach_lerp_(first, gradients, 1 - beta1)
    torch._foreach_mul_(second, beta2)
    torch._foreach_addcmul_(second, gradients, gradients, value=1 - beta2)
    size = torch._foreach_div(second, 1 - beta2**step)
    torch._foreach_sqrt_(size)
    torch._foreach_add_(size, group["eps"])
    torch._foreach_addcdiv_(parameters, gradients, size, value=-lr * (1.0 - mu) / (1.0 - product))
    torch._foreach_addcdiv_(parameters, first, size, value=(-lr * mu_next) / (1.0 - product * mu_next))


def _adagrad(parameters: Tensors, gradients: Tensors, state: dict[str, Any], group: dict[str, Any]) -> None:
    state["step"] += 1
    gradients = _with_decay(parameters, gradients, group)
    sums = state["sum"]
    torch._foreach_addcmul_(sums, gradients, gradients, value=1)
    size = torch._foreach_sqrt(sums)
    torch._foreach_add_(size, group["eps"])
    rate = group["lr"] / (1 + (state["step"].item() - 1) * group["lr_decay"])
    torch._foreach_addcdiv_(parameters, gradients, size, value=-rate)


def _with_decay(parameters: Tensors, gradients: Tensors, group: dict[str, Any]) -> Tensors:
    """Gradients of the loss with an L2 penalty."""
    decay = group["weight_decay"]
    return gradients if decay == 0.0 else list(torch._foreach_add(gradients, parameters, alpha=decay))


_UPDATES: dict[type[optim.Optimizer], Callable[[Tensors, Tensors, dict[str, Any], dict[str, Any]], None]] = {
    optim.Adam: _adam,
    optim.AdamW: _adam,
    optim.SGD: _sgd,
    optim.RMSprop: _rmsprop,
    optim.NAdam: _nadam,
    optim.Adagrad: _adagrad,
}
