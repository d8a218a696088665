"""Model summary: layers, output shapes and numbers of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from seqcore.data.table import Table
from seqcore.errors import DeviceError
from seqcore.experiment.experiment import Experiment
from seqcore.models.sequence_model import SequenceModel
from seqcore.tasks import TASKS
from seqcore.training.devices import memory

__all__ = ["Summary", "check_memory", "layer_row", "summarize", "summarize_model"]


@dataclass(frozen=True)
class Summary:
    """`layers`: {"name", "type", "output_shape", "parameters"} from input to output; B windows of T steps."""

    layers: list[dict[str, Any]]
    parameters: int


def summarize(experiment: Experiment, table: Table) -> Summary:
    """The model that an experiment would build for a table, without its memory."""
    task = TASKS[experiment.data.task].load()(experiment)
    with torch.device("meta"):
        return summarize_model(task.build_meta_model(table), experiment)


def summarize_model(model: nn.Module, experiment: Experiment) -> Summary:
    """Layer by layer; recurrent layers on top of each other are listed one by one."""
    layers: list[dict[str, Any]] = []
    total = sum(p.numel() for p in model.parameters())
    if not isinstance(model, SequenceModel):
        tell: Any = getattr(model, "layers", None)  # a model that isn't a backbone with a head tells its own layers
        told = [("model", type(model).__name__, "", model)] if tell is None else tell()
        return Summary([layer_row(*layer) for layer in told], total)
    if model.embedding is not None:
        size = model.backbone.network.input_size if hasattr(model.backbone, "network") else "?"
        title = "One-hot" if not any(True for _ in model.embedding.parameters()) else "Embedding"
        layers.append(layer_row("input", title, f"[B, T, {size}]", model.embedding))
    backbone = model.backbone
    assert isinstance(backbone, nn.Module)
    config = experiment.model
    kind = type(backbone).__name__
    for n in range(config.num_layers):
        parts = [p.numel() for name, p in backbone.named_parameters() if f"_l{n}" in name]
        shape = f"[B, T, {model.backbone.output_size}]"
        name = f"layer {n + 1}" if config.num_layers > 1 else "recurrent"
        layers.append({"name": name, "type": kind, "output_shape": shape, "parameters": sum(parts)})
    steps = "1" if model.predict == "last" else "T"
    layers.append(layer_row("head", "Linear", f"[B, {steps}, {model.head.out_features}]", model.head))
    return Summary(layers, total)


def layer_row(name: str, kind: str, shape: str, module: nn.Module) -> dict[str, Any]:
    """One row of a summary."""
    return {
        "name": name,
        "type": kind,
        "output_shape": shape,
        "parameters": sum(p.numel() for p in module.parameters()),
    }


def check_memory(summary: Summary, experiment: Experiment, device: torch.device) -> None:
    """DeviceError where weights, gradients and an optimizer's two averages can't fit into this machine's memory."""
    needed, room = 16 * summary.parameters, memory(device)
    if room is not None and needed > room:
        raise DeviceError(
            f"model.hidden_size: {experiment.model.hidden_size} with {experiment.model.num_layers} layers needs about "
            f"{needed / 1e9:.1f} GB of memory, and there are {room / 1e9:.1f} GB here; make the model smaller"
        )
