"""The equations of a model's cells on one example, with their numbers for one step, layer and unit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqcore.errors import PredictionError, no_number
from seqcore.inference.predictor import Predictor
from seqcore.insight.examples import InspectExample
from seqcore.models import MODELS
from seqcore.models.equations import Cell, Given, Solved, solve, split_factor, term_text
from seqcore.results.equations import EquationsView, FactorValue, GivenValue, SolvedEquation, TermValue
from seqcore.training.isolated_rng import on_one_thread

__all__ = ["Cells", "cells_of", "equations"]

_FEW = 3  # columns of an input whose numbers are shown


def equations(
    predictor: Predictor, example: InspectExample, *, step: int = -1, layer: int = 0, unit: int = 0
) -> EquationsView:
    """The equations of one layer at one step for one unit, from 0; a negative step counts from the end.

    Of a translator, the steps are the words of the sentence and then those given to its decoder. PredictionError for
    replicas, for an input that the model can't read, and for a step, layer or unit that it doesn't have.
    """
    cells = cells_of(predictor, example)
    return cells.solved(step + cells.count if step < 0 else step, layer, unit)


@dataclass(frozen=True)
class Cells:
    """The cells of a model over one example: what the numbers of any step, layer and unit are computed from.

    `stages` are those of `Task.stages`: the number of the first step, and the cells of the layers. `scaled[T, F]` are
    the numbers as the model reads them, scaled; None for symbols, which have none.
    """

    model_step: int
    architecture: str
    steps: tuple[str, ...]
    stages: tuple[tuple[str, int, tuple[Cell, ...]], ...]
    nbytes: int = 0  # about, of what is kept beside the weights of the model
    scaled: Tensor | None = None

    @property
    def count(self) -> int:
        """The number of steps."""
        return len(self.steps)

    def solved(self, step: int, layer: int, unit: int) -> EquationsView:
        """All equations of a layer at a step; a unit beyond the size of one of them stands for its last unit."""
        if not 0 <= step < self.count:
            raise no_number("step", step, self.count)
        stage, first, cells = next(part for part in reversed(self.stages) if part[1] <= step)
        if not 0 <= layer < len(cells):
            raise no_number("layer", layer, len(cells))
        with on_one_thread():
            given, found = solve(cells[layer], step - first)
        most = max(len(part.value) for part in found)
        if not 0 <= unit < most:
            raise no_number("unit", unit, most)
        names = {part.symbol: part.name for part in given} | {
            part.equation.symbol: part.equation.name for part in found
        }
        return EquationsView(
            model_step=self.model_step,
            step=step,
            step_label=self.steps[step],
            layer=layer,
            layer_title=f"{stage} layer {layer + 1}".strip(),
            unit=unit,
            given=tuple(_given(self._named(part, step), found, unit) for part in given),
            equations=tuple(_equation(part, names, unit) for part in found),
            recurrent=cells[layer].recurrent,
            architecture=self.architecture,
            note=cells[layer].note,
        )

    def _named(self, part: Given, step: int) -> Given:
        """With a title that says so, where it is the input of the model, which has other units in the data."""
        known = part.name == "x" and self.scaled is not None and step < len(self.scaled)
        if not known or self.scaled is None or not torch.equal(part.values, self.scaled[step]):
            return part
        return part._replace(title="Scaled input")


def cells_of(predictor: Predictor, example: InspectExample) -> Cells:
    """The cells of one model over one example. PredictionError as `equations` raises it."""
    if predictor.replicas > 1:
        raise PredictionError(f"replica: choose one of the {predictor.replicas} models, numbered from 0")
    codec = predictor.codec(example.series)
    with on_one_thread(), torch.inference_mode():
        stages = predictor.task.stages(predictor.model, codec, predictor.task.encode(codec, example.given))
        found, first = [], 0
        for stage in stages:
            found.append((stage.name, first, tuple(stage.architecture.cell_equations(stage.x, stage.state))))
            first += stage.x.shape[1]
        kept = sum(part.values.nbytes for _, _, cells in found for cell in cells for part in cell.given(0))
    return Cells(
        model_step=predictor.step,
        architecture=MODELS[predictor.experiment.model.architecture].title,
        steps=(*example.steps, *(step for stage in stages[1:] for step in stage.steps)),
        stages=tuple(found),
        nbytes=kept * first,
        scaled=None if example.values is None else stages[0].x[0],
    )


def _given(part: Given, found: list[Solved], unit: int) -> GivenValue:
    elementwise = any(
        _is_elementwise(found_part, term, factor)
        for found_part in found
        for term in found_part.equation.terms
        for factor in term
        if split_factor(factor)[1] == part.symbol
    )
    return GivenValue(
        part.name,
        part.title,
        part.symbol,
        tuple(part.values.shape),
        _of_unit(part.values, unit) if elementwise else None,
        _numbers(part, unit),
    )


def _numbers(part: Given, unit: int) -> tuple[float, ...]:
    if part.values.dim() != 1 or (part.name == "x" and len(part.values) > _FEW):
        return ()
    return tuple(part.values.tolist()) if part.name == "x" else (_of_unit(part.values, unit),)


def _equation(part: Solved, names: dict[str, str], unit: int) -> SolvedEquation:
    declared, size = part.equation, len(part.value)
    unit = min(unit, size - 1)
    terms = tuple(
        TermValue(
            term_text(term),
            float(number[unit]),
            tuple(_factor(part, term, factor, names, unit) for factor in term),
        )
        for term, number in zip(declared.terms, part.terms, strict=True)
    )
    return SolvedEquation(
        name=declared.name, title=declared.title, symbol=declared.symbol, formula=declared.formula,
        activation=declared.activation, size=size, unit=unit, terms=terms, total=float(part.total[unit]),
        value=float(part.value[unit]),
    )  # fmt: skip


def _factor(part: Solved, term: tuple[str, ...], factor: str, names: dict[str, str], unit: int) -> FactorValue:
    symbol, values = split_factor(factor)[1], part.operands[factor]
    value = _of_unit(values, unit) if _is_elementwise(part, term, factor) else None
    return FactorValue(factor, symbol, names.get(symbol, ""), tuple(values.shape), value)


def _is_elementwise(part: Solved, term: tuple[str, ...], factor: str) -> bool:
    """Whether the unit's own number of this factor enters the product: not where a matrix stands before it."""
    return all(part.operands[other].dim() == 1 for other in term[: term.index(factor) + 1])


def _of_unit(values: Tensor, unit: int) -> float:
    return float(values[min(unit, len(values) - 1)])
