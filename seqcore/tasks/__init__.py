"""The tasks: what is learned. A new one is a file in this folder and a line in `TASKS`.

`traits["losses"]` names the losses that a task can be trained with, the first of them by default; `traits["symbolic"]`
says whether it learns from symbols (text) or from numbers.
"""

from __future__ import annotations

from seqcore.registry import Entry

__all__ = ["TASKS"]

TASKS: dict[str, Entry] = {
    "regression": Entry(
        "Values",
        "Predict numbers from numbers.",
        "seqcore.tasks.regression:Regression",
        {"losses": ("mse", "mae", "huber"), "symbolic": False},
    ),
    "symbols": Entry(
        "Symbols",
        "Predict the next letter or word.",
        "seqcore.tasks.symbols:Symbols",
        {"losses": ("cross_entropy",), "symbolic": True},
    ),
}
