"""Options of the LRU: apart from its implementation, so that listing recipes does not import torch."""

from __future__ import annotations

import math

from pydantic import ValidationInfo, field_validator

from seqcore.experiment.fields import OptionalInt, Options, setting

__all__ = ["LRUOptions"]


class LRUOptions(Options):
    """Fields that an LRU alone has."""

    state_size: OptionalInt = setting(
        None, "Complex numbers in the state of each block. Empty: as many as the hidden size.", minimum=1, maximum=4096
    )
    min_radius: float = setting(
        0.5,
        "Smallest initial magnitude of the eigenvalues; a state decays to 1/e within -1 / log(magnitude) steps.",
        minimum=0.0,
        maximum=0.9999,
    )
    max_radius: float = setting(
        0.99, "Largest initial magnitude of the eigenvalues; the closer to 1, the longer the memory.", minimum=0.001,
        maximum=0.9999,
    )  # fmt: skip
    max_phase: float = setting(
        math.tau,
        "Largest initial phase of the eigenvalues; 6.28 is the whole circle, less is for slow oscillations in long "
        "sequences.",
        minimum=0.001,
        maximum=math.tau,
        unit="radians",
    )

    @field_validator("max_radius", mode="after")
    @classmethod
    def _is_not_below_the_smallest(cls, value: float, info: ValidationInfo) -> float:
        smallest = info.data.get("min_radius", 0.0)
        if value < smallest:
            raise ValueError(f"{value:g} is less than min_radius; use a number from {smallest:g} to 0.9999")
        return value
