"""What every codec declares: the conversion between original values or words and tensors that a checkpoint keeps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from seqcore.data.step_units import STEP, StepUnit
from seqcore.data.vocabulary import Vocabulary
from seqcore.errors import PredictionError

__all__ = ["Codec"]


class Codec(ABC):
    """A frozen dataclass, made from the training split. A property that a codec doesn't define is empty."""

    fitted: Mapping[str, NDArray[Any]] = MappingProxyType({})  # what baselines and intervals learned

    @property
    @abstractmethod
    def input_kind(self) -> str:
        """What a person gives to `predict`: "numbers", "symbols", "sentence", "sound" or "frames"."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the arrays that `arrays` gives."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is kept as arrays beside them."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """The columns that the model sees."""
        return ()

    @property
    def target_names(self) -> tuple[str, ...]:
        """The columns that it predicts."""
        return ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names of the series that have a scale of their own."""
        return ()

    @property
    def choice(self) -> tuple[tuple[Any, ...], ...]:
        """How the scaling was found by search: (scaling, validation error, remark), the chosen one first."""
        return ()

    @property
    def frame(self) -> tuple[int, int] | None:
        """(height, width) where a step is a frame."""
        return None

    @property
    def before(self) -> int:
        """Rows that must come before an input because its scaling refers to them."""
        return 0

    @property
    def unit(self) -> StepUnit:
        """What a step of an input is."""
        return STEP

    @property
    def symbols_known(self) -> Vocabulary | None:
        """The vocabulary of the input's symbols."""
        return None

    def of(self, series: str) -> Codec:
        """The same for one of several series. PredictionError where there is none of this name."""
        raise PredictionError("series: this model was not trained on series of numbers; name none")
