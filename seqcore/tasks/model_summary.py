"""Model summary: layers, output shapes and numbers of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from seqcore.data.table import Table
from seqcore.experiment.experiment import Experiment
from seqcore.models.architecture import LayerRow
from seqcore.tasks import TASKS

__all__ = ["Summary", "summarize", "summarize_model"]


@dataclass(frozen=True)
class Summary:
    """`layers`: {"name", "type", "output_shape", "parameters"} from input to output, for B samples of T steps."""

    layers: list[dict[str, Any]]
    parameters: int


def summarize(experiment: Experiment, table: Table) -> Summary:
    """The model that an experiment would build for a table, without its memory."""
    task = TASKS[experiment.data.task].load()(experiment)
    with torch.device("meta"):
        return summarize_model(task.build_meta_model(table))


def summarize_model(model: nn.Module) -> Summary:
    """Layer by layer, from the model's own `layers`."""
    rows: list[LayerRow] = model.layers()  # type: ignore[operator]
    return Summary([row._asdict() for row in rows], sum(row.parameters for row in rows))
