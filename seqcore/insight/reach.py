"""Receptive field: which inputs an output can depend on, and does; weights of a linear model by lag."""

from __future__ import annotations

import torch

from seqcore.errors import PredictionError, no_number
from seqcore.inference.predictor import Predictor
from seqcore.insight.examples import InspectExample
from seqcore.insight.probes import architecture_of, check_finite, single
from seqcore.models import MODELS
from seqcore.results.reach import LagWeightsView, ReceptiveFieldView
from seqcore.results.thinning import evenly
from seqcore.training.isolated_rng import on_one_thread

__all__ = ["lag_weights", "receptive_field"]

_MOST_OUTPUTS = 32  # whose gradients are taken; of more, an evenly spaced sample


def receptive_field(predictor: Predictor, example: InspectExample, step: int = -1) -> ReceptiveFieldView:
    """What the architecture's output at a step (from 0; a negative one from the end) depends on.

    The gradient is the norm of the Jacobian of the output features with respect to the features read at each step. Of
    a translator, it is that of the encoder. PredictionError for replicas, for a step that there is not, and where the
    gradient is not finite.
    """
    model = single(predictor)
    inputs = predictor.task.encode(predictor.codec(example.series), example.given)
    stage = predictor.task.first_stage(model, inputs)
    architecture, steps = stage.architecture, stage.x.shape[1]
    if not -steps <= step < steps:
        raise no_number("step", step, steps)
    step %= steps
    chosen = evenly(architecture.output_size, _MOST_OUTPUTS)
    with on_one_thread(), torch.enable_grad():
        x = stage.x.detach().expand(len(chosen), -1, -1).clone().requires_grad_()
        y, _ = architecture(x)
        outputs = y[:, min(step, y.shape[1] - 1)][torch.arange(len(chosen)), torch.from_numpy(chosen)]
        (found,) = torch.autograd.grad(outputs.sum(), x)
    check_finite(found, "reach")
    fixed = architecture.capabilities.fixed_window
    return ReceptiveFieldView(
        steps=example.steps,
        step=steps - 1 if fixed else step,
        reach=architecture.reach(),
        gradient=found.double().square().sum(dim=(0, 2)).sqrt().numpy(),
        whole=predictor.experiment.model.bidirectional or not architecture.capabilities.causal,
        model_step=predictor.step,
        architecture=MODELS[predictor.experiment.model.architecture].title,
        title=example.title,
    )


def lag_weights(predictor: Predictor) -> LagWeightsView:
    """The weights of a linear model by lag. PredictionError for any other architecture."""
    weights = architecture_of(predictor).lag_weights()
    title = MODELS[predictor.experiment.model.architecture].title
    if weights is None:
        raise PredictionError(f"weights: those of {title} do not belong to lags; NLinear's do")
    return LagWeightsView(weights.double().cpu().numpy(), predictor.step, title)
