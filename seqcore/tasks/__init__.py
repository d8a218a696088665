"""The tasks: what is learned. A new one is a file in this folder and a line in `TASKS`.

`traits["losses"]` names the losses that a task can be trained with, the first of them by default; `traits["whole"]`
says that it works on whole sequences and not on windows of them.
"""

from __future__ import annotations

from seqcore.registry import Entry

__all__ = ["TASKS"]

TASKS: dict[str, Entry] = {
    "regression": Entry(
        "Values",
        "Predict numbers from numbers.",
        "seqcore.tasks.regression:Regression",
        {"losses": ("mse", "mae", "huber")},
    ),
    "language-modeling": Entry(
        "Symbols",
        "Predict the next letter or word.",
        "seqcore.tasks.language_modeling:LanguageModeling",
        {"losses": ("cross_entropy",)},
    ),
    "classification": Entry(
        "Classes",
        "Tell which class a whole sequence belongs to.",
        "seqcore.tasks.classification:Classification",
        {"losses": ("cross_entropy",), "whole": True},
    ),
    "translation": Entry(
        "Translation",
        "Turn one sequence of words into another.",
        "seqcore.tasks.translation:Translation",
        {"losses": ("cross_entropy",), "whole": True},
    ),
}
