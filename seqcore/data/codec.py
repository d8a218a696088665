"""Codec: base class of the conversions between original values or words and tensors, saved in checkpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from seqcore.data.step_units import STEP, StepUnit
from seqcore.data.vocabulary import Vocabulary
from seqcore.errors import PredictionError

__all__ = ["Codec", "fitted_in"]


class Codec(ABC):
    """A frozen dataclass fitted on the training split. Properties that don't apply are empty."""

    series: tuple[str, ...] = ()  # names of the series with their own scale
    series_title: str = "series"  # the name of the column that names them
    choice: tuple[tuple[Any, ...], ...] = ()  # the scaling search: (scaling, validation error, remark), the best first
    frame: tuple[int, int] | None = None  # (height, width) if a step is a frame
    fitted: Mapping[str, NDArray[Any]] = MappingProxyType({})  # what baselines and intervals learned
    decimal_comma: bool = False  # whether the numbers of the training file have a decimal comma

    @property
    @abstractmethod
    def input_kind(self) -> str:
        """The kind of input of `predict`: "numbers", "symbols", "sentence", "sound", "sequence" or "frames"."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """JSON values, without `arrays`."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays that are saved with `to_dict`."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """The input columns."""
        return ()

    @property
    def target_names(self) -> tuple[str, ...]:
        """The target columns."""
        return ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the training split."""
        return ()

    @property
    def before(self) -> int:
        """Rows needed before a window, for seasonal scaling."""
        return 0

    @property
    def unit(self) -> StepUnit:
        """What a time step is called."""
        return STEP

    @property
    def with_ends(self) -> tuple[str, ...]:
        """The series whose last rows are kept, from which a forecast starts."""
        return ()

    @property
    def symbols_known(self) -> Vocabulary | None:
        """The vocabulary of the input's symbols."""
        return None

    def of(self, series: str) -> Codec:
        """The codec of one series. PredictionError if the name is unknown."""
        raise PredictionError("series: this model was not trained on several series; omit the name")


def fitted_in(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """`Codec.fitted` from the arrays of a checkpoint. ValueError for complex numbers."""
    fitted = {k.removeprefix("fitted."): v for k, v in arrays.items() if k.startswith("fitted.")}
    for name, values in fitted.items():
        if values.dtype.kind not in "biuf":
            raise ValueError(f"{name} has the type {values.dtype}")
    return fitted
