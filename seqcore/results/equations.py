"""The equations of a cell with the numbers of one step and unit."""

from __future__ import annotations

from dataclasses import dataclass

from seqcore.results.base import Rows, View, exact
from seqcore.results.formatting import format_number

__all__ = ["EquationsView", "FactorValue", "GivenValue", "SolvedEquation", "TermValue"]


@dataclass(frozen=True)
class FactorValue:
    """One factor of a product: `text` as in the equation, `symbol` without its function, and its shape.

    `of` is the name of the equation or of the given value that it stands for, "" for a weight. `value` is the number of
    the unit; None for a matrix, and for a vector that is multiplied by one.
    """

    text: str
    symbol: str
    of: str
    shape: tuple[int, ...]
    value: float | None


@dataclass(frozen=True)
class TermValue:
    """A summand of an equation before the activation function, and its number for the unit."""

    text: str
    value: float
    factors: tuple[FactorValue, ...]


@dataclass(frozen=True)
class GivenValue:
    """What the cell is given: its input or a state before. `value` as that of a factor.

    `numbers` are those to show where a matrix stands before it: of a state that of the unit, of an input with at most
    three columns all of them.
    """

    name: str
    title: str
    symbol: str
    shape: tuple[int, ...]
    value: float | None
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True)
class SolvedEquation:
    """An equation: `value` = `activation`(`total`), `total` being the sum of the terms, of the unit `unit` of `size`.

    `name` is that of the array of internals that has the same numbers, where there is one.
    """

    name: str
    title: str
    symbol: str
    formula: str
    activation: str
    size: int
    unit: int
    terms: tuple[TermValue, ...]
    total: float
    value: float


@dataclass(frozen=True)
class EquationsView(View):
    """All equations of one layer at one step of an example, for one unit; steps, layers and units are from 0.

    `given` is what the cell starts from; `recurrent` says whether a state goes from step to step. Equations stand in
    the order in which they are computed. `note` says what has no equation, and why.
    """

    kind = "equations"

    model_step: int
    step: int
    step_label: str
    layer: int
    layer_title: str
    unit: int
    given: tuple[GivenValue, ...]
    equations: tuple[SolvedEquation, ...]
    recurrent: bool = True
    architecture: str = ""
    note: str = ""
    title: str = ""

    @property
    def caption(self) -> str:
        """Which cell this is."""
        return (
            f"{self.architecture} {self.layer_title} at step {self.step + 1} ({self.step_label}), unit {self.unit + 1}"
        )

    def equation(self, name: str) -> SolvedEquation:
        """The equation of this name. KeyError where there is none."""
        return {equation.name: equation for equation in self.equations}[name]

    def table(self) -> Rows:
        """One row for each summand, and for each equation its sum and value."""
        rows: list[list[object]] = []
        for eq in self.equations:
            for term in eq.terms:
                shapes = " ".join(f"{factor.text}: {list(factor.shape)}" for factor in term.factors)
                rows.append([eq.name, eq.formula, term.text, shapes, exact(term.value)])
            rows.append([eq.name, eq.formula, "sum", f"[{eq.size}]", exact(eq.total)])
            rows.append([eq.name, eq.formula, "value", f"[{eq.size}]", exact(eq.value)])
        return ["name", "equation", "part", "shapes", "value"], rows

    def summary(self) -> Rows:
        """One line for each equation, with the numbers of its summands."""
        rows = []
        for eq in self.equations:
            numbers = " + ".join(format_number(term.value) for term in eq.terms).replace("+ -", "- ")
            if len(eq.terms) == 1 and not eq.activation:  # its value again would say nothing
                numbers = _product(eq.terms[0])
            applied = f"{eq.activation}({numbers})" if eq.activation else numbers
            rows.append([eq.title, eq.formula, f"{applied} = {format_number(eq.value)}"])
        return ["equation", "formula", f"unit {self.unit + 1}"], rows


def _product(term: TermValue) -> str:
    """The numbers of a term's factors, or the term's own number where one of them is not a single number."""
    values = [factor.value for factor in term.factors]
    known = [format_number(value) for value in values if value is not None]
    return " × ".join(known) if len(known) == len(values) > 1 else format_number(term.value)
