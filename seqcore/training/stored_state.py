"""Parts of a training state as a checkpoint holds them: experiment, recurrent state and optimizer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from seqcore.data.stored_codec import decoding
from seqcore.errors import CorruptError, ExperimentError
from seqcore.experiment.experiment import Experiment
from seqcore.models.state import State, join_leaves
from seqcore.training.checkpoint import Checkpoint

__all__ = ["packed_optimizer", "restore_optimizer", "restored_experiment", "restored_recurrent_state"]


def restored_experiment(checkpoint: Checkpoint) -> Experiment:
    """The experiment that a checkpoint holds, live changes included. CorruptError."""
    try:
        with decoding("the checkpoint's experiment"):
            return Experiment.make(checkpoint.part("experiment"))
    except ExperimentError as error:
        raise CorruptError(f"the checkpoint's experiment can't be read: {error.lines[0]}") from None


def restored_recurrent_state(checkpoint: Checkpoint, device: torch.device) -> State:
    """The recurrent state that the next batch continues from. KeyError and the like where it does not fit."""
    if "recurrent_state" in checkpoint.meta:
        tensors = checkpoint.group("recurrent_state")
        tree = _as_tuples(checkpoint.meta["recurrent_state"])
        return join_leaves((tensors[str(i)].to(device) for i in range(len(tensors))), like=tree)
    # version 0.2 kept the layers before the batch
    old = checkpoint.group("carried")
    parts = tuple(old[str(i)].to(device).transpose(0, 1).contiguous() for i in range(len(old)))
    return parts if checkpoint.meta["carried"] else parts[0] if parts else None


def _as_tuples(tree: Any) -> Any:
    """JSON's lists as tuples."""
    return tuple(map(_as_tuples, tree)) if isinstance(tree, list) else tree


def packed_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of an optimizer by "number of the parameter.name": tensors, and plain values."""
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    for index, parameter in enumerate(parameters):
        for name, value in optimizer.state.get(parameter, {}).items():
            (tensors if isinstance(value, Tensor) else plain)[f"{index}.{name}"] = value
    return tensors, plain


def restore_optimizer(optimizer: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
    """The inverse. ValueError and the like where the state does not fit the parameters."""
    entries: dict[int, dict[str, Any]] = {}
    for key, value in [*checkpoint.group("optimizer").items(), *checkpoint.meta["optimizer"].items()]:
        index, _, name = key.partition(".")
        entries.setdefault(int(index), {})[name] = value
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for key, tensor in checkpoint.group("optimizer").items():
        shape = parameters[int(key.partition(".")[0])].shape
        if tensor.numel() != 1 and tensor.shape != shape:
            raise ValueError(f"optimizer.{key} doesn't fit its parameter")
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})
