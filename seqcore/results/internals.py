"""States, gates and attention of a model at every step of one example."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seqcore.results.base import Rows, Values, View, Words, exact
from seqcore.results.formatting import counted

__all__ = ["InternalsView", "readable"]


@dataclass(frozen=True)
class InternalsView(View):
    """The internals of one model, with the weights of step `model_step`, over the T steps of one example.

    `steps[T]` are the labels of the steps (a date, a symbol, "frame 3"); `inputs[T, F]` the inputs in original units
    under `columns[F]`, of symbols their codes [T, 1]; `encoded[T, E]` the inputs as the model reads them (scaled, with
    calendar features; of symbols their codes).

    `arrays[name]` is [T, L, D]: D units of L layers at each step. `names` lists them: "hidden_state", "cell_state",
    "forget_gate", ... D may differ between names. `layer_titles[L]` names the layers; a bidirectional layer is two of
    them. `attention[A, T_out, T_in]` are the weights of A heads, `attention_titles[A]`; row i is what step
    `attention_rows[i]` attends to, column j is `attention_columns[j]`. `missing[name]` says why a name is not shown.

    A translator's steps are the words of the sentence and then those given to its decoder; `stages[T]` is "encoder" or
    "decoder", empty for other models. A layer that does not exist in a stage is NaN there.
    """

    kind = "internals"

    model_step: int
    steps: Words
    inputs: Values
    columns: Words
    names: Words
    arrays: dict[str, Values]
    layer_titles: Words
    encoded: Values = field(default_factory=lambda: np.zeros((0, 0)))
    attention: Values = field(default_factory=lambda: np.zeros((0, 0, 0)))
    attention_titles: Words = ()
    attention_rows: Words = ()
    attention_columns: Words = ()
    missing: dict[str, str] = field(default_factory=dict)
    stages: Words = ()
    architecture: str = ""  # its title, as "LSTM"
    truth: str | None = None
    title: str = ""
    note: str = ""  # what a reader should know about this example, as that a state is carried into it

    @property
    def caption(self) -> str:
        """How to read the figure."""
        what = readable(self.names[0]).lower() if self.names else "attention"
        return f"Columns: time steps. Rows: units. Color: {what} after {counted(self.model_step, 'training step')}."

    def values(self, name: str, layer: int) -> Values:
        """One array of one layer, [T, D]. KeyError for a name that is not there, IndexError for a layer."""
        return self.arrays[name][:, layer]

    def table(self) -> Rows:
        """One row for each step, layer and unit, with a column for each name; empty where a name has no such unit."""
        most = max((array.shape[2] for array in self.arrays.values()), default=0)
        found = [self.arrays[name] for name in self.names]
        rows = [
            [
                *(t + 1, label, title, unit + 1),
                *(exact(array[t, layer, unit]) if unit < array.shape[2] else "" for array in found),
            ]
            for t, label in enumerate(self.steps)
            for layer, title in enumerate(self.layer_titles)
            for unit in range(most)
        ]
        return ["step", "label", "layer", "unit", *self.names], rows

    def summary(self) -> Rows:
        """The lowest, mean and highest value of each array and layer, and why others are missing."""
        rows = [
            [readable(name), title, *_spread(self.values(name, layer))]
            for name in self.names
            for layer, title in enumerate(self.layer_titles)
        ]
        rows += [
            ["Attention", title, *_spread(w)] for title, w in zip(self.attention_titles, self.attention, strict=True)
        ]
        rows += [[readable(name), reason, "", "", ""] for name, reason in self.missing.items()]
        return ["name", "layer", "lowest", "mean", "highest"], rows


def readable(name: str) -> str:
    """The name of an array as a title: "Forget gate" for "forget_gate"."""
    return name.replace("_", " ").capitalize()


def _spread(values: Values) -> list[str]:
    known = values[np.isfinite(values)]
    return [f"{v:.3f}" for v in (known.min(), known.mean(), known.max())] if known.size else ["", "", ""]
