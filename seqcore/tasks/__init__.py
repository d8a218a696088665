"""Registry of tasks. A new task is one file in this package and one line in `TASKS`.

`traits["losses"]` lists the allowed losses, the default first; `traits["whole"]` is set where the task uses whole
sequences and not windows; `traits["variable_length"]` where inputs (sequences, prompts) differ in length;
`traits["scalings"]` lists the allowed scalings where not all are; `traits["extends"]` names the task whose fields,
sources and checks apply to this one too; `traits["replicas"]` is set where several seeds can be trained as one model.
"""

from __future__ import annotations

from seqcore.registry import Entry

__all__ = ["TASKS"]

TASKS: dict[str, Entry] = {
    "regression": Entry(
        "Regression",
        "Forecast time series, or predict one numeric series from others.",
        "seqcore.tasks.regression:Regression",
        {"losses": ("mse", "mae", "huber"), "replicas": True},
    ),
    "language-modeling": Entry(
        "Text and symbols",
        "Language modeling: predict the next character, word or symbol.",
        "seqcore.tasks.language_modeling:LanguageModeling",
        {"losses": ("cross_entropy",), "variable_length": True, "replicas": True},
    ),
    "classification": Entry(
        "Classification",
        "Predict the class of a sequence.",
        "seqcore.tasks.classification:Classification",
        {
            "losses": ("cross_entropy",),
            "whole": True,
            "variable_length": True,
            "replicas": True,
            "scalings": ("standard", "minmax", "none"),
        },
    ),
    "translation": Entry(
        "Translation",
        "Sequence to sequence: translate sentences from one language to another.",
        "seqcore.tasks.translation:Translation",
        {"losses": ("cross_entropy",), "whole": True, "variable_length": True},
    ),
}
