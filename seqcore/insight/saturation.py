"""Share of the time that each unit spends saturated (Karpathy, Johnson and Fei-Fei 2015)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from seqcore.errors import PredictionError
from seqcore.inference.predictor import Predictor
from seqcore.insight.examples import InspectExample
from seqcore.insight.probes import architecture_of, batches_of, check_finite
from seqcore.results.saturation import SaturationView

__all__ = ["saturation"]

MARGIN = 0.1  # Karpathy et al.: below 0.1 and above 0.9


def saturation(predictor: Predictor, examples: Sequence[InspectExample], *, margin: float = MARGIN) -> SaturationView:
    """How often gates, and values of tanh or ReLU, lie within `margin` of a bound, over all steps of the examples.

    PredictionError where nothing in a model is bounded, and where its values are not finite.
    """
    architecture = architecture_of(predictor)
    bounds = architecture.bounds()
    if not bounds:
        raise PredictionError(f"saturation: {type(architecture).__name__} has no gates or bounded states")
    if not examples:
        raise PredictionError("saturation: there are no examples")
    low: dict[str, torch.Tensor] = {}
    high: dict[str, torch.Tensor] = {}
    steps = 0
    for batch in batches_of(predictor, examples):
        for name, (lower, upper) in bounds.items():
            values = batch.found[name]  # [B, T, L, D]
            check_finite(values, "saturation")
            near = values <= (lower + margin if math.isfinite(upper) else lower)
            low[name] = low.get(name, torch.zeros(())) + near.double().sum(dim=(0, 1))
            high[name] = high.get(name, torch.zeros(())) + (values >= upper - margin).double().sum(dim=(0, 1))
        steps += values.shape[0] * values.shape[1]
    return SaturationView(
        names=tuple(bounds),
        layer_titles=architecture.probed_layers(next(iter(low.values())).shape[0]),
        low={name: (total / steps).numpy() for name, total in low.items()},
        high={name: (total / steps).numpy() for name, total in high.items()},
        bounds={name: np.array(ends) for name, ends in bounds.items()},
        steps=steps,
        examples=len(examples),
        margin=margin,
        model_step=predictor.step,
    )
