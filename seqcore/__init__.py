"""The headless package of Sequence Lab: experiments, training, runs and predictors.

The names below are imported when they are first used, so that `import seqcore` does not wait for torch.
"""

from __future__ import annotations

# No import that takes time: `__main__` must handle signals as early as possible.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from seqcore.errors import SeqcoreError
    from seqcore.experiment.experiment import Experiment
    from seqcore.experiment.recipes import recipe, recipes
    from seqcore.inference.predictor import Predictor
    from seqcore.runs.api import open_store, train
    from seqcore.runs.store import Store
    from seqcore.training.control import Control
    from seqcore.training.fit import fit

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
    "Control": "seqcore.training.control",
    "Experiment": "seqcore.experiment.experiment",
    "Predictor": "seqcore.inference.predictor",
    "SeqcoreError": "seqcore.errors",
    "Store": "seqcore.runs.store",
    "fit": "seqcore.training.fit",
    "open_store": "seqcore.runs.api",
    "recipe": "seqcore.experiment.recipes",
    "recipes": "seqcore.experiment.recipes",
    "train": "seqcore.runs.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqcore' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
