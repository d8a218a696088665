"""What the command `probe` asks for, and the functions that answer: one for each entry of `PROBES`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from seqcore.data.table import Table
from seqcore.errors import PredictionError
from seqcore.inference.predictor import Predictor
from seqcore.insight.equations import equations
from seqcore.insight.examples import InspectExample, separate_examples
from seqcore.insight.probes import probe
from seqcore.insight.projection import projection
from seqcore.insight.reach import lag_weights, receptive_field
from seqcore.insight.response import response
from seqcore.insight.saturation import saturation
from seqcore.insight.similar import THRESHOLD, similar
from seqcore.insight.spectrum import spectrum
from seqcore.results import View

__all__ = ["ProbeRequest"]


@dataclass(frozen=True)
class ProbeRequest:
    """One model, one example, and what is asked about them; steps, layers and units are numbered from 0.

    `load_table` gives the run's own data and `load_snapshots` the contents of its snapshots in order; both are called
    only where they are needed. `split` is where many examples are taken from. `output` is what is explained of a
    prediction, by its number or name. `run` names the run; `load_others` gives names, models and data of further ones.
    """

    predictor: Predictor
    load_example: Callable[[], InspectExample]
    load_table: Callable[[], Table]
    load_snapshots: Callable[[], Iterable[bytes]]
    split: str
    name: str = "hidden_state"
    layer: int = 0
    unit: int = 0
    step: int | None = None
    span: tuple[int, int] | None = None
    threshold: float = THRESHOLD
    column: str | None = None
    output: str | None = None
    run: str = ""
    load_others: Callable[[], Iterable[tuple[str, Predictor, Table]]] = tuple

    @cached_property
    def example(self) -> InspectExample:
        """The example."""
        return self.load_example()

    @cached_property
    def table(self) -> Table:
        """The run's own data."""
        return self.load_table()

    @cached_property
    def examples(self) -> list[InspectExample]:
        """Examples of the split without common steps."""
        return separate_examples(self.predictor, self.table, self.split)


def states(request: ProbeRequest) -> View:
    """States, gates and attention."""
    return probe(request.predictor, request.example)


def solved(request: ProbeRequest) -> View:
    """Equations with their numbers."""
    step = -1 if request.step is None else request.step
    return equations(request.predictor, request.example, step=step, layer=request.layer, unit=request.unit)


def saturated(request: ProbeRequest) -> View:
    """Saturation over the split."""
    return saturation(request.predictor, request.examples)


def eigenvalues(request: ProbeRequest) -> View:
    """Eigenvalues of the recurrent matrices."""
    return spectrum(request.predictor)


def path(request: ProbeRequest) -> View:
    """Principal components of the path of a state."""
    return projection(probe(request.predictor, request.example), layer=request.layer, name=request.name)


def moments(request: ProbeRequest) -> View:
    """Similar moments in the split."""
    if request.span is None:
        raise PredictionError("span: which steps should be found again? Give the first and the last, as in 3:7")
    return similar(
        request.predictor,
        request.example,
        request.examples,
        request.span,
        name=request.name,
        layer=request.layer,
        threshold=request.threshold,
    )


def responses(request: ProbeRequest) -> View:
    """Responses of a unit over the split."""
    return response(
        request.predictor,
        request.examples,
        unit=request.unit,
        layer=request.layer,
        name=request.name,
        column=request.column,
    )


def field(request: ProbeRequest) -> View:
    """The receptive field of a step."""
    return receptive_field(request.predictor, request.example, -1 if request.step is None else request.step)


def weights(request: ProbeRequest) -> View:
    """Weights by lag."""
    return lag_weights(request.predictor)
