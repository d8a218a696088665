"""Predictors with fresh weights, which is all that a look inside a model needs, made without training."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from seqcore.data.table import Table
from seqcore.experiment.experiment import Experiment
from seqcore.experiment.recipes import recipe
from seqcore.inference.predictor import Predictor
from seqcore.tasks import TASKS
from seqcore.training.fit import load_table

__all__ = ["untrained", "untrained_on"]

_SMALL: dict[str, dict[str, Any]] = {  # less data, where a recipe's take long to make
    "english-french": {"data.options.pairs": 300},
    "next-frame": {"data.options.samples": 40},
    "moving-shapes": {"data.options.samples": 40},
    "spoken-vowels": {"data.options.speakers": 8, "data.options.repeats": 1},
    "adding-problem": {"data.options.samples": 60},
}


@cache
def untrained(name: str, **changes: Any) -> tuple[Predictor, Table]:
    """The model of a recipe with small layers, and its data; "model__num_layers" stands for "model.num_layers"."""
    named = {**_SMALL.get(name, {}), **{key.replace("__", "."): value for key, value in changes.items()}}
    experiment = recipe(name).with_changes({"model.hidden_size": 6, **named})
    table, codec = _data(name, tuple((key, value) for key, value in named.items() if key.startswith("data.")))
    task = TASKS[experiment.data.task].load()(experiment)
    torch.manual_seed(0)
    return Predictor(experiment, task, codec, task.build_model(codec), 0, 0), table


def untrained_on(table: Table, **fields: Any) -> Predictor:
    """The same for a table, with fields such as data__task="classification"."""
    experiment = Experiment.make({"data": {"source": "file"}}).with_changes(
        {"model.hidden_size": 6, **{key.replace("__", "."): value for key, value in fields.items()}}
    )
    task = TASKS[experiment.data.task].load()(experiment)
    codec = task.make_windows(table, torch.device("cpu")).codec
    torch.manual_seed(0)
    return Predictor(experiment, task, codec, task.build_model(codec), 0, 0)


@cache
def _data(name: str, changes: tuple[tuple[str, Any], ...]) -> tuple[Table, Any]:
    """The data of a recipe and their codec."""
    experiment = recipe(name).with_changes(dict(changes))
    table = load_table(experiment)
    return table, TASKS[experiment.data.task].load()(experiment).make_windows(table, torch.device("cpu")).codec
