"""Sequence Lab's headless core: experiments in, events, runs and predictors out.

The names below are imported when they are first used, so that `import seqcore` does not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqcore.control import Control
    from seqcore.errors import SeqcoreError
    from seqcore.experiment import Experiment
    from seqcore.prediction import Predictor
    from seqcore.recipes import recipe, recipes
    from seqcore.runs.front import open_store, train
    from seqcore.runs.store import Store
    from seqcore.training import fit

__all__ = [
    "Control",
    "Experiment",
    "Predictor",
    "SeqcoreError",
    "Store",
    "fit",
    "open_store",
    "recipe",
    "recipes",
    "train",
]

_HOMES = {
    "Control": "seqcore.control",
    "Experiment": "seqcore.experiment",
    "Predictor": "seqcore.prediction",
    "SeqcoreError": "seqcore.errors",
    "Store": "seqcore.runs.store",
    "fit": "seqcore.training",
    "open_store": "seqcore.runs.front",
    "recipe": "seqcore.recipes",
    "recipes": "seqcore.recipes",
    "train": "seqcore.runs.front",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqcore' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
