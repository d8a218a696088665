"""The equations of a cell: declared beside each architecture, and computed for one step from its own weights.

An equation is an activation function of a sum of products, such as f_t = σ(W_f x_t + U_f h_{t-1} + b_f). What its
factors are called says which equations depend on which, so that a diagram of the cell follows from the declaration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import gelu, logsigmoid, softplus

__all__ = ["Cell", "Equation", "Given", "Solved", "affine", "given_steps", "normalized", "solve", "term_text"]


def _positive(v: Tensor) -> Tensor:
    return torch.where(v >= 0, v + 0.5, torch.sigmoid(v))


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "": lambda v: v,
    "−": torch.neg,
    "1 − ": lambda v: 1.0 - v,
    "σ": torch.sigmoid,
    "tanh": torch.tanh,
    "ReLU": torch.relu,
    "g": _positive,
    "log σ": logsigmoid,
    "softplus": softplus,
    "GELU": gelu,
    "norm": lambda v: (v - v.mean()) / (v.var(unbiased=False) + 1e-5).sqrt(),
}
"""By the sign that stands in an equation. All but "norm", which is over the whole vector, are elementwise."""

_APPLIED = re.compile(r"(1 − |−)(.+)|([^()]+)\((.+)\)")


class Equation(NamedTuple):
    """`symbol` = `activation`(sum of `terms`), each term a product of factors.

    `name` is that of the probe's array where there is one. A factor is the symbol of a weight, of what the cell is
    given, or of an earlier equation, or a function of one: "tanh(c_t)", "1 − z_t", "−i_t". A product of a matrix and a
    vector is a matrix product, of matrices of heads [heads, n, m] that of each head with its part of the vector; one of
    two matrices is their product row by row, summed; all others are elementwise. Symbols of matrices are capitals.
    """

    name: str
    title: str
    symbol: str
    activation: str
    terms: tuple[tuple[str, ...], ...]

    @property
    def formula(self) -> str:
        """The equation as text, with subscripts as in LaTeX: "f_t = σ(W_f x_t + U_f h_{t-1} + b_f)"."""
        text = ""
        for term in map(term_text, self.terms):
            sign = " − " if term.startswith("−") else " + "
            text += (sign if text else "") + (term.removeprefix("−") if text else term)
        return f"{self.symbol} = {f'{self.activation}({text})' if self.activation else text}"


class Given(NamedTuple):
    """What a cell is given at a step: `name` ("x", "hidden_state_before"), `title`, `symbol`, and its numbers [n]."""

    name: str
    title: str
    symbol: str
    values: Tensor


@dataclass(frozen=True)
class Cell:
    """One layer in one direction: its equations in the order of computation, its weights by symbol, and its inputs.

    `given(step)` is what the equations of a step of the sequence start from. Weights are matrices [n, m] or vectors
    [n]. `recurrent` is whether a state goes from step to step. `note` says what has no equation here, and why.
    """

    equations: tuple[Equation, ...]
    weights: Mapping[str, Tensor]
    given: Callable[[int], Sequence[Given]]
    recurrent: bool = True
    note: str = ""


def given_steps(
    x: Tensor, states: Mapping[tuple[str, str, str], tuple[Tensor, Tensor]], *, reverse: bool = False
) -> Callable[[int], tuple[Given, ...]]:
    """What a recurrent cell is given: its input x[T, F] and its states before.

    `states` has by (name, title, symbol) the states after each step [T, D] and the initial one [D]. A cell that reads
    the sequence backward (`reverse`) has the state of the next step before its own.
    """

    def given(step: int) -> tuple[Given, ...]:
        place = step + 1 if reverse else step - 1
        before = [
            Given(name, title, symbol, values[place] if 0 <= place < len(values) else initial)
            for (name, title, symbol), (values, initial) in states.items()
        ]
        return (*before, Given("x", "Input", "x_t", x[step]))

    return given


class Solved(NamedTuple):
    """An equation at one step: its `terms`, their `total` and the `value`, for all units [n]. `operands` by symbol."""

    equation: Equation
    terms: tuple[Tensor, ...]
    total: Tensor
    value: Tensor
    operands: dict[str, Tensor]


def affine(name: str, title: str, letter: str, activation: str, inputs: Sequence[tuple[str, str]]) -> Equation:
    """letter_t = activation(W_letter x_t + ... + b_letter), with a weight and an input for each of `inputs`."""
    products = tuple((f"{weight}_{letter}", given) for weight, given in inputs)
    return Equation(name, title, f"{letter}_t", activation, (*products, (f"b_{letter}",)))


def normalized(name: str, title: str, symbol: str, of: str, scale: str, shift: str) -> Equation:
    """A layer normalization of `of`: symbol = scale ⊙ norm(of) + shift."""
    return Equation(name, title, symbol, "", ((scale, f"norm({of})"), (shift,)))


@torch.no_grad()
def solve(cell: Cell, step: int) -> tuple[tuple[Given, ...], list[Solved]]:
    """What the cell is given at a step, and every equation with its numbers."""
    given = tuple(cell.given(step))
    known = {symbol: weight.detach() for symbol, weight in cell.weights.items()}
    known |= {part.symbol: part.values for part in given}
    found = []
    for equation in cell.equations:
        operands = {factor: operand(factor, known) for term in equation.terms for factor in term}
        terms = tuple(_product([operands[factor] for factor in term]) for term in equation.terms)
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        value = FUNCTIONS[equation.activation](total)
        known[equation.symbol] = value
        found.append(Solved(equation, terms, total, value, operands))
    return given, found


def split_factor(factor: str) -> tuple[str, str]:
    """The function of a factor and the symbol that it is applied to: "tanh(c_t)" -> ("tanh", "c_t")."""
    found = _APPLIED.fullmatch(factor)
    if found is None:
        return "", factor
    sign, of_sign, function, of_function = found.groups()
    return (sign, of_sign) if sign else (function, of_function)


def operand(factor: str, known: Mapping[str, Tensor]) -> Tensor:
    """The numbers of a factor."""
    function, symbol = split_factor(factor)
    return FUNCTIONS[function](known[symbol])


def term_text(term: Sequence[str]) -> str:
    """A product as text: a matrix stands before its vector, elementwise factors have a sign between them."""
    wrapped = [f"({part})" if part.startswith("1 − ") and len(term) > 1 else part for part in term]
    return wrapped[0] if len(term) == 1 else (" " if term[0][0].isupper() else " ⊙ ").join(wrapped)


def _product(parts: Sequence[Tensor]) -> Tensor:
    first, *others = parts
    for part in others:
        if first.dim() == 3:
            first = torch.bmm(first, part.view(len(first), -1, 1)).flatten()
        elif first.dim() == 2 and part.dim() == 1:
            first = first @ part
        elif first.dim() == 2:
            first = (first * part).sum(dim=1)
        else:
            first = first * part
    return first
